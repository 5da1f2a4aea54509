import { z } from 'zod'
import { cursorExpired } from '../../errors.ts'
import { RISK_LEVELS } from '../../model.ts'
import { AdoptedSchema } from '../adopted.ts'
import type { Fork } from '../copy.ts'
import { isKept, toldBy } from '../events.ts'
import { CounselorSchema } from '../joined.ts'
import type { Event, LogEntry, ToldEntry } from '../store.ts'
import { AlertActionSchema, AssignmentSchema } from '../triage.ts'
import { AlertEventJson, json, Limits } from './rows.ts'
import type { Sql } from './sql.ts'
import { loadMeta } from './state.ts'

/** An entry as it is written: with its event even if that changed nothing. */
type NewEntry = Omit<LogEntry, 'settled'>

/** Writes an entry. An event that is not kept leaves a void: whose it was and what it held is nobody's business any more. */
export function writeEntry(sql: Sql, { n, origin, seq, chain, event, outcome, alertEvents }: NewEntry): void {
  const kept = isKept(outcome, event?.kind) ? event : null
  sql.run(
    'INSERT INTO log (n, origin, seq, kind, accepted_at, occurred_at, outcome, id, user_id, payload, alert_events, chain, formerly) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    n,
    origin,
    seq,
    event?.kind ?? 'void',
    // What is known of a void is as old as what came before it.
    event?.acceptedAt ?? 0,
    event?.occurredAt ?? 0,
    outcome,
    kept?.id ?? null,
    kept?.user ?? null,
    kept ? JSON.stringify(kept.payload) : null,
    alertEvents.length > 0 ? JSON.stringify(alertEvents) : null,
    chain,
    kept?.formerly ?? null,
  )
}

/** Event.formerly */
const formerly = z
  .string()
  .nullable()
  .transform((name) => name ?? undefined)

const fields = { id: z.string(), user: z.string(), acceptedAt: z.int(), occurredAt: z.int(), origin: z.string(), seq: z.int(), formerly }
const Nothing = z.record(z.string(), z.never())
/** An event as log and journal keep it; not to be read where its payload is gone. */
export const EventRow: z.ZodType<Event> = z.discriminatedUnion('kind', [
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
        raisesLate: z.literal(true).optional(),
        source: z.string().optional(),
        countsOnly: z.literal(true).optional(),
      }),
    ),
  }),
  z.object({ ...fields, kind: z.literal('cleared'), payload: json(Nothing) }),
  z.object({ ...fields, kind: z.literal('erased'), payload: json(z.object({ reason: z.string(), upTo: z.int().optional() })) }),
  z.object({ ...fields, kind: z.literal('expired'), payload: json(Nothing) }),
  z.object({ ...fields, kind: z.literal('acted'), payload: json(AlertActionSchema) }),
  z.object({ ...fields, kind: z.literal('assigned'), payload: json(AssignmentSchema) }),
  z.object({ ...fields, kind: z.literal('adopted'), payload: json(AdoptedSchema) }),
  z.object({ ...fields, kind: z.literal('policy'), payload: json(z.object({ limits: Limits })) }),
  z.object({ ...fields, kind: z.literal('joined'), payload: json(CounselorSchema) }),
])
export const EVENT = 'origin, seq, kind, accepted_at AS acceptedAt, occurred_at AS occurredAt, id, user_id AS user, payload, formerly'

const ToldRow = z.object({
  n: z.int(),
  settled: z.int().transform((settled) => settled === 1),
  alertEvents: json(z.array(AlertEventJson)).catch([]),
  origin: z.string(),
  seq: z.int(),
  chain: z.string(),
  formerly,
})

const EntryRow = ToldRow.extend({
  outcome: z.enum(['applied', 'duplicate', 'conflict', 'dead', 'erased']),
})

export function entryOf(row: unknown): LogEntry[] {
  const entry = EntryRow.safeParse(row).data
  // What changed nothing may still have to be pushed, and so be here with its payload.
  if (!entry) return []
  const event = EventRow.safeParse(row).data
  return [{ ...entry, event: event && isKept(entry.outcome, event.kind) ? event : null }]
}

