import { z } from 'zod'
import { type Attention, attentionOf, DAY_MS, type EmotionPoint, isRisky, riskRank } from '../../model.ts'
import { compareKeys, keepOf, sourceOf, withImported, withTally } from '../rules.ts'
import type { Event, Key } from '../store.ts'
import { TREND } from '../triage.ts'
import { eventsToldOf, lateSignal, signal } from './alerts.ts'
import { cut, hasUnmet, keepsWithin, LISTS } from './lists.ts'
import { levelOf } from './rows.ts'
import type { Sql } from './sql.ts'
import { type EventOf, type Judged, newestLimits, type Step } from './state.ts'
import { addTopic } from './topics.ts'
import { loadUser, newUser, saveUser, touched, type UserRecord, withPoint } from './users.ts'

/** Ids are known for a week, and at least the newest thousand of each user. */
const SEEN_MS = 7 * DAY_MS
export const SEEN_IDS = 1_000
/** What happened longer ago counts, but raises no alert. */
const ALERT_MS = DAY_MS

/** Lists, points, topics, counters, alert, and the memory of the id. */
export function recorded(step: Step, event: EventOf<'recorded'>): Judged {
  const { sql, n } = step
  const { user: userId, acceptedAt, occurredAt, payload } = event
  const found = load(step, userId)
  // Mostly the id is new, and there is no alert that would go with it.
  const isNew = found !== null && !isRisky(payload.riskLevel) && rememberNew(sql, event)
  const known = found && !isNew ? remembered(sql, event) : null
  if (known) return cameBefore(step, event, known)
  if (found) meetPolicies(step, found, acceptedAt)
  const user = counted(touched(found ?? newUser(userId, n, occurredAt, acceptedAt), n, acceptedAt), event)
  user.oldestAt = Math.min(user.oldestAt, acceptedAt, occurredAt)
  user.createdAt = Math.min(user.createdAt, occurredAt)
  user.lastActiveAt = Math.max(user.lastActiveAt ?? occurredAt, occurredAt)
  const before = attentionIn(user.lastPoints)
  if (!payload.countsOnly) user.lastPoints = withPoint(user.lastPoints, [occurredAt, event.id, riskRank(payload.riskLevel)])
  // Other rows refer to the user's; it is completed below.
  if (!found) saveUser(sql, user)
  const alertId = acceptedAt - occurredAt <= ALERT_MS ? signOf(step, user, event, before) : lateSignal(step, user, event)
  save(step, user)
  const kept = !payload.countsOnly && enlist(step, event, user)
  if (!isNew || alertId !== null) remember(sql, event, payload.fingerprint, alertId)
  return { type: 'applied', n, kept, alertId, removed: null }
}

const load = ({ sql, open }: Step, userId: string): UserRecord | null => (open ? open.load(userId) : loadUser(sql, userId))
const save = ({ sql, open }: Step, user: UserRecord): void => (open ? open.save(user) : saveUser(sql, user))

/** One conversation more; of those of another system, as far as it had not counted them itself. */
function counted(user: UserRecord, { payload: { riskLevel, source } }: EventOf<'recorded'>): UserRecord {
  if (source !== undefined) return withTally(user, source, withImported(user.sources[source], isRisky(riskLevel)))
  return { ...user, totalChats: user.totalChats + 1, totalRiskAlerts: user.totalRiskAlerts + (isRisky(riskLevel) ? 1 : 0) }
}

/** Puts a conversation into the lists, with its point and topics. Answers whether it is kept. */
function enlist(step: Step, event: EventOf<'recorded'>, { totalChats, sources }: UserRecord): boolean {
  const limits = newestLimits(step.policies)
  // Nobody has more of anything than was ever recorded, but for points of another system.
  const isAdopted = Object.keys(sources).length > 0
  const capFor = (cap: number): number => (isAdopted || cap < totalChats ? cap : 0)
  const kept = addConversation(step, event, capFor(limits.conversations), limits.conversationsDays)
  addEmotion(step, event, capFor(limits.emotions), limits.emotionsDays)
  for (const name of event.payload.topics) addTopic(step.sql, event.user, name, event.occurredAt)
  return kept
}

/** Puts one that is counted already back into the lists. */
export function relist(step: Step, event: EventOf<'recorded'>): void {
  const user = loadUser(step.sql, event.user)
  if (!user || event.payload.countsOnly) return
  saveUser(step.sql, { ...user, lastPoints: withPoint(user.lastPoints, [event.occurredAt, event.id, riskRank(event.payload.riskLevel)]) })
  enlist(step, event, user)
}

/** What a conversation says of the risk that somebody is at: by itself, or as the last of several. */
function signOf(step: Step, user: UserRecord, event: EventOf<'recorded'>, before: Attention): string | null {
  const { riskLevel } = event.payload
  if (isRisky(riskLevel)) return signal(step, user, event, riskLevel)
  const day = Math.floor(event.acceptedAt / DAY_MS)
  const isTurn = before !== 'NEEDS_ATTENTION' && attentionIn(user.lastPoints) === 'NEEDS_ATTENTION'
  if (!isTurn || user.openAlertId !== null || user.trendDay === day) return null
  user.trendDay = day
  return signal(step, user, event, 'MEDIUM', TREND)
}

const attentionIn = (points: UserRecord['lastPoints']): Attention => attentionOf(points.map(([, , rank]) => levelOf(rank)))

/**
 * One whose id is known. The very same event, which may have got another origin, or a duplicate changes nothing, but the log needs it: others
 * may not have it yet, and in another order the duplicate may be the first.
 */
