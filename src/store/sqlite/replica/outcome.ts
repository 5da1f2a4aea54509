import { z } from 'zod'
import type { AlertEvent } from '../../../model.ts'
import type { Event, Outcome, Removed } from '../../store.ts'
import { isCarriedOut } from '../actions.ts'
import { positionOf } from '../apply.ts'
import { remembered } from '../recorded.ts'
import { NOTHING } from '../removal.ts'
import { AlertEventJson, json } from '../rows.ts'
import { type EventOf, type Step, tombstoneOf } from '../state.ts'

const Row = z.object({
  n: z.int(),
  outcome: z.enum(['applied', 'duplicate', 'conflict', 'dead', 'erased']),
  told: json(z.array(AlertEventJson)).catch([]),
})

/**
 * What became of an event whose answer was lost: in the log, whence it was taken over, or in the journal, where it is applied ahead
 * of the log. Null when it is in neither. `removed`: by the index of what removed it, as far as that is remembered.
 */
export function outcomeOf({ sql, mark }: Pick<Step, 'sql' | 'mark'>, event: Event, removed: ReadonlyMap<number, Removed>): Outcome | null {
  const { origin, seq } = event
  const of = 'n, outcome, alert_events AS told'
  const ahead = () => sql.get(Row, `SELECT ${of} FROM journal WHERE origin = ? AND seq = ? AND n IS NOT NULL`, origin, seq)
  const logged = () => sql.get(Row, `SELECT ${of} FROM log WHERE origin = ? AND seq = ? ORDER BY n DESC LIMIT 1`, origin, seq)
  const row = (positionOf(sql, origin) >= seq ? null : ahead()) ?? logged()
  if (!row) return null
  const { n, outcome: type } = row
  const alertId = (event.kind === 'recorded' && remembered(sql, event)?.alertId) || null
  switch (type) {
    case 'applied':
      return event.kind === 'recorded'
        ? {
            type,
            n,
            kept: sql.exists('SELECT 1 FROM conversations WHERE user_id = ? AND id = ?', event.user, event.id),
            alertId,
            removed: null,
          }
        : {
            type,
            n,
            kept: isCarriedOut(event, row.told),
            alertId: alertOf(event, row.told),
            removed: isRemoval(event) ? (removed.get(n) ?? NOTHING) : null,
          }
    case 'duplicate':
      return { type, n, alertId }
    case 'dead':
      return { type, n, erasedAt: tombstoneOf({ sql, mark }) ?? event.acceptedAt }
    default:
      return { type, n }
  }
}

const alertOf = (event: Event, [told]: readonly AlertEvent[]): string | null =>
  event.kind === 'acted' ? event.payload.alertId : (told?.alertId ?? null)

export type Removal = EventOf<'cleared' | 'erased' | 'expired'>
export const isRemoval = (event: Event): event is Removal => event.kind === 'cleared' || event.kind === 'erased' || event.kind === 'expired'
