import { loadPositions, positionOf } from '../apply.ts'
import type { Sql } from '../sql.ts'
import { journaledSeq } from './ahead.ts'
import { originsIn } from './journal.ts'
import { isFirstCopy } from './kept.ts'

/** Notes that this data directory writes under an origin. To be called in a transaction. */
export const own = (sql: Sql, origin: string): void => {
  sql.run('INSERT OR IGNORE INTO own_origins (origin) VALUES (?)', origin)
}

/** The same. Answers the newest event of the origin that is here: in the log, or in the journal. */
export function beginOrigin(sql: Sql, origin: string): number {
  own(sql, origin)
  return lastSeq(sql, origin)
}

const lastSeq = (sql: Sql, origin: string): number => Math.max(positionOf(sql, origin), journaledSeq(sql, origin))

/** What Redis has of an origin beyond what is here was written by another copy of this directory. To be called in a transaction. */
export function disown(sql: Sql, positions: Readonly<Record<string, number>>): void {
  for (const [origin, seq] of Object.entries(positions))
    if (seq > lastSeq(sql, origin)) sql.run('DELETE FROM own_origins WHERE origin = ?', origin)
}

const isOwn = (sql: Sql, origin: string): boolean => sql.exists('SELECT 1 FROM own_origins WHERE origin = ?', origin)

/** Whether all that was ever written, by these positions of Redis and by what is here, was written here, is here, and was never given up. */
export const isSoleWriter = (sql: Sql, positions: Readonly<Record<string, number>>): boolean =>
  !isFirstCopy(sql) &&
  Object.entries(positions).every(([origin, seq]) => isOwn(sql, origin) && seq <= lastSeq(sql, origin)) &&
  [...Object.keys(loadPositions(sql)), ...originsIn(sql, 'journal'), ...originsIn(sql, 'kept')].every((origin) => isOwn(sql, origin))