export function cameBefore(step: Step, event: Event, known: Known): Judged {
  const { sql, n, told } = step
  const { alertId, fingerprint } = known
  const isAgain = isSame(known, event)
  if (!isAgain && event.kind === 'recorded' && event.payload.fingerprint !== fingerprint) return { type: 'conflict', n }
  if (isAgain && alertId !== null) told.push(...eventsToldOf(sql, event, alertId))
  const user = load(step, event.user)
  if (user) {
    meetPolicies(step, user, event.acceptedAt)
    save(step, touched(user, n, event.acceptedAt))
  }
  return isAgain ? { type: 'applied', n, kept: true, alertId, removed: null } : { type: 'duplicate', n, alertId }
}

/** Whether what is remembered of an id is this very event, which may have got another origin since. */
export const isSame = ({ source }: Known, event: Event): boolean => source === sourceOf(event) || source === event.formerly

/** What newer policies than the user has met took away is removed before they no longer tell. */
export function meetPolicies({ sql, policies }: Step, user: UserRecord, at: number): void {
  if (!hasUnmet(policies, user.rev)) return
  const keep = keepOf(policies, user.rev, at)
  for (const list of LISTS) cut(sql, list, user.userId, keep[list])
}

const isTooOld = (event: EventOf<'recorded'>, days: number): boolean => days > 0 && event.occurredAt < event.acceptedAt - days * DAY_MS
/** Without the sign of a zero, which JSON would not keep either. */
const scoreOf = ({ payload: { emotionScore } }: EventOf<'recorded'>): number | null => (emotionScore === null ? null : emotionScore + 0)

function addConversation({ sql }: Step, event: EventOf<'recorded'>, cap: number, days: number): boolean {
  if (isTooOld(event, days)) return false
  const { query, response, riskLevel, references, topics } = event.payload
  sql.run(
    `INSERT INTO conversations (user_id, occurred_at, id, query, response, risk, emotion_score, reference_count, topics)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    event.user,
    event.occurredAt,
    event.id,
    query,
    response,
    riskRank(riskLevel),
    scoreOf(event),
    references,
    JSON.stringify(topics),
  )
  return keepsWithin(sql, 'conversations', event.user, cap, [event.occurredAt, event.id])
}

function addEmotion(step: Step, event: EventOf<'recorded'>, cap: number, days: number): void {
  if (isTooOld(event, days)) return
  const { id, occurredAt } = event
  addPoint(step, { userId: event.user, id, occurredAt, score: scoreOf(event), riskLevel: event.payload.riskLevel }, cap)
}

export function addPoint({ sql, n }: Step, { userId, id, occurredAt, score, riskLevel }: EmotionPoint, cap: number): void {
  sql.run(
    'INSERT INTO emotions (user_id, occurred_at, id, n, score, risk) VALUES (?, ?, ?, ?, ?, ?)',
    userId,
    occurredAt,
    id,
    n,
    score,
    riskRank(riskLevel),
  )
  keepsWithin(sql, 'emotions', userId, cap, [occurredAt, id])
}

/** What an id is remembered by, of an event or of a part of one. */
type Remembered = Pick<Event, 'user' | 'id' | 'acceptedAt' | 'origin' | 'seq'>

/** An id of unknown age counts as known: nothing may be recorded twice. */
const SeenRow = z.object({
  acceptedAt: z.int().catch(Number.MAX_SAFE_INTEGER),
  fingerprint: z.string(),
  alertId: z.string().nullable(),
  source: z.string(),
})
export type Known = z.infer<typeof SeenRow>
const SeenKey = z.object({ acceptedAt: z.int(), id: z.string() })

/** What is remembered of the event's id, as long as it counts as known. */
export function remembered(sql: Sql, event: Remembered): Known | null {
  const { user, id } = event
  const seen = sql.get(
    SeenRow,
    'SELECT accepted_at AS acceptedAt, fingerprint, alert_id AS alertId, source FROM seen WHERE user_id = ? AND id = ?',
    user,
    id,
  )
  if (!seen || seen.acceptedAt >= event.acceptedAt - SEEN_MS) return seen
  const oldest = oldestKnown(sql, user)
  return !oldest || compareKeys([seen.acceptedAt, id], oldest) >= 0 ? seen : null
}

/** The oldest of the user's newest thousand ids; null when there are fewer. */
export function oldestKnown(sql: Sql, userId: string): Key | null {
  const found = sql.get(
    SeenKey,
    'SELECT accepted_at AS acceptedAt, id FROM seen WHERE user_id = ? ORDER BY accepted_at DESC, id DESC LIMIT 1 OFFSET ?',
    userId,
    SEEN_IDS - 1,
  )
  return found && [found.acceptedAt, found.id]
}

export function remember(sql: Sql, event: Remembered, fingerprint: string, alertId: string | null): void {
  sql.run(`INSERT OR REPLACE INTO ${SEEN}`, event.user, event.id, event.acceptedAt, fingerprint, alertId, sourceOf(event))
}

/** False, and nothing changed, where something is remembered of the id. */
const rememberNew = (sql: Sql, event: EventOf<'recorded'>): boolean =>
  sql.run(`INSERT OR IGNORE INTO ${SEEN}`, event.user, event.id, event.acceptedAt, event.payload.fingerprint, null, sourceOf(event)) === 1

const SEEN = 'seen (user_id, id, accepted_at, fingerprint, alert_id, source) VALUES (?, ?, ?, ?, ?, ?)'
