import { z } from 'zod'
import type { Event } from '../../store.ts'
import { EVENT, EventRow } from '../log.ts'
import type { Sql } from '../sql.ts'

/** What is kept of an event, be it in the log, in the journal or beside them. */
export const HELD = 'origin, seq, kind, accepted_at, occurred_at, outcome, id, user_id, payload, alert_events, formerly'

/** Keeps events until the log has them. To be called in a transaction. */
export function addToJournal(sql: Sql, events: readonly Event[]): void {
  for (const event of events)
    sql.run(
      `INSERT INTO journal (origin, seq, kind, accepted_at, occurred_at, id, user_id, payload, formerly) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
      ...[event.origin, event.seq, event.kind, event.acceptedAt, event.occurredAt, event.id, event.user, JSON.stringify(event.payload)],
      event.formerly ?? null,
    )
}

const Row = z.object({ place: z.int(), origin: z.string(), seq: z.int(), acceptedAt: z.int(), occurredAt: z.int() })

export interface Journaled {
  place: number
  event: Event
}

const COLUMNS = `place, ${EVENT}`

/** What is left of an event whose payload is gone: it still has to take its place in the order. */
function journaled(row: unknown): Journaled[] {
  const found = Row.safeParse(row).data
  if (!found) return []
  const { place, ...rest } = found
  return [{ place, event: EventRow.safeParse(row).data ?? { ...rest, kind: 'void', id: '', user: '', payload: {} } }]
}

/** Null where it is not in the journal, or nothing is left of it. */
export const eventInJournal = (sql: Sql, origin: string, seq: number): Event | null =>
  sql.get(EventRow, `SELECT ${EVENT} FROM journal WHERE origin = ? AND seq = ?`, origin, seq)

export interface JournalPage {
  /** Of the last one before it. */
  after: number
  limit: number
  /** What these positions of Redis do not cover. */
  positions?: Readonly<Record<string, number>>
}

/** The next events, as they stand. */
export const journalAfter = (sql: Sql, { after, limit, positions = {} }: JournalPage): Journaled[] =>
  sql
    .rows(
      `WITH position (of, upTo) AS MATERIALIZED (SELECT key, value FROM json_each(?))
       SELECT ${COLUMNS} FROM journal LEFT JOIN position ON of = origin WHERE place > ? AND seq > ifnull(upTo, 0) ORDER BY place LIMIT ?`,
      JSON.stringify(positions),
      after,
      limit,
    )
    .flatMap(journaled)

/** What Redis has to get next. */
export interface Pushable {
  events: Event[]
  /** Origins of which there is more, behind events that are not here. */
  stuck: string[]
}

const StepRow = z.object({ place: z.int(), seq: z.int() })
const STEPS = 100

/** The places of what Redis takes next of an origin, in order. Ends with whether there is more behind a gap. */
function* placesOf(sql: Sql, origin: string, position: number): Generator<number, boolean> {
  let seq = position
  // There may be very many origins, and of most of them nothing more is asked for.
  for (let limit = 1; ; limit = STEPS) {
    const rows = sql.all(StepRow, 'SELECT place, seq FROM journal WHERE origin = ? AND seq > ? ORDER BY seq LIMIT ?', origin, seq, limit)
    for (const row of rows) {
      if (row.seq > seq + 1) return true
      seq = row.seq
      yield row.place
    }
    if (rows.length < limit) return false
  }
}

/**
 * The next events that a Redis with these positions has to get: in the order of the journal, but for those that stand before earlier ones of
 * their origin, which come right behind these. Where there are none, what is left is stuck.
 */
export function pushable(sql: Sql, positions: Readonly<Record<string, number>>, limit: number): Pushable {
  const stuck: string[] = []
  const heads = originsIn(sql, 'journal').flatMap((origin) => {
    const rest = placesOf(sql, origin, positions[origin] ?? 0)
    const first = rest.next()
    if (!first.done) return [{ place: first.value, rest }]
    if (first.value) stuck.push(origin)
    return []
  })
  const places: number[] = []
  while (places.length < limit && heads.length > 0) {
    // What stands before an earlier one of its origin is the least as soon as that one is chosen.
    const head = heads.reduce((least, each) => (each.place < least.place ? each : least))
    places.push(head.place)
    const next = head.rest.next()
    if (next.done) heads.splice(heads.indexOf(head), 1)
    else head.place = next.value
  }
  const held = sql.rows(`SELECT ${COLUMNS} FROM journal WHERE place IN (SELECT value FROM json_each(?))`, JSON.stringify(places))
  const events = new Map(held.flatMap(journaled).map(({ place, event }) => [place, event]))
  return { events: places.flatMap((place) => events.get(place) ?? []), stuck }
}

const OriginRow = z.object({ origin: z.string() })

/** The origins in a table that may have very many events of each. */
export const originsIn = (sql: Sql, table: 'journal' | 'kept'): string[] =>
  sql
    .all(
      OriginRow,
      `WITH RECURSIVE origins (origin) AS (
         SELECT min(origin) FROM ${table} UNION ALL
         SELECT (SELECT min(origin) FROM ${table} WHERE ${table}.origin > origins.origin) FROM origins WHERE origins.origin IS NOT NULL
       ) SELECT origin FROM origins WHERE origin IS NOT NULL`,
    )
    .map(({ origin }) => origin)

export const notApplied = (sql: Sql, limit: number): Journaled[] =>
  sql.rows(`SELECT ${COLUMNS} FROM journal WHERE n IS NULL ORDER BY place LIMIT ?`, limit).flatMap(journaled)

const AppliedRow = z.object({ n: z.int() })
export type Applied = Journaled & { n: number }
const applied = (row: unknown): Applied[] => journaled(row).map((each) => ({ ...each, n: AppliedRow.parse(row).n }))

/** What was applied ahead to a user, in order. */
export const appliedTo = (sql: Sql, user: string): Applied[] =>
  sql.rows(`SELECT ${COLUMNS}, n FROM journal WHERE user_id = ? AND n IS NOT NULL ORDER BY place`, user).flatMap(applied)

/** The same of what was applied to the data set as a whole. */
export const appliedToAll = (sql: Sql): Applied[] =>
  sql.rows(`SELECT ${COLUMNS}, n FROM journal WHERE kind IN ('policy', 'joined') AND n IS NOT NULL ORDER BY place`).flatMap(applied)

const IdRow = z.object({ id: z.string() })

/**
 * The same, but for what a removal removes that the log tells next: what is older than that, and was in a log before. A Redis that was filled in
 * part, or has gone back, gets it again.
 */
export function appliedSince(sql: Sql, { user, acceptedAt }: Event): Applied[] {
  const held = 'SELECT id FROM log WHERE user_id = ? AND id IS NOT NULL UNION SELECT id FROM kept WHERE user_id = ? AND id IS NOT NULL'
  const ahead = appliedTo(sql, user)
  const before = ahead.some(({ event }) => event.acceptedAt <= acceptedAt)
    ? new Set(sql.all(IdRow, held, user, user).map(({ id }) => id))
    : null
  return ahead.filter(({ event }) => event.acceptedAt > acceptedAt || !before?.has(event.id))
}

/** Positions (a parameter, JSON) as rows, made once: SQLite would read all of the JSON again for each row that they are joined to. */
export const POSITIONS = '(WITH position AS MATERIALIZED (SELECT key AS origin, value AS seq FROM json_each(?)) SELECT * FROM position)'

const Count = z.object({ count: z.int() })
export const countPending = (sql: Sql, positions: Readonly<Record<string, number>>): number =>
  sql.get(
    Count,
    `SELECT count(*) AS count FROM journal LEFT JOIN ${POSITIONS} AS position USING (origin) WHERE journal.seq > ifnull(position.seq, 0)`,
    JSON.stringify(positions),
  )?.count ?? 0
export const journalSize = (sql: Sql): number => sql.get(Count, 'SELECT count(*) AS count FROM journal')?.count ?? 0

const VOID = `outcome = 'erased', id = NULL, user_id = NULL, payload = NULL, alert_events = NULL, formerly = NULL
   WHERE user_id = ? AND kind NOT IN ('erased', 'expired')`

/** What an erasure leaves of a user's events that are held here. */
export function voidErased(
  sql: Sql,
  user: string,
  erasedAt: number,
  tables: readonly ('log' | 'kept' | 'journal')[] = ['log', 'kept', 'journal'],
): void {
  for (const table of tables) sql.run(`UPDATE ${table} SET ${VOID} AND (accepted_at <= ? OR occurred_at <= ?)`, user, erasedAt, erasedAt)
}

/** The same of an expiry: what no log had yet comes after it, whenever it was accepted. */
export function voidExpired(sql: Sql, user: string, expiredAt: number): void {
  for (const table of ['log', 'kept']) sql.run(`UPDATE ${table} SET ${VOID} AND accepted_at <= ?`, user, expiredAt)
}

const HeldUser = z.object({ userId: z.string() })
/** Of whom anything is held here, be they here or not. */
export const heldUsers = (sql: Sql): string[] =>
  sql
    .all(
      HeldUser,
      ['log', 'kept', 'journal']
        .map((table) => `SELECT user_id AS userId FROM ${table} WHERE user_id IS NOT NULL AND user_id <> ''`)
        .join(' UNION '),
    )
    .map(({ userId }) => userId)

const ErasedRow = z.object({ place: z.int(), origin: z.string(), seq: z.int() })

/** Redis, which had these positions then, has applied the erasures of a user that they cover: up to this time at the latest. */
export function noteErased(sql: Sql, user: string, upTo: number, positions: Readonly<Record<string, number>>): void {
  const rows = sql.all(ErasedRow, "SELECT place, origin, seq FROM journal WHERE user_id = ? AND kind = 'erased' AND n IS NULL", user)
  for (const { place, origin, seq } of rows)
    if (seq <= (positions[origin] ?? 0)) sql.run("UPDATE journal SET payload = json_set(payload, '$.upTo', ?) WHERE place = ?", upTo, place)
}

/**
 * Gives the events of these origins behind those that Redis has a new one: it lacks earlier ones, that are nowhere to be had, and would not take
 * these for ever. Their ids see to it that they count once even if what was lost turns up again. To be called in a transaction.
 */
export function rescue(sql: Sql, behind: Readonly<Record<string, number>>, fresh: string): void {
  const chosen = `SELECT place FROM journal JOIN ${POSITIONS} AS position ON position.origin = journal.origin WHERE journal.seq > position.seq`
  const json = JSON.stringify(behind)
  sql.run(
    `INSERT INTO rescued (origin, first, last) SELECT origin, min(seq), max(seq) FROM (
       SELECT origin, seq, seq - row_number() OVER (PARTITION BY origin ORDER BY seq) AS run FROM journal WHERE place IN (${chosen})
     ) GROUP BY origin, run ON CONFLICT DO UPDATE SET last = max(last, excluded.last)`,
    json,
  )
  sql.run(`DELETE FROM kept WHERE (origin, seq) IN (SELECT origin, seq FROM journal WHERE place IN (${chosen}))`, json)
  sql.run(`DELETE FROM journal WHERE place IN (${chosen}) AND payload IS NULL`, json)
  sql.run(
    `UPDATE journal SET origin = ?, seq = ranked.number, formerly = ifnull(formerly, journal.seq || ' ' || journal.origin) FROM (SELECT place, row_number() OVER (ORDER BY behind, seq) AS number FROM (
       SELECT place, seq, max(place) OVER (PARTITION BY origin ORDER BY seq) AS behind FROM journal WHERE place IN (${chosen})
     )) AS ranked WHERE journal.place = ranked.place`,
    fresh,
    json,
  )
  // In the log it may be a void, being at odds with what Redis knows of its id: where that is not known, it is needed whole.
  sql.run(`INSERT INTO kept (${HELD}) SELECT ${HELD} FROM journal WHERE origin = ? AND n IS NOT NULL ORDER BY place`, fresh)
  // Whatever comes again under the new origin is the same as what was applied under the old one.
  sql.run(
    `UPDATE seen SET source = journal.seq || ' ' || journal.origin FROM journal
     WHERE journal.origin = ? AND seen.user_id = journal.user_id AND seen.id = journal.id AND journal.outcome = 'applied'`,
    fresh,
  )
  const origins = 'SELECT key FROM json_each(?)'
  sql.run(`DELETE FROM ahead WHERE origin IN (${origins})`, json)
  sql.run(
    `INSERT INTO ahead SELECT origin, max(seq) FROM journal WHERE (origin = ? OR origin IN (${origins})) AND n IS NOT NULL GROUP BY origin`,
    fresh,
    json,
  )
}

/** What an expiry at index n leaves of the user's earlier events in the log as it reads here; Redis has yet to be told of them. */
export function hideInJournal(sql: Sql, user: string, n: number): void {
  sql.run(
    "UPDATE journal SET outcome = 'erased', alert_events = NULL WHERE user_id = ? AND n < ? AND kind NOT IN ('erased', 'expired')",
    user,
    n,
  )
}
