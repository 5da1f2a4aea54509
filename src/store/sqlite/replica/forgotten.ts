import { z } from 'zod'
import { DAY_MS } from '../../../model.ts'
import type { UserState } from '../../copy.ts'
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
   AND (kind IN ('cleared', 'erased', 'expired', 'assigned')
     OR kind IN ('recorded', 'adopted', 'acted') AND accepted_at > ? AND id NOT IN (SELECT value FROM json_each(?)))`
const HELD = `${heldIn('kept', 'place', 0)} UNION ALL ${heldIn('log', 'n', 1)} ORDER BY part, place`

const Row = z.object({ id: z.string(), kind: z.string(), acceptedAt: z.number(), part: z.number(), place: z.number() })
type Held = z.infer<typeof Row>
const isRemoval = ({ kind }: Held): boolean => kind === 'cleared' || kind === 'erased' || kind === 'expired'

/** Whether a removal came after that. What was kept and what the log tells may overlap in time: only clocks tell then. */
const isLater = (removal: Held, than: Held): boolean =>
  removal.part === than.part ? removal.place > than.place : removal.acceptedAt >= than.acceptedAt

/**
 * What is held here of these users that Redis, which had taken it, knows nothing of any more: it lost their keys, and they were put back from a
 * copy that was not complete. What was recorded, what somebody did about alerts, and who was to look after them last; what was cleared since counts
 * only. Not what was erased since, or went with an expiry, nor what need not be remembered so long.
 */
export function forgottenBy(sql: Sql, { copies, positions }: Pick<Pulled, 'copies' | 'positions'>, now: number): Event[] {
  return copies.flatMap(({ user, state, erasedAt, expiredAt }): Event[] => {
    if (!state) return []
    const goneAt = Math.max(erasedAt ?? -1, expiredAt ?? -1)
    const oldestAt = Math.max(goneAt, now - REMEMBERED_MS)
    const known = new Set(state.seen.map(({ id }) => id))
    const of = [user, oldestAt, JSON.stringify([...known])]
    const held = sql.rows(HELD, ...of, ...of).flatMap((row) => {
      const at = Row.safeParse(row).data
      return at ? [{ row, at }] : []
    })
    const everyRemoval = held.map(({ at }) => at).filter(isRemoval)
    // One that came again changed nothing.
    const isFirst = (one: Held) => one.kind === 'expired' || everyRemoval.find(({ id, part }) => id === one.id && part === one.part) === one
    const removals = everyRemoval.filter(isFirst)
    // Whoever expired without alerts is gone, the others were stripped. An expiry is as old as its deadline, not as what it took: only the order tells.
    const isEnd = (one: Held) => one.kind === 'erased' || (one.kind === 'expired' && one.acceptedAt <= (expiredAt ?? -1))
    const isSince = (one: Held, than: Held) => isLater(one, than) || (one.kind === 'expired' && isEnd(one) && one.part > than.part)
    const assigned = held.findLast(({ at }) => at.kind === 'assigned')
    // Older ids may have gone with a sweep, by a clock that may have been wrong.
    const oldest = known.size < SEEN_IDS ? undefined : state.seen[0]
    return held.flatMap(({ row, at }) => {
      const event = EventRow.safeParse(row).data
      const since = removals.filter((removal) => isSince(removal, at))
      if (!event || isRemoval(at) || since.some(isEnd) || (at.kind === 'assigned' && row !== assigned?.row)) return []
      if (known.has(event.id) || event.seq > (positions[event.origin] ?? 0) || event.acceptedAt <= oldestAt || event.occurredAt <= goneAt)
        return []
      // Whoever has come back since they expired was nobody's then: Redis may have had nothing to do with it.
      if (expiredAt !== null && (at.kind === 'assigned' || at.kind === 'acted') && at.acceptedAt < state.oldestAt) return []
      if (oldest && compareKeys([event.acceptedAt, event.id], [oldest.acceptedAt, oldest.id]) < 0) return []
      if (at.kind === 'assigned' && isReplaced(event, state, new Set(held.map(({ at: { id } }) => id)))) return []
      const again = asOfNow(event, state, since.length > 0)
      if (again) known.add(event.id)
      return again ? [again] : []
    })
  })
}

/** As it is to come again, after what is known of the user by now; null for what comes again by itself. */
function asOfNow(event: Event, state: UserState, isCleared: boolean): Event | null {
  switch (event.kind) {
    case 'recorded':
      return isCleared ? withoutTexts(event) : event
    case 'adopted':
      return uncounted(isCleared ? { ...event, payload: { ...event.payload, topics: [], points: [] } } : event, state)
    case 'acted':
      return event.payload.due === null ? overtaken(event, state) : null
    default:
      return event
  }
}

function withoutTexts({ payload: { fingerprint, riskLevel, raisesLate, source }, ...rest }: EventOf<'recorded'>): Event {
  const nothing = { query: '', response: '', emotionScore: null, references: 0, topics: [] }
  return { ...rest, payload: { ...nothing, riskLevel, fingerprint, raisesLate, source, countsOnly: true } }
}

/** What a later event of the same source has counted goes before it, whichever comes last. */
function uncounted(event: EventOf<'adopted'>, { sources }: UserState): Event {
  const { source, totalChats, totalRiskAlerts } = event.payload
  const [chats = 0, risks = 0] = sources[source] ?? []
  return {
    ...event,
    payload: { ...event.payload, totalChats: Math.max(totalChats, chats), totalRiskAlerts: Math.max(totalRiskAlerts, risks) },
  }
}

/** Whether somebody may have been assigned since by what is not held here, as it came by a filling. */
const isReplaced = ({ acceptedAt }: Event, { alerts, counselor, seen }: UserState, held: ReadonlySet<string>): boolean =>
  alerts.some(({ history }) => history.some(({ kind, at }) => kind === 'ASSIGNED' && at > acceptedAt)) ||
  (counselor !== null && seen.some((one) => one.fingerprint === '0' && one.acceptedAt > acceptedAt && !held.has(one.id)))

/** No alert has it. */
const NO_VERSION = 0

/** What came of an alert since must not be taken for seen to by who has acknowledged or resolved it before: that stays as a note. */
function overtaken(event: EventOf<'acted'>, { alerts }: UserState): Event {
  const { alertId, action, version } = event.payload
  const isEnd = action === 'ACKNOWLEDGE' || action === 'RESOLVE'
  const history = alerts.find(({ id }) => id === alertId)?.history ?? []
  if (version !== null || !isEnd || history.every(({ at }) => at <= event.acceptedAt)) return event
  return { ...event, payload: { ...event.payload, version: NO_VERSION } }
}
