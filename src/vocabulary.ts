/** A topic, and the words in a message that stand for it: Chinese ones wherever they occur, others as whole words, in any case. */
export interface TopicRule {
  readonly topic: string
  readonly words: readonly string[]
}

const rule = (topic: string, english: string): TopicRule => ({ topic, words: [topic, ...english.split(', ')] })

/** The predecessor's 24 words in its order, each with common English words for the same thing. */
export const DEFAULT_VOCABULARY: readonly TopicRule[] = [
  rule('焦虑', 'anxious, anxiety, worry, worried, worrying, nervous, panic'),
  rule('抑郁', 'depressed, depression, depressing, depressive'),
  rule('压力', 'stress, stressed, stressful, pressure, overwhelmed'),
  rule('失眠', "insomnia, sleepless, sleeplessness, can't sleep, can’t sleep, cannot sleep, couldn't sleep, couldn’t sleep"),
  rule('工作', 'work, working, job, jobs, career, workplace, boss'),
  rule('学习', 'study, studies, studying, studied, learning, school, homework'),
  rule('家庭', 'family, families'),
  rule('父母', 'parent, parents, mother, father, mom, mum, dad'),
  rule('恋爱', 'in love, dating, romance, romantic, boyfriend, girlfriend'),
  rule('分手', 'breakup, breakups, break-up, break up, breaking up, broke up, broken up'),
  rule('孤独', 'lonely, loneliness, alone, isolated'),
  rule('自卑', 'inferior, inferiority, self-esteem, worthless, insecure'),
  rule('恐惧', 'fear, fears, afraid, scared, frightened, terrified, phobia'),
  rule('强迫', 'compulsive, compulsion, compulsions, obsessive, obsession, obsessions, OCD'),
  rule('社交', 'social, socially, socialize, socialise, socializing, socialising'),
  rule('人际', 'interpersonal, relationship, relationships, friendship, friendships'),
  rule('考试', 'exam, exams, examination, examinations'),
  rule('失业', 'unemployed, unemployment, jobless, laid off, layoff, lost my job'),
  rule('离婚', 'divorce, divorced, divorcing'),
  rule('死亡', 'death, die, died, dying'),
  rule('痛苦', 'pain, painful, suffer, suffering, misery, miserable, agony'),
  rule('绝望', 'despair, hopeless, hopelessness, desperate'),
  rule('迷茫', 'confused, confusion, aimless, feel lost, feeling lost'),
  rule('空虚', 'empty, emptiness, hollow'),
]