/** The entries after an index, oldest first: those of the log, then those that are applied here ahead of it. */
export const readLog = (sql: Sql, after: number, limit: number): LogEntry[] =>
  rowsAfter(sql, { settled: `${ENTRY}, chain`, ahead: `${ENTRY}, '' AS chain` }, after, limit).flatMap(entryOf)

export const ENTRY = `${EVENT}, outcome, alert_events AS alertEvents`
const TOLD = 'origin, seq, formerly, alert_events AS alertEvents'

/** What the same entries tell of alerts. */
export const readTold = (sql: Sql, after: number, limit: number): ToldEntry[] =>
  rowsAfter(sql, { settled: `${TOLD}, chain`, ahead: `${TOLD}, '' AS chain` }, after, limit).flatMap((row) => {
    const entry = ToldRow.safeParse(row).data
    return entry ? [toldBy(entry)] : []
  })

function rowsAfter(sql: Sql, columns: { settled: string; ahead: string }, after: number, limit: number): unknown[] {
  const { n = 0, trimmed = 0 } = loadMeta(sql) ?? {}
  if (after < trimmed || after > n + aheadOfLog(sql)) throw cursorExpired()
  const settled = sql.rows(`SELECT n, ${columns.settled}, 1 AS settled FROM log WHERE n > ? ORDER BY n LIMIT ?`, after, limit)
  const ahead = sql.rows(
    `SELECT n, ${columns.ahead}, 0 AS settled FROM journal WHERE n > ? ORDER BY n LIMIT ?`,
    Math.max(after, n),
    limit - settled.length,
  )
  return [...settled, ...ahead]
}

const Ahead = z.object({ count: z.int() })
/** How far what is applied ahead of the log goes beyond it. */
export const aheadOfLog = (sql: Sql): number =>
  sql.get(Ahead, 'SELECT max(0, ifnull((SELECT max(n) FROM journal), 0) - n) AS count FROM meta')?.count ?? 0

const Chain = z.object({ chain: z.string() })

/** The chain at an index; null where the log here does not reach. */
export function chainAt(sql: Sql, n: number): string | null {
  const meta = loadMeta(sql)
  if (n === meta?.n) return meta.chain
  if (n === meta?.trimmed) return meta.trimmedChain
  return sql.get(Chain, 'SELECT chain FROM log WHERE n = ?', n)?.chain ?? null
}

const ForkRow = z.object({ epoch: z.string(), n: z.int() })
export const loadLineage = (sql: Sql): Fork[] => sql.all(ForkRow, 'SELECT epoch, n FROM lineage ORDER BY place')

export const addFork = (sql: Sql, { epoch, n }: Fork): void => {
  sql.run('INSERT INTO lineage (epoch, n) VALUES (?, ?)', epoch, n)
}

const Index = z.object({ n: z.int() })

/**
 * Takes entries accepted before a time off the head of the log, at most so many. Answers how many. Voids do not always tell their time: they
 * go with what is known to be old and comes after them, since a younger one would be missed if the log had to be pushed again.
 */
export function trimLog(sql: Sql, before: number, limit: number): number {
  const { n = 0, trimmed = 0 } = loadMeta(sql) ?? {}
  const last = Math.min(n, trimmed + limit)
  const young = sql.get(Index, 'SELECT n FROM log WHERE accepted_at >= ? AND n <= ? ORDER BY n LIMIT 1', before, last)
  const end = young ? young.n - 1 : last
  const old = sql.get(Index, 'SELECT n FROM log WHERE accepted_at > 0 AND n <= ? ORDER BY n DESC LIMIT 1', end)
  const goesOnOld = 'SELECT 1 FROM (SELECT accepted_at FROM log WHERE accepted_at > 0 AND n > ? ORDER BY n LIMIT 1) WHERE accepted_at < ?'
  const upTo = old?.n ?? (sql.exists(goesOnOld, end, before) ? end : trimmed)
  if (upTo === trimmed) return 0
  sql.run('UPDATE meta SET trimmed_chain = ifnull((SELECT chain FROM log WHERE n = ?), trimmed_chain), trimmed = ?', upTo, upTo)
  return sql.run('DELETE FROM log WHERE n <= ?', upTo)
}
