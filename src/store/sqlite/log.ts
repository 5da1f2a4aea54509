import { z } from 'zod'
import { cursorExpired } from '../../errors.ts'
import { RISK_LEVELS } from '../../model.ts'
import type { Event, LogEntry } from '../store.ts'
import { AlertEventJson, json, Limits } from './rows.ts'
import type { Sql } from './sql.ts'
import { loadMeta, type Step } from './state.ts'

/** Writes an event's entry. One that changed nothing is a void: whose it was and what it held is nobody's business any more. */
export function writeEntry({ sql, n, told }: Step, event: Event, outcome: LogEntry['outcome']): void {
  const isVoid = outcome !== 'applied'
  sql.run(
    'INSERT INTO log (n, origin, seq, kind, accepted_at, occurred_at, outcome, id, user_id, payload, alert_events) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    n,
    event.origin,
    event.seq,
    event.kind,
    event.acceptedAt,
    event.occurredAt,
    outcome,
    isVoid ? null : event.id,
    isVoid ? null : event.user,
    isVoid ? null : JSON.stringify(event.payload),
    told.length > 0 ? JSON.stringify(told) : null,
  )
}

const fields = { id: z.string(), user: z.string(), acceptedAt: z.int(), occurredAt: z.int(), origin: z.string(), seq: z.int() }
const Nothing = z.record(z.string(), z.never())
const EventRow: z.ZodType<Event> = z.discriminatedUnion('kind', [
  z.object({
    ...fields,
    kind: z.literal('recorded'),
    payload: json(
      z.object({
        query: z.string(),
        response: z.string(),
        riskLevel: z.enum(RISK_LEVELS),
        emotionScore: z.number().nullable(),
        references: z.number(),
        topics: z.array(z.string()),
        fingerprint: z.string(),
      }),
    ),
  }),
  z.object({ ...fields, kind: z.literal('cleared'), payload: json(Nothing) }),
  z.object({ ...fields, kind: z.literal('erased'), payload: json(z.object({ reason: z.string() })) }),
  z.object({ ...fields, kind: z.literal('expired'), payload: json(Nothing) }),
  z.object({ ...fields, kind: z.literal('policy'), payload: json(z.object({ limits: Limits })) }),
])

const EntryRow = z.object({
  n: z.int(),
  outcome: z.enum(['applied', 'duplicate', 'conflict', 'dead', 'erased']),
  alertEvents: json(z.array(AlertEventJson)).catch([]),
})

/** The entries after an index, oldest first. */
export function readLog(sql: Sql, after: number, limit: number): LogEntry[] {
  const { n = 0, trimmed = 0 } = loadMeta(sql) ?? {}
  if (after < trimmed || after > n) throw cursorExpired()
  const rows = sql.rows(
    `SELECT n, origin, seq, kind, accepted_at AS acceptedAt, occurred_at AS occurredAt, outcome, id, user_id AS user, payload,
     alert_events AS alertEvents FROM log WHERE n > ? ORDER BY n LIMIT ?`,
    after,
    limit,
  )
  return rows.flatMap((row) => {
    const entry = EntryRow.safeParse(row).data
    return entry ? { ...entry, event: EventRow.safeParse(row).data ?? null } : []
  })
}

const FirstKept = z.object({ n: z.int() })

/** Takes entries accepted before a time off the head of the log, at most so many. Answers how many. */
export function trimLog(sql: Sql, before: number, limit: number): number {
  const { n = 0, trimmed = 0 } = loadMeta(sql) ?? {}
  const last = Math.min(n, trimmed + limit)
  const firstKept = sql.get(FirstKept, 'SELECT n FROM log WHERE accepted_at >= ? AND n <= ? ORDER BY n LIMIT 1', before, last)
  const upTo = firstKept ? firstKept.n - 1 : last
  sql.run('UPDATE meta SET trimmed = ?', upTo)
  return sql.run('DELETE FROM log WHERE n <= ?', upTo)
}
