import { createHash } from 'node:crypto'
import type { MigratedUserInput } from '../gql/graphql.ts'
import { type Merged, nameOf } from './merge.ts'

/** Under what an item is known here: it begins with its time, so that what happened within a millisecond keeps its order. */
const idOf = (stamp: string, ...content: readonly string[]): string =>
  `${stamp} ${createHash('sha256').update(content.join('\0')).digest('hex').slice(0, 32)}`

const iso = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString())

/** Of one request; what is more of a user goes in several, each with the same counters. */
const MAX_CONVERSATIONS = 500
const MAX_PARTS = 1_000

/** A user as they are to be taken over. */
export function plansOf(user: Merged, source: string): MigratedUserInput[] {
  const { conversations, topics, emotions, ...rest } = planOf(user, source)
  const count = Math.max(
    1,
    ...[conversations.length / MAX_CONVERSATIONS, topics.length / MAX_PARTS, emotions.length / MAX_PARTS].map(Math.ceil),
  )
  const part = <T>(items: readonly T[], i: number, size: number): T[] => items.slice(i * size, (i + 1) * size)
  return Array.from({ length: count }, (_, i) => ({
    ...rest,
    conversations: part(conversations, i, MAX_CONVERSATIONS),
    topics: part(topics, i, MAX_PARTS),
    emotions: part(emotions, i, MAX_PARTS),
  }))
}

function planOf(user: Merged, source: string): MigratedUserInput {
  return {
    userId: user.userId,
    source,
    createdAt: iso(user.createdAt),
    lastActiveAt: iso(user.lastActiveAt),
    totalChats: user.totalChats,
    totalRiskAlerts: user.totalRiskAlerts,
    topics: [...user.topics],
    conversations: user.turns.map(({ stamp, at, query, ...turn }) => ({
      id: idOf(stamp, nameOf({ stamp, query })),
      occurredAt: new Date(at).toISOString(),
      query,
      response: turn.response,
      riskLevel: turn.riskLevel,
      emotionScore: turn.emotionScore,
      references: turn.references,
    })),
    emotions: user.points.map(({ stamp, at, score, riskLevel }) => ({
      id: idOf(stamp, 'emotion', riskLevel),
      occurredAt: new Date(at).toISOString(),
      score,
      riskLevel,
    })),
  }
}
