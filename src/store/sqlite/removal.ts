import { z } from 'zod'
import { DAY_MS } from '../../model.ts'
import type { Event, Removed } from '../store.ts'
import { setMark } from './copies.ts'
import { countVisible, drop } from './lists.ts'
import { meetPolicies, remember, remembered } from './recorded.ts'
import { dropPacks } from './replica/packs.ts'
import type { Sql } from './sql.ts'
import { type EventOf, expiryOf, type Judged, newestLimits, type Step, tombstoneOf } from './state.ts'
import { dropTopics } from './topics.ts'
import { countAlerts, loadUser, saveUser, touched, type UserRecord } from './users.ts'

/** Conversations, points, topics and the texts in alerts go; counters, alerts and the memory of ids stay. */
export function cleared(step: Step, event: EventOf<'cleared'>): Judged {
  const { sql, n } = step
  const user = loadUser(sql, event.user)
  if (!user) return { type: 'conflict', n }
  const after = touched(user, n, event.acceptedAt)
  if (isRemovedBefore(step, event, user)) return removedBefore(step, user, event)
  const removed = removeLists(step, user, event.acceptedAt)
  sql.run('UPDATE alerts SET exchange = NULL WHERE user_id = ? AND exchange IS NOT NULL', user.userId)
  dropPacks(sql, [user.userId])
  saveUser(sql, { ...after, lastPoints: [] })
  remember(sql, event, '0', null)
  return applied(n, removed)
}

/**
 * Everything goes, what the log says of the user too, and a mark stays that keeps it so. `upTo`: what was accepted until then was there
 * to be removed; after what is here, unless it is known.
 */
export function erased(step: Step, event: EventOf<'erased'>, upTo?: number): Judged {
  const { sql, n } = step
  const user = loadUser(sql, event.user)
  const before = tombstoneOf(step)
  const { upTo: known } = event.payload
  if (known !== undefined && user && isErasedBefore(step, event)) {
    setMark(sql, 'tombstones', step.mark, known)
    voidLog(sql, event.user, n, known)
    return removedBefore(step, user, event)
  }
  const at =
    upTo ?? Math.max(event.acceptedAt, known ?? 0, user?.acceptedAt ?? 0, before === null ? 0 : known === undefined ? before + 1 : before)
  const removed = removeUser(step, event.user, user?.rev ?? 0, event.acceptedAt)
  setMark(sql, 'tombstones', step.mark, at)
  return applied(n, removed)
}

/** An erasure that was applied elsewhere comes with the time up to which: where nothing is as old as that, it has nothing to do. */
export const isErasedBefore = ({ sql }: Step, { user, payload: { upTo } }: EventOf<'erased'>): boolean =>
  upTo !== undefined && (loadUser(sql, user)?.oldestAt ?? 0) > upTo

/** An event as it is kept once it is applied. */
export const asApplied = (step: Step, event: Event): Event =>
  event.kind === 'erased' ? { ...event, payload: { ...event.payload, upTo: tombstoneOf(step) ?? event.acceptedAt } } : event

export const NOTHING: Removed = { conversations: 0, emotions: 0, topics: 0, alerts: 0, redisKeys: null, sqliteRows: 0 }

/** Whether a removal of these lists was applied to the user already. */
export const isRemovedBefore = (step: Step, event: EventOf<'cleared' | 'expired'>, user: UserRecord): boolean =>
  event.kind === 'cleared'
    ? remembered(step.sql, event) !== null
    : Math.max(user.strippedAt ?? -1, expiryOf(step) ?? -1) >= event.acceptedAt

/** A removal that comes again changes nothing: what there is came after it. */
export function removedBefore(step: Step, user: UserRecord, { acceptedAt }: Event): Judged {
  meetPolicies(step, user, acceptedAt)
  saveUser(step.sql, touched(user, step.n, acceptedAt))
  return applied(step.n, NOTHING)
}

/** After long inactivity a user goes without a mark; one who has alerts stays, without lists and topics. */
export function expired(step: Step, event: EventOf<'expired'>): Judged {
  const user = loadUser(step.sql, event.user)
  const { profileDays } = newestLimits(step.policies)
  return user && isDue(user, profileDays, event.acceptedAt) ? expire(step, event, user) : { type: 'conflict', n: step.n }
}

/** The same, of a user who is due elsewhere. */
export function expire(step: Step, event: EventOf<'expired'>, user: UserRecord): Judged {
  const { sql, n } = step
  if (sql.exists('SELECT 1 FROM alerts WHERE user_id = ?', user.userId)) {
    const removed = removeLists(step, user, event.acceptedAt)
    saveUser(sql, { ...touched(user, n, event.acceptedAt), strippedAt: event.acceptedAt })
    return applied(n, removed)
  }
  const removed = removeUser(step, user.userId, user.rev, event.acceptedAt)
  setMark(sql, 'expiries', step.mark, event.acceptedAt)
  return applied(n, removed)
}

function isDue(user: UserRecord, days: number, at: number): boolean {
  if (days === 0 || (user.strippedAt !== null && user.strippedAt >= at)) return false
  return (user.lastActiveAt ?? user.createdAt) + days * DAY_MS <= at
}

const applied = (n: number, removed: Removed): Judged => ({ type: 'applied', n, kept: false, alertId: null, removed })

function removeLists({ sql, policies }: Step, user: { userId: string; rev: number }, at: number): Removed {
  const conversations = countVisible(sql, 'conversations', user, policies, at)
  const emotions = countVisible(sql, 'emotions', user, policies, at)
  const rows = drop(sql, 'conversations', user.userId) + drop(sql, 'emotions', user.userId)
  const topics = dropTopics(sql, user.userId)
  return { conversations, emotions, topics, alerts: 0, redisKeys: null, sqliteRows: rows + topics }
}

/** Everything of the user and, in the log, of their earlier events. */
function removeUser(step: Step, userId: string, rev: number, at: number): Removed {
  const { sql, n } = step
  const removed = removeLists(step, { userId, rev }, at)
  const alerts = countAlerts(sql, userId)
  // It says nothing that is not in the rows, so it is not counted beside them.
  dropPacks(sql, [userId])
  const before = totalChanges(sql)
  sql.run('DELETE FROM users WHERE user_id = ?', userId)
  const rows = totalChanges(sql) - before
  voidLog(sql, userId, n)
  if (removed.sqliteRows + rows > 0) sql.run('UPDATE meta SET unscrubbed = 1')
  return { ...removed, alerts, sqliteRows: removed.sqliteRows + rows }
}

/** What the log says of a user before an index, and up to a time, goes, but that they were erased, or expired. */
export function voidLog(sql: Sql, userId: string, n: number, upTo = Number.MAX_SAFE_INTEGER): void {
  const voided = sql.run(
    `UPDATE log SET outcome = 'erased', id = NULL, user_id = NULL, payload = NULL, alert_events = NULL, formerly = NULL
     WHERE user_id = ? AND n < ? AND min(accepted_at, occurred_at) <= ? AND kind NOT IN ('erased', 'expired')`,
    userId,
    n,
    upTo,
  )
  if (voided > 0) sql.run('UPDATE meta SET unscrubbed = 1')
}

const Changes = z.object({ changes: z.int() })
/** Counts the rows that go with their parent too. */
const totalChanges = (sql: Sql): number => sql.get(Changes, 'SELECT total_changes() AS changes')?.changes ?? 0
