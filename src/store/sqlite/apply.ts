import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { chainOf, markOf } from '../rules.ts'
import type { Event, Outcome } from '../store.ts'
import { acted, assigned } from './actions.ts'
import { adopted } from './adopted.ts'
import { writeEntry } from './log.ts'
import { recorded } from './recorded.ts'
import { asApplied, cleared, erased, expired } from './removal.ts'
import type { Sql } from './sql.ts'
import { isPolicy, type Judged, keepMember, loadMeta, loadPolicies, type Step, tombstoneOf } from './state.ts'
import { OpenUsers } from './users.ts'

const PositionRow = z.object({ seq: z.int() })
const OriginRow = PositionRow.extend({ origin: z.string() })

/** Applies a batch of events, in order, to the log and the state. To be called in a transaction. */
export function applyAll(sql: Sql, tombstoneKey: KeyObject, events: readonly Event[]): Outcome[] {
  const policies = loadPolicies(sql)
  const positions = new Map<string, number>()
  const open = new OpenUsers(sql)
  let { n = 0, chain = '' } = loadMeta(sql) ?? {}
  const outcomes = events.map((event): Outcome => {
    const position = positions.get(event.origin) ?? positionOf(sql, event.origin)
    if (event.seq <= position) return { type: 'known', position }
    if (event.seq > position + 1) return { type: 'gap', position }
    positions.set(event.origin, event.seq)
    n += 1
    chain = chainOf(chain, event.origin, event.seq)
    if (event.kind !== 'recorded') open.write()
    const step: Step = { sql, n, policies, mark: markOf(tombstoneKey, event.user), told: [], open }
    const outcome = judge(step, event)
    const { origin, seq } = event
    writeEntry(sql, { n, origin, seq, chain, event: asApplied(step, event), outcome: outcome.type, alertEvents: step.told })
    return outcome
  })
  open.write()
  savePositions(sql, positions)
  sql.run('UPDATE meta SET n = ?, chain = ?', n, chain)
  return outcomes
}

export const positionOf = (sql: Sql, origin: string): number =>
  sql.get(PositionRow, 'SELECT seq FROM positions WHERE origin = ?', origin)?.seq ?? 0

export const loadPositions = (sql: Sql): Record<string, number> =>
  Object.fromEntries(sql.all(OriginRow, 'SELECT origin, seq FROM positions').map(({ origin, seq }) => [origin, seq]))

export function savePositions(sql: Sql, positions: Iterable<readonly [origin: string, seq: number]>): void {
  for (const [origin, seq] of positions)
    sql.run('INSERT INTO positions (origin, seq) VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq', origin, seq)
}

/** Applies an event to the state: what becomes of it at its place in the order. */
export function judge(step: Step, event: Event): Judged {
  if (event.kind === 'void') return { type: 'erased', n: step.n }
  if (event.kind === 'policy') return changePolicy(step, event)
  if (event.kind === 'joined') return joined(step, event)
  if (event.kind === 'erased') return erased(step, event)
  const erasedAt = tombstoneOf(step)
  if (erasedAt !== null && (event.acceptedAt <= erasedAt || event.occurredAt <= erasedAt)) return { type: 'dead', n: step.n, erasedAt }
  switch (event.kind) {
    case 'recorded':
      return recorded(step, event)
    case 'cleared':
      return cleared(step, event)
    case 'expired':
      return expired(step, event)
    case 'acted':
      return acted(step, event)
    case 'assigned':
      return assigned(step, event)
    case 'adopted':
      return adopted(step, event)
  }
}

function changePolicy({ sql, n, policies }: Step, event: Extract<Event, { kind: 'policy' }>): Judged {
  const [at, { limits }] = [event.acceptedAt, event.payload]
  // The very same, come again, is no newer than it was.
  if (!policies.some((policy) => isPolicy(policy, event))) {
    policies.push({ n, at, limits })
    sql.run('INSERT OR REPLACE INTO policies (n, at, limits) VALUES (?, ?, ?)', n, at, JSON.stringify(limits))
  }
  return { type: 'applied', n, kept: false, alertId: null, removed: null }
}

function joined({ sql, n }: Step, { acceptedAt, payload }: Extract<Event, { kind: 'joined' }>): Judged {
  keepMember(sql, { at: acceptedAt, ...payload })
  return { type: 'applied', n, kept: false, alertId: null, removed: null }
}
