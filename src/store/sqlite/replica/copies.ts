import { z } from 'zod'
import { latest, type UserCopy } from '../../copy.ts'
import { loadPositions } from '../apply.ts'
import { readCopies } from '../copies.ts'
import type { Sql } from '../sql.ts'
import type { Meta } from '../state.ts'
import { isPartial } from './kept.ts'
import { pulledHas } from './pulled.ts'

const Row = z.object({ origin: z.string(), seq: z.int() })

/** Up to where, without a gap, events that these positions lack are applied here ahead of the log. */
function aheadOf(sql: Sql, positions: Readonly<Record<string, number>>): Record<string, number> {
  const ends = new Map<string, number>()
  const rows = sql.all(
    Row,
    `SELECT journal.origin, journal.seq FROM (SELECT DISTINCT origin FROM ahead) JOIN journal USING (origin)
     LEFT JOIN json_each(?) AS position ON position.key = journal.origin
     WHERE journal.n IS NOT NULL AND journal.seq > ifnull(position.value, 0) ORDER BY journal.origin, journal.seq`,
    JSON.stringify(positions),
  )
  for (const { origin, seq } of rows) if (seq === (ends.get(origin) ?? positions[origin] ?? 0) + 1) ends.set(origin, seq)
  return Object.fromEntries(ends)
}

/**
 * Users as they are here, for a log with these positions: which later events are in their state. One that is not mentioned although
 * it is may come again. To be called in one snapshot.
 */
export function copiesFor(sql: Sql, meta: Meta, users: readonly string[], positions: Readonly<Record<string, number>>): UserCopy[] {
  const ahead = aheadOf(sql, positions)
  const partial = isPartial(sql)
  // Whoever was taken over already is further on than those who were not yet.
  const taken = partial ? latest(ahead, loadPositions(sql)) : ahead
  return readCopies(sql, meta, users).map((copy) => {
    const isDue = partial && sql.exists('SELECT 1 FROM dirty WHERE user_id = ?', copy.user)
    const has = Object.entries(latest(isDue ? ahead : taken, pulledHas(sql, copy.user)))
    const beyond = has.filter(([origin, seq]) => seq > (positions[origin] ?? 0))
    return beyond.length > 0 ? { ...copy, has: Object.fromEntries(beyond) } : copy
  })
}
