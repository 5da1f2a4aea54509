import type { Language } from './phrases.ts'

export const english: Language = {
  space: ' ',
  openings: {
    low: [
      "It's me again.",
      'Today was hard.',
      "I don't know where to start.",
      'I cried in the bathroom at lunch.',
      'Nothing much has changed.',
      'Sorry to bring this up again.',
    ],
    middle: [
      'I have been thinking about what you asked.',
      'It comes and goes.',
      'A quiet day, for once.',
      'I wrote some of this down on the bus.',
      'Tired, but all right.',
      'Can I tell you something?',
    ],
    high: [
      'Good news for a change.',
      'This week went better.',
      'I tried what we talked about.',
      'I woke up before the alarm and felt fine.',
      'You would be proud of me.',
      'I wanted to tell you this first.',
    ],
  },
  themes: [
    {
      low: [
        'Work is too much: I keep rereading one email for an hour.',
        'My boss sighed at my report in front of everyone, and I have been replaying it since.',
        'I have worked late for three weeks and the stress follows me home.',
      ],
      middle: [
        'Work is still busy, but I made a list and crossed two things off.',
        'A colleague took over one of my tasks, so there is a little less pressure.',
      ],
      high: [
        'I handed in the report and nobody at work found a fault.',
        'I told my boss that it was too much work, and she actually listened.',
      ],
    },
    {
      low: [
        'The exams are in two weeks, and when I study the words just slide off the page.',
        'I failed the practice exam, and now I can hardly open the books.',
        'Everybody in the library is studying and I stare at the wall.',
      ],
      middle: [
        'I studied for an hour and did half of what I had planned.',
        'My tutor says that I can still pass the exam if I keep going.',
      ],
      high: ['The exam is over, and it went better than I feared.', 'I studied all morning without checking my phone once.'],
    },
    {
      low: [
        'My parents argued on the phone again, with me in the middle.',
        'At the family dinner they compared me with my cousin, and I said nothing.',
        'My mother only calls when something is wrong with me.',
      ],
      middle: [
        'I spent the weekend with my family and we did not fight.',
        'I told my parents what I want, and they did not say no at once.',
      ],
      high: ['My dad asked how I was, and waited for the answer.', 'The whole family cooked together, and I laughed a lot.'],
    },
    {
      low: [
        'We broke up a month ago and I still reach for the phone every night.',
        'Since the breakup the flat is so quiet that I sleep at a friend’s.',
        'My boyfriend said that it was not about me, and then he left.',
      ],
      middle: [
        'I put the photos from before the breakup into a box. I did not throw it out.',
        'A friend wants me to start dating again. Not yet.',
      ],
      high: ['I walked past our old café, and the breakup hardly hurt.', 'I had a first date and forgot to be nervous.'],
    },
    {
      low: [
        'I feel so lonely in this town; I spoke to nobody all weekend.',
        'It was my birthday and the phone stayed dark. I have never felt so alone.',
        'My flatmates go out, and I listen to them leave.',
      ],
      middle: ['I went to the choir once. I was still lonely, but I went.', 'I called an old friend, and the evening felt less lonely.'],
      high: [
        'Somebody from the climbing gym saved me a seat. I did not feel alone at all.',
        'We are three now for the Sunday walk; the loneliness has moved out for a while.',
      ],
    },
    {
      low: [
        "I can't sleep. At four I heard the birds and gave up.",
        'The insomnia is back: two weeks, three hours a night.',
        'I lie there sleepless and count everything I did wrong.',
      ],
      middle: [
        'Five hours last night; the insomnia is a bit milder.',
        'No phone in bed, and I could not say that I sleep well, but the insomnia is less.',
      ],
      high: ['I slept through the night. No insomnia for a week now.', 'Only one sleepless night this week.'],
    },
    {
      low: [
        'I am anxious for no reason: my heart races and my hands sweat.',
        'I had a panic attack on the train and got off two stops early.',
        'The anxiety makes me check the door again and again, like a compulsion.',
      ],
      middle: [
        'The anxiety came, I breathed as you said, and after ten minutes it went.',
        'I still worry about everything, but I only checked the door twice.',
      ],
      high: ['A whole day without anxiety. I noticed it only in the evening.', 'I took the train to the end, and no panic.'],
    },
    {
      low: [
        'The doctor calls it depression. I call it wading through mud.',
        'Songs I loved leave me cold; I feel so depressed that even a shower is work.',
        'I cancelled on everyone again. Depression is very convincing.',
      ],
      middle: ['Three weeks on the tablets. I am not less depressed, but not more either.', 'I walked around the block, depressed or not.'],
      high: ['I caught myself humming. The depression loosened its grip today.', 'My sister said that I sounded like myself again.'],
    },
    {
      low: [
        'Everyone seems so sure of themselves, and I feel worthless next to them.',
        'I had an idea in the meeting and swallowed it. So insecure, as always.',
        'When somebody is nice to me I wait for the catch; my self-esteem is that low.',
      ],
      middle: [
        'I wrote down three things that I did well. Part of me still calls me insecure.',
        'Somebody praised me and I did not argue. That is new for my self-esteem.',
      ],
      high: ['I spoke up in the meeting, and it was a good idea.', 'For once I did not feel inferior to anyone in the room.'],
    },
    {
      low: [
        'I was laid off in spring and still leave the house every morning so that nobody notices.',
        'Third month unemployed, and the savings are nearly gone. I am scared.',
        'Another rejection. I have stopped telling people that I lost my job.',
      ],
      middle: ['Two interviews this week. Still unemployed, but busy.', 'I told my family that I was laid off. It was a relief.'],
      high: [
        'I got the job! I start on the first.',
        'The interview felt like a conversation. I am not afraid of being unemployed any more.',
      ],
    },
    {
      low: [
        'The divorce came through, and our son asked when his father is coming home.',
        'I stayed for the children, and it is nothing but pain.',
        'Since the divorce I do not know what to do with Sundays.',
      ],
      middle: [
        'Half a year after the divorce the weekends have found a rhythm.',
        'We talked about school fees without shouting. Divorced, but civil.',
      ],
      high: [
        'The children and I went to the sea. I had not been this light since the divorce.',
        'The small flat is finally mine, curtains and all.',
      ],
    },
    {
      low: [
        'Since grandmother’s death I avoid her street.',
        'Every day is the same and I feel empty, as if I were watching from outside.',
        'I graduated and feel lost; every road looks like the wrong one.',
      ],
      middle: [
        'I looked at grandmother’s photographs and could talk about her death a little.',
        'Still confused about what to do, but I have a list of three.',
      ],
      high: [
        'I cooked her soup. It tasted nearly right, and the kitchen did not feel empty.',
        'I have a plan for autumn, and the confusion is mostly gone.',
      ],
    },
    {
      low: [
        'My flatmate and I only leave each other notes now; this friendship is ending.',
        'There is some silent war in the team, and my relationships there are caught in it.',
        'A close friend stopped answering. I ruin every relationship in the end.',
      ],
      middle: [
        'We talked it through, and the friendship is bruised but there.',
        'I am slow at relationships, but today I did not run away.',
      ],
      high: [
        'My flatmate left me dinner with a note. Friendship can be mended, it seems.',
        'I asked a colleague to lunch; a small step in the social world.',
      ],
    },
  ],
  endings: {
    low: [
      'I do not know what else to do.',
      'What is the point of talking about it?',
      'I am so tired.',
      'It feels hopeless.',
      'Nobody would understand.',
      '',
    ],
    middle: ['One thing at a time.', 'What do you think?', 'I wonder how long it will last.', 'That is all for today.', '', ''],
    high: ['I wanted to share that.', 'I hope it stays.', 'So it is possible.', 'Thank you for being there.', '', ''],
  },
  reflections: {
    low: [
      'That sounds like a lot to carry.',
      'Thank you for telling me; it is not easy to say.',
      'I can hear how worn out you are.',
      'It makes sense to be sad about that.',
    ],
    middle: [
      'I hear you adjusting, bit by bit.',
      'Ups and downs are part of it.',
      'You noticed the change yourself, and that matters.',
      'Stopping to look at it is already a way of caring for yourself.',
    ],
    high: ['I am glad for you.', 'That step was yours.', 'It is good to hear you say that.', 'A moment worth writing down.'],
  },
  suggestions: {
    low: [
      'Which part of it hurts most right now?',
      'Could you do one very small thing for yourself tonight, such as a cup of tea?',
      'Is there somebody you could talk to today?',
      'We need not solve it yet. Would you tell me a little more?',
    ],
    middle: [
      'If you gave today a mark, what would it be?',
      'What helped, even slightly, the last time?',
      'What would be the smallest next step?',
      'Is there something you would like me to remember?',
    ],
    high: [
      'What do you think made the difference?',
      'How could there be more such days?',
      'How will you celebrate?',
      'On a harder day, come back and read this.',
    ],
  },
  crises: {
    MEDIUM: {
      said: [
        'Sometimes I feel that I cannot go on, though I have not thought of doing anything.',
        'It is hopeless, and I am a burden to everyone.',
        'I keep wondering whether things would be easier without me.',
      ],
      answered: [
        'Thank you for telling me; that is a heavy thought to carry alone. I want somebody to help you with it. Is anyone with you now?',
        'You are not a burden. I am asking a counsellor to contact you soon, and until then you can keep talking to me.',
      ],
    },
    HIGH: {
      said: [
        'I think about not being alive more and more, and I am afraid of myself.',
        'I do not want to wake up tomorrow, and I cannot make the thought go away.',
        'It has hurt for so long that death begins to look like the only way out.',
      ],
      answered: [
        'Are you safe right now? I care about that. Please go where other people are; I am telling the counsellor on duty to contact you.',
        'I am glad that you did not keep this to yourself. Please ask somebody you trust to stay with you; a counsellor will reach you soon, and in an emergency call 112.',
      ],
    },
    IMMINENT: {
      said: [
        'I cannot do this any longer. It will be tonight; I have written my goodbyes.',
        'I have decided, and it is today. Thank you for listening all this time.',
      ],
      answered: [
        'Please do not stay alone. The counsellor on duty knows; call your emergency number now, or ask whoever is near to be with you. I am here.',
      ],
    },
  },
}
