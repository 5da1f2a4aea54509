import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { isKept } from '../../events.ts'
import { chainOf, markOf } from '../../rules.ts'
import type { Event, LogEntry, Removed } from '../../store.ts'
import { positionOf, savePositions } from '../apply.ts'
import { writeEntry } from '../log.ts'
import { cleared, erased, expire, isErasedBefore, isRemovedBefore, removedBefore, voidLog } from '../removal.ts'
import type { Sql } from '../sql.ts'
import {
  type EventOf,
  isPolicy,
  type Judged,
  loadMeta,
  type Meta,
  policiesAhead,
  type Step,
  settledPolicies,
  tombstoneOf,
} from '../state.ts'
import { loadUser, OpenUsers } from '../users.ts'
import { applyAgain, hasAhead, isAnyAhead, isDirty, judgeNew, markDirty, restoreAhead, settleAhead } from './ahead.ts'
import { appliedSince, appliedTo, voidErased } from './journal.ts'
import { isPartial } from './kept.ts'
import { isRemoval, type Removal } from './outcome.ts'

const idOf = ({ id }: { id: string }): string => id

const REMEMBERED_REMOVALS = 100
const Gone = z.object({ n: z.int().nullable() })

/** An entry whose event this instance has journaled itself: it is here already. */
export type OwnEntry = Omit<LogEntry, 'event'> & { event: 'journaled' }

/**
 * Takes over the next entries of the log that Redis orders. Answers how many there were before one that does not follow. To be
 * called in a transaction. `removed` gets what went with each removal.
 */
export function applyEntries(sql: Sql, { tombstoneKey }: Meta, entries: readonly LogEntry[], removed: Map<number, Removed>): number {
  let { n = 0, chain = '' } = loadMeta(sql) ?? {}
  const policies = settledPolicies(sql)
  const partial = isPartial(sql)
  const positions = new Map<string, number>()
  // Mostly nothing is, and what the log has leaves the journal all at once.
  const areAhead = isAnyAhead(sql)
  const open = new OpenUsers(sql)
  let taken = 0
  for (const entry of entries) {
    const { origin, seq, event } = entry
    if (entry.n !== n + 1 || entry.chain !== chainOf(chain, origin, seq)) break
    ;({ n, chain } = entry)
    writeEntry(sql, entry)
    const before = positions.get(origin) ?? positionOf(sql, origin)
    // The log of a Redis that was filled in part has entries behind ones that it lacks.
    positions.set(origin, seq === before + 1 ? seq : before)
    const isAhead = areAhead && leaveJournal(sql, origin, [seq]).some(({ n }) => n !== null)
    if (event && isKept(entry.outcome, event.kind)) {
      const isPlain = event.kind === 'recorded' && !partial && !isAhead
      if (!isPlain) open.write()
      // Of whoever is not here yet, the log before may have told more.
      if (partial && !sql.exists('SELECT 1 FROM users WHERE user_id = ?', event.user)) markDirty(sql, event.user)
      const step: Step = { sql, n, policies, mark: markOf(tombstoneKey, event.user), told: [], ...(isPlain && { open }) }
      const outcome = takeOver(step, event, entry.outcome, isAhead)
      // A mark that one of them knows and the other does not makes another alert of it.
      if (
        outcome &&
        step.told.length + entry.alertEvents.length > 0 &&
        !isDeepStrictEqual(step.told.map(idOf), entry.alertEvents.map(idOf))
      )
        markDirty(sql, event.user)
      if (outcome?.type === 'applied' && outcome.removed) removed.set(n, outcome.removed)
    }
    taken += 1
    // Those of other instances are never asked about.
    for (const old of removed.keys()) if (removed.size > REMEMBERED_REMOVALS) removed.delete(old)
  }
  open.write()
  const logged = areAhead ? [] : Map.groupBy(entries.slice(0, taken), ({ origin }) => origin)
  for (const [origin, those] of logged)
    leaveJournal(
      sql,
      origin,
      those.map(({ seq }) => seq),
    )
  savePositions(sql, positions)
  settleAhead(sql)
  sql.run('UPDATE meta SET n = ?, chain = ?', n, chain)
  return taken
}

/** The log has these events. What comes before them in their origin need not be there. */
const leaveJournal = (sql: Sql, origin: string, seqs: readonly number[]): z.infer<typeof Gone>[] =>
  sql.all(
    Gone,
    'DELETE FROM journal WHERE origin = ? AND seq IN (SELECT value FROM json_each(?)) RETURNING n',
    origin,
    JSON.stringify(seqs),
  )

/** Null where it was applied here ahead. */
function takeOver(step: Step, event: Event, there: LogEntry['outcome'], isAhead: boolean): Judged | null {
  const { sql, n } = step
  // Applied ahead, it had an index that was not its own.
  if (event.kind === 'policy')
    for (const policy of policiesAhead(sql)) if (isPolicy(policy, event)) sql.run('DELETE FROM policies WHERE n = ?', policy.n)
  if (!isAhead && isRemoval(event) && isOnOther(step, event)) return removeUnder(step, event)
  const outcome = event.kind === 'policy' || event.kind === 'joined' || !isAhead ? judgeNew(step, event) : null
  // What came of it in Redis comes of it here too, unless the two differ already.
  if (outcome && outcome.type !== there) markDirty(sql, event.user)
  if (event.kind === 'erased') {
    if (!outcome) voidLog(sql, event.user, n, upToOf(event))
    voidHeld(step, event)
  }
  return outcome
}

/** Redis says up to when an erasure was applied there. */
const upToOf = ({ payload, acceptedAt }: EventOf<'erased'>): number => payload.upTo ?? acceptedAt

/** Whether a removal meets more here than it did in Redis. */
function isOnOther(step: Step, event: Removal): boolean {
  const { sql } = step
  if (event.kind !== 'erased') return hasAhead(sql, event.user)
  return (hasAhead(sql, event.user) || isDirty(sql, event.user)) && !isErasedBefore(step, event)
}

function voidHeld(step: Step, { user, acceptedAt }: Event): void {
  voidErased(step.sql, user, tombstoneOf(step) ?? acceptedAt)
}

/**
 * What somebody else removed of a user for whom more was applied here than the log has, or may have been: in the log that comes behind
 * it, so it must not go with what is removed. The user is dirty, and taken over from Redis in the end.
 */
function removeUnder(step: Step, event: Removal): Judged | null {
  const { sql } = step
  markDirty(sql, event.user)
  if (event.kind !== 'erased') {
    const user = loadUser(sql, event.user)
    if (!user) return null
    // Whoever was taken over since may be as that left them, and all there is came after it.
    if (isRemovedBefore(step, event, user)) return removedBefore(step, user, event)
    const ahead = appliedSince(sql, event)
    const outcome = event.kind === 'cleared' ? cleared(step, event) : expire(step, event, user)
    restoreAhead(step, event.user, ahead)
    return outcome
  }
  const outcome = erased(step, event, upToOf(event))
  voidHeld(step, event)
  applyAgain(step, appliedTo(sql, event.user))
  return outcome
}
