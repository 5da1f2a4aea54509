import { latest, type UserCopy } from '../../copy.ts'
import { loadPositions } from '../apply.ts'
import { readCopies } from '../copies.ts'
import type { Sql } from '../sql.ts'
import type { Meta } from '../state.ts'
import { loadAhead } from './ahead.ts'
import { isPartial } from './kept.ts'
import { pulledHas } from './pulled.ts'

/** Users as they are here, and which events are in their state that the log here may not tell of. To be called in one snapshot. */
export function copiesOf(sql: Sql, meta: Meta, users: readonly string[]): UserCopy[] {
  const ahead = Object.fromEntries(loadAhead(sql))
  const partial = isPartial(sql)
  // Whoever was taken over already is further on than those who were not yet.
  const taken = partial ? latest(ahead, loadPositions(sql)) : ahead
  return readCopies(sql, meta, users).map((copy) => {
    const isDue = partial && sql.exists('SELECT 1 FROM dirty WHERE user_id = ?', copy.user)
    const has = latest(isDue ? ahead : taken, pulledHas(sql, copy.user))
    return Object.keys(has).length > 0 ? { ...copy, has } : copy
  })
}
