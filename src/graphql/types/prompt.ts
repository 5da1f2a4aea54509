import type { GraphQLResolveInfo } from 'graphql'
import { DEFAULT_TURNS, type PromptContext as Prompt, promptContext } from '../../services/prompt.ts'
import { emotionTrend, type EmotionTrend as Trend } from '../../services/trend.ts'
import type { ReadRequest } from '../../store/store.ts'
import { argumentsOf } from '../ahead.ts'
import { TEXT } from '../audit.ts'
import { builder } from '../builder.ts'
import { checkRange } from '../check.ts'
import { MAX_PAGE } from '../paging.ts'
import { CARE, FOR_SERVICE, IN_PROMPT, PROMPT } from '../roles.ts'
import { Attention } from './enums.ts'
import { Conversation, User } from './refs.ts'

const PromptContext = builder.objectRef<Prompt & { userId: string }>('PromptContext').implement({
  authScopes: PROMPT,
  description: "Text for a language model's prompt, with where it came from; never another person's words.",
  fields: (t) => ({
    text: t.exposeString('text', {
      ...TEXT,
      description:
        'The conversations, oldest first, with a blank line between: `第{i}轮（YYYY-MM-DD）：`, `用户：{query}`, `咨询师：{first 100 code points of the response}...`. Dates are in LOCAL_TIME_ZONE. Empty when there is nothing.',
    }),
    estimatedTokens: t.exposeInt('estimatedTokens', {
      description: 'Estimated size of the text: one token a CJK code point, and one for each 4 others, rounded up.',
    }),
    conversations: t.field({
      grantScopes: [IN_PROMPT],
      type: [Conversation],
      description: 'The conversations that the text holds, oldest first.',
      resolve: ({ conversations }) => [...conversations],
    }),
  }),
})

const EmotionTrend = builder.objectRef<Trend>('EmotionTrend').implement({
  authScopes: CARE,
  description: "Where a person's mood is going: over the kept points that have a score, oldest to newest.",
  fields: (t) => ({
    count: t.exposeInt('count', { description: 'How many points have a score.' }),
    mean: t.exposeFloat('mean', { nullable: true, description: 'Mean score; null without points.' }),
    movingAverage: t.exposeFloatList('movingAverage', {
      description: 'Mean of each `window` points in a row, oldest first: count - window + 1 values, none if there are fewer points.',
    }),
    volatility: t.exposeFloat('volatility', {
      nullable: true,
      description: 'Sample standard deviation of the scores; null below 2 points.',
    }),
    slopePerDay: t.exposeFloat('slopePerDay', {
      nullable: true,
      description: 'Change of score a day, by least squares over the times; null below 2 distinct times.',
    }),
    attention: t.expose('attention', { type: Attention, description: 'The same as `attention` of the user.' }),
  }),
})

/** More points than any retention is meant to keep of one user. */
const ALL = 1_000_000
const MAX_WINDOW = 1_000
const MAX_TOKENS = 1_000_000
const MAX_TURNS = MAX_PAGE

const latest = (userId: string, limit: number) => ({ kind: 'conversations', userId, page: { take: 'first', limit } }) as const

/** What `context` will ask of a person, where that is selected. */
export const readsOfContext = (userId: string, info: GraphQLResolveInfo): ReadRequest[] =>
  argumentsOf(info, 'context').flatMap(({ maxTurns }) => {
    const limit = maxTurns ?? DEFAULT_TURNS
    return typeof limit === 'number' && limit >= 0 && limit <= MAX_TURNS ? [latest(userId, limit)] : []
  })

builder.objectFields(User, (t) => ({
  emotionTrend: t.field({
    type: EmotionTrend,
    description: 'Where their mood is going.',
    args: { window: t.arg.int({ defaultValue: 3, description: 'How many points in a row movingAverage takes together: 1 to 1000.' }) },
    resolve: async ({ userId, attention }, { window }, { load }) => {
      const size = checkRange('window', window ?? 3, 1, MAX_WINDOW)
      const { items } = await load({ kind: 'emotions', userId, page: { take: 'first', limit: ALL } })
      const scored = items.flatMap(({ value: { occurredAt, score } }) => (score === null ? [] : { occurredAt, score }))
      return emotionTrend(scored.reverse(), size, attention)
    },
  }),
  context: t.field({
    ...FOR_SERVICE,
    type: PromptContext,
    description: "Their latest conversations as text for a language model's prompt.",
    args: {
      maxTurns: t.arg.int({ defaultValue: DEFAULT_TURNS, description: 'At most so many conversations: 0 to 100.' }),
      maxTokens: t.arg.int({
        description:
          'At most so many estimated tokens, 0 to 1,000,000: whole conversations are left out, the oldest first. Without limit when left out.',
      }),
    },
    resolve: async ({ userId }, { maxTurns, maxTokens }, { load, services }) => {
      const limit = checkRange('maxTurns', maxTurns ?? DEFAULT_TURNS, 0, MAX_TURNS)
      const tokens = maxTokens == null ? {} : { maxTokens: checkRange('maxTokens', maxTokens, 0, MAX_TOKENS) }
      const { items } = await load(latest(userId, limit))
      const newestFirst = items.map(({ value }) => value)
      return { ...promptContext(newestFirst, { ...tokens, timeZone: services.config.localTimeZone }), userId }
    },
  }),
}))
