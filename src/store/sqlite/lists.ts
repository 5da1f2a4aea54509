import { z } from 'zod'
import { compareKeys, type Keep, keepOf, type Policy } from '../rules.ts'
import type { Key } from '../store.ts'
import { Count } from './rows.ts'
import { all, type Fragment, type Sql } from './sql.ts'

/** The two lists of a user, tables with user_id, occurred_at and id, ordered by (occurred_at, id). */
export type List = 'conversations' | 'emotions'
export const LISTS: readonly List[] = ['conversations', 'emotions']

interface Owner {
  userId: string
  rev: number
}

/** Whether there are policies that a user, last touched by event `rev`, has not met. */
export const hasUnmet = (policies: readonly Policy[], rev: number): boolean => (policies.at(-1)?.n ?? 0) > rev

const PlaceRow = z.object({ occurredAt: z.int(), id: z.string() })

/** The key of the item that is the `place`-th newest, from 0. The cap bounds how far this counts. */
function newest(sql: Sql, list: List, userId: string, place: number): Key | null {
  const found = sql.get(
    PlaceRow,
    `SELECT occurred_at AS occurredAt, id FROM ${list} WHERE user_id = ? ORDER BY occurred_at DESC, id DESC LIMIT 1 OFFSET ?`,
    userId,
    place,
  )
  return found && [found.occurredAt, found.id]
}

/** The condition that selects what is visible of a user's list at the time `now`. */
export function visible(sql: Sql, list: List, owner: Owner, policies: readonly Policy[], now: number): Fragment {
  const { cap, floor } = keepOf(policies, owner.rev, now)[list]
  const conditions: Fragment[] = [{ sql: 'user_id = ?', params: [owner.userId] }]
  if (Number.isFinite(floor)) conditions.push({ sql: 'occurred_at >= ?', params: [floor] })
  // A list that has met the newest policy is never over its cap.
  const oldest = Number.isFinite(cap) && hasUnmet(policies, owner.rev) ? newest(sql, list, owner.userId, cap - 1) : null
  if (oldest) conditions.push({ sql: '(occurred_at, id) >= (?, ?)', params: oldest })
  return all(conditions)
}

export function countVisible(sql: Sql, list: List, owner: Owner, policies: readonly Policy[], now: number): number {
  const condition = visible(sql, list, owner, policies, now)
  return sql.get(Count, `SELECT count(*) AS count FROM ${list} WHERE ${condition.sql}`, ...condition.params)?.count ?? 0
}

/** Removes what is not kept. Answers how many items went. */
export function cut(sql: Sql, list: List, userId: string, { cap, floor }: Keep): number {
  const expired = Number.isFinite(floor) ? sql.run(`DELETE FROM ${list} WHERE user_id = ? AND occurred_at < ?`, userId, floor) : 0
  const beyond = Number.isFinite(cap) ? newest(sql, list, userId, cap) : null
  if (!beyond) return expired
  return expired + sql.run(`DELETE FROM ${list} WHERE user_id = ? AND (occurred_at, id) <= (?, ?)`, userId, ...beyond)
}

/** After an insertion: removes what is over the cap (0: none). Answers whether the item with this key is still there. */
export function keepsWithin(sql: Sql, list: List, userId: string, cap: number, key: Key): boolean {
  const beyond = cap > 0 ? newest(sql, list, userId, cap) : null
  if (!beyond) return true
  sql.run(`DELETE FROM ${list} WHERE user_id = ? AND (occurred_at, id) <= (?, ?)`, userId, ...beyond)
  return compareKeys(key, beyond) > 0
}

/** Removes a whole list. Answers how many rows went. */
export const drop = (sql: Sql, list: List, userId: string): number => sql.run(`DELETE FROM ${list} WHERE user_id = ?`, userId)
