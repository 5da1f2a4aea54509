import type { Client } from '../commands/client.ts'
import { VerifyUserDocument, type VerifyUserQuery } from '../gql/graphql.ts'
import { DAY_MS, type RetentionLimits } from '../model.ts'
import type { Merged } from './merge.ts'

/** Something of the source that is not here as it was there. */
export interface Difference {
  userId: string
  /** A field, or the time of a conversation or point. */
  what: string
  there: string
  here: string
}

export interface Verified {
  users: number
  conversations: number
  /** Not here because the retention keeps no more. */
  beyondRetention: number
  differences: number
}

type Found = NonNullable<VerifyUserQuery['user']>

/** Compares one user. What was recorded here since is no difference: counters may be higher, and newer conversations may have taken the place of older ones. */
export async function compareUser(
  client: Client,
  user: Merged,
  { limits, now }: { limits: RetentionLimits; now: number },
): Promise<{ differences: Difference[]; beyondRetention: number }> {
  const { userId } = user
  const found = await readUser(client, userId)
  if (!found) return { differences: [{ userId, what: 'user', there: 'present', here: 'missing' }], beyondRetention: 0 }
  const differences: Difference[] = []
  const differ = (what: string, there: unknown, here: unknown) =>
    differences.push({ userId, what, there: String(there), here: String(here) })
  if (found.totalChats < user.totalChats) differ('totalChats', user.totalChats, found.totalChats)
  if (found.totalRiskAlerts < user.totalRiskAlerts) differ('totalRiskAlerts', user.totalRiskAlerts, found.totalRiskAlerts)
  if (user.createdAt !== null && Date.parse(found.createdAt) > user.createdAt)
    differ('createdAt', new Date(user.createdAt).toISOString(), found.createdAt)
  if (user.lastActiveAt !== null && Date.parse(found.lastActiveAt ?? '1970-01-01') < user.lastActiveAt)
    differ('lastActiveAt', new Date(user.lastActiveAt).toISOString(), found.lastActiveAt)
  const names = new Set(found.topics.edges.map(({ node }) => node.name))
  for (const topic of user.topics) if (!names.has(topic)) differ('topic', topic, 'missing')

  let beyondRetention = 0
  const isKept = (at: number, days: number, cap: number, items: readonly { occurredAt: string }[]): boolean => {
    const oldest = items.at(-1)
    const isCrowdedOut = cap > 0 && items.length >= cap && oldest !== undefined && at <= Date.parse(oldest.occurredAt)
    return !(days > 0 && at < now - days * DAY_MS) && !isCrowdedOut
  }
  const conversations = found.conversations.edges.map(({ node }) => node)
  for (const turn of user.turns) {
    const same = conversations.find(({ occurredAt, query }) => Date.parse(occurredAt) === turn.at && query === turn.query)
    if (!same && !isKept(turn.at, limits.conversationsDays, limits.conversations, conversations)) beyondRetention += 1
    else if (!same) differ(`conversation of ${turn.stamp}`, 'present', 'missing')
    else
      for (const field of ['response', 'riskLevel', 'emotionScore', 'references'] as const)
        if (same[field] !== turn[field]) differ(`${field} of the conversation of ${turn.stamp}`, 'as it was', 'is another')
  }
  const points = found.emotions.edges.map(({ node }) => node)
  for (const point of user.points) {
    const same = points.some(
      (each) => Date.parse(each.occurredAt) === point.at && each.score === point.score && each.riskLevel === point.riskLevel,
    )
    if (!same && isKept(point.at, limits.emotionsDays, limits.emotions, points))
      differ(`emotion point of ${point.stamp}`, 'present', 'missing')
  }
  return { differences, beyondRetention }
}

/** A user with all that is kept of them. */
async function readUser(client: Client, userId: string): Promise<Found | null> {
  let whole: Found | null = null
  let places: { after: string | null; afterPoint: string | null } = { after: null, afterPoint: null }
  for (;;) {
    const { user }: VerifyUserQuery = await client.execute(VerifyUserDocument, { userId, ...places })
    if (!user) return null
    if (whole) {
      // A list that is through comes again from its end, with nothing.
      user.conversations.edges.unshift(...whole.conversations.edges)
      user.emotions.edges.unshift(...whole.emotions.edges)
    }
    whole = user
    const { conversations, emotions } = user
    if (!conversations.pageInfo.hasNextPage && !emotions.pageInfo.hasNextPage) return whole
    places = {
      after: conversations.pageInfo.endCursor ?? places.after,
      afterPoint: emotions.pageInfo.endCursor ?? places.afterPoint,
    }
  }
}
