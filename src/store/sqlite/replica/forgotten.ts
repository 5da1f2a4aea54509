import { z } from 'zod'
import { DAY_MS } from '../../../model.ts'
import { compareKeys } from '../../rules.ts'
import type { Event } from '../../store.ts'
import { EVENT, EventRow } from '../log.ts'
import { SEEN_IDS } from '../recorded.ts'
import type { Sql } from '../sql.ts'
import type { EventOf } from '../state.ts'
import { IDS_MS } from '../sweep.ts'
import type { Pulled } from './pull.ts'

/** A day less than ids are kept: clocks differ. */
const REMEMBERED_MS = IDS_MS - DAY_MS

const heldIn = (table: string, place: string, part: number): string =>
  `SELECT ${EVENT}, ${part} AS part, ${place} AS place FROM ${table} WHERE user_id = ? AND ifnull(outcome, 'applied') IN ('applied', 'duplicate')
   AND (kind IN ('cleared', 'erased', 'expired') OR kind = 'recorded' AND accepted_at > ? AND id NOT IN (SELECT value FROM json_each(?)))`
const HELD = `${heldIn('kept', 'place', 0)} UNION ALL ${heldIn('log', 'n', 1)} ORDER BY part, place`

const Row = z.object({ kind: z.string(), acceptedAt: z.number(), part: z.number(), place: z.number() })

/** Whether a removal came after that. What was kept and what the log tells may overlap in time: only clocks tell then. */
const isLater = (removal: z.infer<typeof Row>, than: z.infer<typeof Row>): boolean =>
  removal.part === than.part ? removal.place > than.place : removal.acceptedAt >= than.acceptedAt

const asCleared = ({ payload: { fingerprint, riskLevel, raisesLate, source }, ...rest }: EventOf<'recorded'>): Event => {
  const nothing = { query: '', response: '', emotionScore: null, references: 0, topics: [] }
  return { ...rest, payload: { ...nothing, riskLevel, fingerprint, raisesLate, source, countsOnly: true } }
}

/**
 * What is held here that was recorded of these users, and that Redis, which had taken it, knows nothing of any more: it lost their keys, and
 * they were put back from a copy that was not complete. Not what was erased or has expired since, nor what need not be remembered so long; what was
 * cleared since counts only.
 */
export function forgottenBy(sql: Sql, { copies, positions }: Pick<Pulled, 'copies' | 'positions'>, now: number): Event[] {
  return copies.flatMap(({ user, state, erasedAt, expiredAt }): Event[] => {
    if (!state) return []
    const goneAt = Math.max(erasedAt ?? -1, expiredAt ?? -1)
    const known = new Set(state.seen.map(({ id }) => id))
    const of = [user, Math.max(goneAt, now - REMEMBERED_MS), JSON.stringify([...known])]
    const held = sql.rows(HELD, ...of, ...of).flatMap((row) => {
      const at = Row.safeParse(row).data
      return at ? [{ row, at }] : []
    })
    const removals = held.map(({ at }) => at).filter(({ kind }) => kind !== 'recorded')
    // Older ids may have gone with a sweep, by a clock that may have been wrong.
    const oldest = known.size < SEEN_IDS ? undefined : state.seen[0]
    return held.flatMap(({ row, at }) => {
      const event = EventRow.safeParse(row).data
      const since = removals.filter((removal) => isLater(removal, at))
      if (since.some(({ kind }) => kind !== 'cleared')) {
        // Nor is it to come back by a duplicate that was sent after that.
        if (event) known.add(event.id)
        return []
      }
      if (event?.kind !== 'recorded' || known.has(event.id) || event.seq > (positions[event.origin] ?? 0) || event.occurredAt <= goneAt)
        return []
      if (oldest && compareKeys([event.acceptedAt, event.id], [oldest.acceptedAt, oldest.id]) < 0) return []
      known.add(event.id)
      return [since.length > 0 ? asCleared(event) : event]
    })
  })
}
