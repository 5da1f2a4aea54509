import { createHmac, hash, type KeyObject } from 'node:crypto'
import { DAY_MS, type Limits, type RiskLevel, riskRank } from '../model.ts'
import type { Event, Key, Page, ReadRequest, Slice, View } from './store.ts'

/** How long the log reaches back, by acceptedAt. */
export const LOG_RETENTION_MS = 30 * DAY_MS

const REMEMBERED_MARKS = 10_000
const marks = new WeakMap<KeyObject, Map<string, string>>()

/**
 * A user's name among the erased and expired: tells whether a given user is one of them, but not who they were. The same in every store.
 * It is wanted again and again, and costs more than most of what is done about an event: what is known under a key is kept with that.
 */
export function markOf(tombstoneKey: KeyObject, userId: string): string {
  const known = marks.get(tombstoneKey) ?? new Map<string, string>()
  marks.set(tombstoneKey, known)
  let mark = known.get(userId)
  if (mark === undefined) {
    if (known.size >= REMEMBERED_MARKS) known.clear()
    mark = createHmac('sha256', tombstoneKey).update(userId).digest('hex')
    known.set(userId, mark)
  }
  return mark
}

/** Hash over (origin, seq) of a log's entries up to one, from that of the entry before it ('' before the first). Redis computes the same. */
export const chainOf = (previous: string, origin: string, seq: number): string => hash('sha1', `${previous}\0${origin}\0${seq}`)

/** Names an event for ever: the same one may come again, when a store was filled with what was made of it, or went back. */
export const sourceOf = ({ seq, origin }: Pick<Event, 'seq' | 'origin'>): string => `${seq} ${origin}`

/** The event that `sourceOf` names. */
export function sourceIn(name: string): { origin: string; seq: number } | null {
  const [, seq, origin] = /^(\d+) (.+)$/s.exec(name) ?? []
  return origin === undefined ? null : { origin, seq: Number(seq) }
}

/** Order of UTF-8 bytes, which is what Redis and SQLite sort by (JavaScript's `<` sorts UTF-16 units). */
export const compareBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

export const compareKeys = (a: Key, b: Key): number => a[0] - b[0] || compareBytes(a[1], b[1])

/** Sort number of the users' order RISK_DESC: by risk, then by last activity. */
export const riskOrder = (risk: RiskLevel, lastActiveAt: number | null): number => riskRank(risk) * 1e13 + (lastActiveAt ?? 0)

/** Sort number of alerts: most severe first, then oldest. */
export const alertOrder = (level: RiskLevel, raisedAt: number): number => (4 - riskRank(level)) * 1e13 + raisedAt

/** What a source had counted of a user, conversations and risk alerts, and what was taken over from it one by one. */
export type Tally = readonly [chats: number, riskAlerts: number, importedChats: number, importedRiskAlerts: number]
export type Sources = Readonly<Record<string, Tally>>

/** What a source stands for in the user's totals: what it had counted, or what came of it one by one where that is more. */
export const standing = (
  [chats, riskAlerts, importedChats, importedRiskAlerts]: Tally = [0, 0, 0, 0],
): {
  chats: number
  riskAlerts: number
} => ({ chats: Math.max(chats, importedChats), riskAlerts: Math.max(riskAlerts, importedRiskAlerts) })

/** The totals of a user and what is known of their sources, once that of one has changed. */
export function withTally<T extends { totalChats: number; totalRiskAlerts: number; sources: Sources }>(
  user: T,
  source: string,
  tally: Tally,
): T {
  const [before, after] = [standing(user.sources[source]), standing(tally)]
  return {
    ...user,
    totalChats: user.totalChats + after.chats - before.chats,
    totalRiskAlerts: user.totalRiskAlerts + after.riskAlerts - before.riskAlerts,
    sources: { ...user.sources, [source]: tally },
  }
}

/** One conversation more was taken over from a source. */
export const withImported = ([chats, riskAlerts, importedChats, importedRiskAlerts]: Tally = [0, 0, 0, 0], isRisky: boolean): Tally => [
  chats,
  riskAlerts,
  importedChats + 1,
  importedRiskAlerts + (isRisky ? 1 : 0),
]

/** Under what a topic is remembered that was taken over from a source, so that it is counted once. */
export const adoptedTopic = (source: string, name: string): string => `${source} topic ${name}`

/** A retention policy and the index and time of the event that set it. */
export interface Policy {
  n: number
  at: number
  limits: Limits
}

/** What is kept of a list: at most `cap` items, none that occurred before `floor`. */
export interface Keep {
  cap: number
  floor: number
}

/**
 * What is kept of the lists of a user whose last event had index `rev`, at the time `now`.
 *
 * Policies change nothing when they are logged: a user meets them at the next event. Until then every policy since `rev`
 * counts, each up to the time at which the next one replaced it, so that raising a limit brings nothing back.
 */
export function keepOf(policies: readonly Policy[], rev: number, now: number): { conversations: Keep; emotions: Keep } {
  const first = Math.max(
    0,
    policies.findLastIndex((policy) => policy.n <= rev),
  )
  const met = policies.slice(first)
  const keep = (count: (limits: Limits) => number, days: (limits: Limits) => number): Keep => ({
    cap: Math.min(...met.map(({ limits }) => count(limits) || Number.POSITIVE_INFINITY)),
    floor: Math.max(
      ...met.map(({ limits }, i) => (days(limits) ? (met[i + 1]?.at ?? now) - days(limits) * DAY_MS : Number.NEGATIVE_INFINITY)),
    ),
  })
  return {
    conversations: keep(
      (limits) => limits.conversations,
      (limits) => limits.conversationsDays,
    ),
    emotions: keep(
      (limits) => limits.emotions,
      (limits) => limits.emotionsDays,
    ),
  }
}

/** The part of a whole ordering, given in ascending key order, that a page asks for. */
export function sliceOf<T>(values: readonly T[], keyOf: (value: T) => Key, page: Page): Slice<T> {
  const all = values.map((value) => ({ key: keyOf(value), value })).sort((a, b) => compareKeys(a.key, b.key))
  const { after, before } = page
  const from = after ? all.filter(({ key }) => compareKeys(key, after) <= 0).length : 0
  const to = before ? all.filter(({ key }) => compareKeys(key, before) < 0).length : all.length
  const start = page.take === 'first' ? from : Math.max(from, to - page.limit)
  const end = page.take === 'first' ? Math.min(to, from + page.limit) : to
  return {
    items: all.slice(start, Math.max(start, end)),
    hasPrevious: start > 0,
    hasNext: end < all.length,
    total: all.length,
    resume: null,
  }
}

/** What is due is asked for by the passing of time, which sees everybody: a view of it would be a mistake. */
export function checkView(requests: readonly ReadRequest[], view: View | undefined): void {
  if (view && requests.some(({ kind }) => kind === 'dueAlerts' || kind === 'alertCounts'))
    throw new Error('What is due, and how many alerts there are, is of everybody.')
}
