import { z } from 'zod'
import { markOf } from '../../rules.ts'
import type { Event } from '../../store.ts'
import { judge, loadPositions, positionOf, savePositions } from '../apply.ts'
import { EVENT as EVENT_ROW, EventRow } from '../log.ts'
import type { Sql } from '../sql.ts'
import { loadMeta, loadPolicies, type Step } from '../state.ts'
import { applyAgain, renumber, setAhead, settleAhead } from './ahead.ts'
import { appliedTo, HELD as EVENT, POSITIONS } from './journal.ts'

const OF_HELD = EVENT.replaceAll(/\w+/g, 'held.$&')

/**
 * Before everything is taken over from Redis anew: what is held here stays for as long as it would have in the log; and it is noted up
 * to where the users here are complete until they are taken over. To be called in a transaction.
 */
export function keep(sql: Sql, positions: Readonly<Record<string, number>>): void {
  noteComplete(sql, isPartial(sql) ? completeUpTo(sql) : loadPositions(sql))
  sql.run(`INSERT OR IGNORE INTO kept (${EVENT}) SELECT ${EVENT} FROM log ORDER BY n`)
  sql.run(
    `INSERT OR IGNORE INTO kept (${EVENT}) SELECT ${OF_HELD} FROM journal AS held JOIN ${POSITIONS} AS position ON position.origin = held.origin
     WHERE held.seq <= position.seq ORDER BY held.place`,
    JSON.stringify(positions),
  )
}

/** Applies what is still held of users who went at these times, and are not here any more. To be called in a transaction. */
export function applySince(sql: Sql, gone: readonly (readonly [user: string, at: number])[]): void {
  const meta = loadMeta(sql)
  if (!meta) return
  const policies = loadPolicies(sql)
  for (const [user, at] of gone) {
    const step: Step = { sql, n: meta.n, policies, mark: markOf(meta.tombstoneKey, user), told: [] }
    const isSince = ({ kind, acceptedAt }: Event): boolean => acceptedAt > at || (kind !== 'erased' && kind !== 'expired')
    const kept = sql.all(EventRow, `SELECT ${EVENT_ROW} FROM kept WHERE user_id = ? ORDER BY place`, user)
    for (const event of kept.filter(isSince)) judge(step, event)
    applyAgain(
      step,
      appliedTo(sql, user).filter(({ event }) => isSince(event)),
    )
  }
}

/**
 * Until everybody is taken over, whoever is here is complete up to these positions, and what is held beyond; unless not all of them ever were
 * here. To be called in a transaction.
 */
export function noteComplete(sql: Sql, positions: Readonly<Record<string, number>>): void {
  if (isFirstCopy(sql)) return
  sql.run('DELETE FROM complete')
  sql.run("INSERT INTO complete (origin, seq) VALUES ('', 0)")
  sql.run('INSERT INTO complete (origin, seq) SELECT key, value FROM json_each(?)', JSON.stringify(positions))
}

/** Everybody who was due was taken over; but for those whose keys Redis has lost, and of whom not everything need be here. */
export function letGo(sql: Sql): void {
  sql.run('UPDATE users SET patched = 1 WHERE user_id IN (SELECT user_id FROM dirty)')
  sql.run('DELETE FROM complete WHERE (SELECT rebuilt_to FROM meta) IS NULL')
}

/** What the log does not keep so long either goes, as it does there (trimLog). Answers how many events. */
export const sweepKept = (sql: Sql, before: number, limit: number): number =>
  sql.run(
    `DELETE FROM kept WHERE place IN (SELECT place FROM kept WHERE place <= (
       SELECT max(place) FROM kept WHERE accepted_at > 0
       AND place < ifnull((SELECT place FROM kept WHERE accepted_at >= ? ORDER BY place LIMIT 1), 9e15)
     ) ORDER BY place LIMIT ?)`,
    before,
    limit,
  )

/** Whether users are being taken over of whom the log here does not tell. */
export const isPartial = (sql: Sql): boolean => sql.exists("SELECT 1 FROM complete WHERE origin = ''")

