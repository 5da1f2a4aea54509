import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import type { Event, Outcome } from '../store.ts'
import { writeEntry } from './log.ts'
import { recorded } from './recorded.ts'
import { cleared, erased, expired } from './removal.ts'
import type { Sql } from './sql.ts'
import { type Judged, loadMeta, loadPolicies, markOf, type Step, tombstoneOf } from './state.ts'

const PositionRow = z.object({ seq: z.int() })

/** Applies a batch of events, in order, to the log and the state. To be called in a transaction. */
export function applyAll(sql: Sql, tombstoneKey: KeyObject, events: readonly Event[]): Outcome[] {
  const policies = loadPolicies(sql)
  const positions = new Map<string, number>()
  let n = loadMeta(sql)?.n ?? 0
  const outcomes = events.map((event): Outcome => {
    const position = positions.get(event.origin) ?? positionOf(sql, event.origin)
    if (event.seq <= position) return { type: 'known', position }
    if (event.seq > position + 1) return { type: 'gap', position }
    positions.set(event.origin, event.seq)
    n += 1
    return applyOne({ sql, n, policies, mark: markOf(tombstoneKey, event.user), told: [] }, event)
  })
  for (const [origin, seq] of positions)
    sql.run('INSERT INTO positions (origin, seq) VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq', origin, seq)
  sql.run('UPDATE meta SET n = ?', n)
  return outcomes
}

const positionOf = (sql: Sql, origin: string): number =>
  sql.get(PositionRow, 'SELECT seq FROM positions WHERE origin = ?', origin)?.seq ?? 0

function applyOne(step: Step, event: Event): Outcome {
  const outcome = judge(step, event)
  writeEntry(step, event, outcome.type)
  return outcome
}

function judge(step: Step, event: Event): Judged {
  if (event.kind === 'policy') return changePolicy(step, event)
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
  }
}

function changePolicy({ sql, n, policies }: Step, event: Extract<Event, { kind: 'policy' }>): Judged {
  const { limits } = event.payload
  policies.push({ n, at: event.acceptedAt, limits })
  sql.run('INSERT INTO policies (n, at, limits) VALUES (?, ?, ?)', n, event.acceptedAt, JSON.stringify(limits))
  return { type: 'applied', n, kept: false, alertId: null, removed: null }
}
