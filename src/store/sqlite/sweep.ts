import { z } from 'zod'
import { DAY_MS } from '../../model.ts'
import { keepOf, LOG_RETENTION_MS } from '../rules.ts'
import type { SweepReport } from '../store.ts'
import { cut, LISTS } from './lists.ts'
import { trimLog } from './log.ts'
import { oldestKnown } from './recorded.ts'
import { countFrom, Time, UnsureTime } from './rows.ts'
import type { Sql } from './sql.ts'
import { loadPolicies, newestLimits } from './state.ts'

/** What is past its deadline is removed a day later, so that no clock that is a little behind could still ask for it. */
const GRACE_MS = DAY_MS
/** Ids are kept for so long, and the newest thousand of each user (recorded.ts) for longer. */
export const IDS_MS = 30 * DAY_MS

const Sweepable = z.object({ userId: z.string(), rev: countFrom(0) })

interface SweptUsers {
  users: number
  removedItems: number
  /** The last of them; null when there are no more. */
  last: string | null
}

/** Tidies the next users after one, in the order of their ids. */
export function sweepUsers(sql: Sql, after: string, limit: number, now: number): SweptUsers {
  const policies = loadPolicies(sql)
  const users = sql.all(Sweepable, 'SELECT user_id AS userId, rev FROM users WHERE user_id > ? ORDER BY user_id LIMIT ?', after, limit)
  let removedItems = 0
  for (const { userId, rev } of users) {
    const keep = keepOf(policies, rev, now - GRACE_MS)
    for (const list of LISTS) removedItems += cut(sql, list, userId, keep[list])
    forgetIds(sql, userId, now - IDS_MS)
  }
  return { users: users.length, removedItems, last: users.length < limit ? null : (users.at(-1)?.userId ?? null) }
}

function forgetIds(sql: Sql, userId: string, before: number): void {
  if (!sql.exists('SELECT 1 FROM seen WHERE user_id = ? AND accepted_at < ? LIMIT 1', userId, before)) return
  const oldest = oldestKnown(sql, userId)
  if (oldest) sql.run('DELETE FROM seen WHERE user_id = ? AND accepted_at < ? AND (accepted_at, id) < (?, ?)', userId, before, ...oldest)
}

/** Removes the next old entries of the log. Answers how many. */
export const sweepLog = (sql: Sql, limit: number, now: number): number => trimLog(sql, now - LOG_RETENTION_MS, limit)

const Idle = z.object({ userId: z.string(), since: Time, strippedAt: UnsureTime })

/** Users whose own expiry is due. */
export function expiredUsers(sql: Sql, now: number): SweepReport['expiredUsers'] {
  const period = newestLimits(loadPolicies(sql)).profileDays * DAY_MS
  if (period === 0) return []
  const idle = sql.all(
    Idle,
    `SELECT user_id AS userId, ifnull(last_active_at, created_at) AS since, stripped_at AS strippedAt FROM users WHERE active_order <= ?`,
    now - period,
  )
  return idle
    .map(({ userId, since, strippedAt }) => ({ userId, deadline: since + period, strippedAt }))
    .filter(({ deadline, strippedAt }) => deadline <= now && (strippedAt ?? -1) < deadline)
    .map(({ userId, deadline }) => ({ userId, deadline }))
}