/**
 * Those of these users of whom everything is here, be it otherwise than Redis has it; and of whom nothing is applied here that these positions of
 * Redis do not cover.
 */
export function wholeAmong(sql: Sql, users: readonly string[], positions?: Readonly<Record<string, number>>): string[] {
  if (isPartial(sql)) return []
  const ahead = `SELECT 1 FROM journal LEFT JOIN ${POSITIONS} AS position USING (origin)
    WHERE journal.user_id = users.user_id AND journal.n IS NOT NULL AND journal.seq > ifnull(position.seq, 0)`
  const query = 'SELECT user_id AS userId FROM users WHERE user_id IN (SELECT value FROM json_each(?)) AND patched = 0'
  const found = positions
    ? sql.all(UserRow, `${query} AND NOT EXISTS (${ahead})`, JSON.stringify(users), JSON.stringify(positions))
    : sql.all(UserRow, query, JSON.stringify(users))
  return found.map(({ userId }) => userId)
}

/** The next users, after an id, who were taken over from Redis as somebody had put them back there without having all of them. */
export const patchedUsers = (sql: Sql, after: string, limit: number): string[] =>
  sql
    .all(UserRow, 'SELECT user_id AS userId FROM users WHERE patched = 1 AND user_id > ? ORDER BY user_id LIMIT ?', after, limit)
    .map(({ userId }) => userId)

const Lacking = z.object({ events: z.int() })
/** How many events came, of those that the log here had, since everybody was complete; what is held of these counts too. */
export const countLacking = (sql: Sql): number =>
  sql.get(
    Lacking,
    'SELECT ifnull(sum(max(0, positions.seq - ifnull(complete.seq, 0))), 0) AS events FROM positions LEFT JOIN complete USING (origin)',
  )?.events ?? 0

/** Whether that is so for the first time: nobody is here who was not taken over, or written here, since. */
export const isFirstCopy = (sql: Sql): boolean => isPartial(sql) && !sql.exists("SELECT 1 FROM complete WHERE origin <> ''")

const UserRow = z.object({ userId: z.string() })
const PositionRow = z.object({ origin: z.string(), seq: z.int() })

const BEYOND = `LEFT JOIN ${POSITIONS} AS position ON position.origin = held.origin WHERE held.seq > ifnull(position.seq, 0)`
const NOT_RESCUED = 'AND NOT EXISTS (SELECT 1 FROM rescued WHERE rescued.origin = held.origin AND held.seq BETWEEN first AND last)'
/** Events that are held, as `held`, and that positions (a parameter, JSON) do not cover. Of what was kept there may be very much, so it is looked up. */
const HELD_BEYOND = {
  log: `FROM log AS held ${BEYOND} ${NOT_RESCUED}`,
  kept: `FROM (WITH RECURSIVE origins (origin) AS (
      SELECT min(origin) FROM kept UNION ALL
      SELECT (SELECT min(origin) FROM kept WHERE kept.origin > origins.origin) FROM origins WHERE origins.origin IS NOT NULL
    ) SELECT origin FROM origins WHERE origin IS NOT NULL) AS each
    LEFT JOIN ${POSITIONS} AS position ON position.origin = each.origin
    CROSS JOIN kept AS held ON held.origin = each.origin AND held.seq > ifnull(position.seq, 0) ${NOT_RESCUED}`,
}

const AHEAD = `SELECT held.origin AS origin, held.seq AS seq FROM journal AS held ${BEYOND} AND held.n IS NOT NULL`
const HELD = `SELECT held.origin AS origin, held.seq AS seq ${HELD_BEYOND.kept} UNION SELECT held.origin, held.seq ${HELD_BEYOND.log} UNION ${AHEAD}`

