import { DAY_MS } from '../../../model.ts'
import type { Event } from '../../store.ts'
import { EVENT, EventRow } from '../log.ts'
import type { Sql } from '../sql.ts'
import type { Pulled } from './pull.ts'

/** Ids are remembered for a day longer, at the least. */
const REMEMBERED_MS = 6 * DAY_MS

const OF_USER = ['log', 'kept'].map(
  (table) => `SELECT ${EVENT} FROM ${table} WHERE user_id = ? AND kind IN ('recorded', 'cleared') AND accepted_at > ?`,
)

/**
 * What is held here that was recorded of these users, and that Redis, which had taken it, knows nothing of any more: it lost their keys, and
 * they were put back from a copy that was not complete. Not what was erased, expired or cleared since, nor what need not be remembered so long.
 */
export function forgottenBy(sql: Sql, { copies, positions }: Pick<Pulled, 'copies' | 'positions'>, now: number): Event[] {
  return copies.flatMap(({ user, state, erasedAt, expiredAt }): Event[] => {
    if (!state) return []
    const since = Math.max(erasedAt ?? -1, expiredAt ?? -1, now - REMEMBERED_MS)
    const held = sql.rows(OF_USER.join(' UNION ALL '), user, since, user, since).flatMap((row) => EventRow.safeParse(row).data ?? [])
    const clearedAt = Math.max(-1, ...held.filter(({ kind }) => kind === 'cleared').map(({ acceptedAt }) => acceptedAt))
    const known = new Set(state.seen.map(({ id }) => id))
    return held.filter(({ kind, id, origin, seq, acceptedAt, occurredAt }) => {
      if (
        kind !== 'recorded' ||
        known.has(id) ||
        seq > (positions[origin] ?? 0) ||
        acceptedAt <= clearedAt ||
        occurredAt <= (erasedAt ?? -1)
      )
        return false
      known.add(id)
      return true
    })
  })
}