/** Up to which seq of each origin everybody here is complete: what is applied ahead of the log, or held while they are taken over, is in their state, too. */
export function completeUpTo(sql: Sql): Record<string, number> {
  const partial = isPartial(sql)
  const known = sql.all(PositionRow, partial ? "SELECT origin, seq FROM complete WHERE origin <> ''" : 'SELECT origin, seq FROM positions')
  const positions = new Map(known.map(({ origin, seq }): [string, number] => [origin, seq]))
  const json = JSON.stringify(Object.fromEntries(positions))
  const held = sql.all(PositionRow, `${partial ? HELD : AHEAD} ORDER BY origin, seq`, ...(partial ? [json, json, json] : [json]))
  for (const { origin, seq } of held) if (seq === (positions.get(origin) ?? 0) + 1) positions.set(origin, seq)
  return Object.fromEntries(positions)
}

/** Whoever is taken over from a Redis that has these positions may be here without what they do not cover. To be called in a transaction. */
export const lower = (sql: Sql, table: 'complete' | 'positions', positions: Readonly<Record<string, number>>): void => {
  sql.run(
    `UPDATE ${table} SET seq = least.seq FROM (
       SELECT held.origin, ifnull(position.seq, 0) AS seq FROM ${table} AS held LEFT JOIN ${POSITIONS} AS position ON position.origin = held.origin
     ) AS least WHERE ${table}.origin = least.origin AND ${table}.origin <> '' AND ${table}.seq > least.seq`,
    JSON.stringify(positions),
  )
}

const Span = z.object({ origin: z.string(), first: z.int(), last: z.int() })

/**
 * Puts into the journal, before all else there, what is held here and these positions of Redis lack: what was kept, or what the log
 * here tells. To be called in a transaction.
 */
export function recall(sql: Sql, from: 'kept' | 'log', positions: Readonly<Record<string, number>>): void {
  if (from === 'log') lower(sql, 'positions', positions)
  const order = from === 'log' ? 'n' : 'place'
  const lacking = HELD_BEYOND[from]
  const json = JSON.stringify(positions)
  const spans = sql.all(Span, `SELECT held.origin, min(held.seq) AS first, max(held.seq) AS last ${lacking} GROUP BY held.origin`, json)
  if (spans.length === 0) return
  // What was taken back from the log, and is held besides, comes where it was first.
  sql.run(`DELETE FROM journal WHERE n IS NOT NULL AND (origin, seq) IN (SELECT held.origin, held.seq ${lacking})`, json)
  sql.run(
    `INSERT OR IGNORE INTO journal (place, n, ${EVENT})
     SELECT held.${order} - (SELECT max(${order}) FROM ${from}) - 1 + min(0, (SELECT ifnull(min(place), 0) FROM journal)), 1, ${OF_HELD}
     ${lacking}`,
    json,
  )
  for (const { origin, last } of spans) setAhead(sql, origin, last)
  // What comes before that, and is not held, may yet come by the log.
  savePositions(
    sql,
    spans.map(({ origin, first }) => [origin, Math.min(first - 1, positionOf(sql, origin))]),
  )
  sql.run('INSERT OR IGNORE INTO dirty (user_id) SELECT user_id FROM journal WHERE user_id <> ? AND n IS NOT NULL', '')
  renumber(sql)
}

/**
 * The log here has everything up to n, where Redis had these positions, and everybody is as Redis has them: what still waits of that
 * came to Redis by a filling, and comes by no log any more. To be called in a transaction.
 */
export function settleKept(sql: Sql, n: number, positions: Readonly<Record<string, number>>): void {
  if ((loadMeta(sql)?.n ?? 0) < n || sql.exists('SELECT 1 FROM dirty LIMIT 1')) return
  const json = JSON.stringify(positions)
  const covered = `FROM journal AS held JOIN ${POSITIONS} AS position ON position.origin = held.origin WHERE held.seq <= position.seq`
  const further = Object.entries(positions).filter(([origin, seq]) => seq > positionOf(sql, origin))
  if (further.length === 0 && !sql.exists(`SELECT 1 ${covered} LIMIT 1`, json)) return
  sql.run(`INSERT OR IGNORE INTO kept (${EVENT}) SELECT ${OF_HELD} ${covered} ORDER BY held.place`, json)
  sql.run(`DELETE FROM journal WHERE place IN (SELECT held.place ${covered})`, json)
  savePositions(sql, further)
  settleAhead(sql)
}
