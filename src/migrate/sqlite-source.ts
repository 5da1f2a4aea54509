import { isUtf8 } from 'node:buffer'
import { existsSync } from 'node:fs'
import Database from 'better-sqlite3'
import * as z from 'zod'
import { StartError } from '../errors.ts'
import type { LegacySource, LegacyUser, Quarantined, Reason } from './legacy.ts'
import { byTime, countOf, legacyJson, pointOf, type Reading, Sieve, timeOf, topicOf, turnOf, Unusable } from './parse.ts'

/** Of one field; the predecessor cut texts at 400 characters. */
const MAX_FIELD_BYTES = 1_000_000
/** Of one user; the predecessor kept 5 turns. What is beyond is put aside. */
const MAX_ITEMS = 10_000
const MAX_BYTES = 8_000_000
const PAGE = 1_000
/** Rows that may hold anything are read so many at a time. */
const SMALL_PAGE = 20

const USER = ['created_at', 'total_chats', 'total_risk_alerts', 'common_topics', 'last_active', 'emotion_trend'] as const
const TURN = ['timestamp', 'query', 'response', 'risk_level', 'emotion_score', 'references_count'] as const

type Row = Record<string, unknown>
const Row = z.custom<Row>((value) => typeof value === 'object' && value !== null)
const OneRow = Row.optional()
const Rows = z.array(Row)
const Ids = z.array(z.string())
const Id = z.int()
const List = z.array(z.unknown())

/** The predecessor's SQLite file, opened to be read only. */
export function openLegacySqlite(path: string, reading: Reading): LegacySource {
  if (!existsSync(path)) throw new StartError(`${path} is not there. Give the path of the predecessor's SQLite file.`)
  let db: Database.Database | undefined
  try {
    db = new Database(path, { readonly: true, fileMustExist: true })
    return sourceOf(db, new Columns(db), reading)
  } catch (error) {
    db?.close()
    throw asStartError(path, error)
  }
}

/** What went wrong with a file, as a sentence; whatever else it is, as it is. */
export function asStartError(path: string, error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error
  const sentence =
    error.code === 'SQLITE_ERROR'
      ? `is not the predecessor's: it has no tables users and conversations with a user_id.`
      : error.code === 'SQLITE_NOTADB' || error.code === 'SQLITE_CANTOPEN'
        ? `can't be read as a SQLite file (${error.code}). Give the predecessor's own file, or a whole copy of it.`
        : `is damaged (${error.code}); what was read before is taken over. Recover it with \`sqlite3 FILE .recover\`, and run the same command on that.`
  return new StartError(`${path} ${sentence}`, { cause: error })
}

/** How columns are read: they may be others than the predecessor's, and hold anything. */
class Columns {
  readonly #known: Record<string, ReadonlySet<unknown>>
  /** Whether an id can be told at all. */
  readonly isText: string

  constructor(db: Database.Database) {
    db.function('is_utf8', { deterministic: true }, (bytes) => (Buffer.isBuffer(bytes) && isUtf8(bytes) ? 1 : 0))
    const isUtf8File = db.pragma('encoding', { simple: true }) === 'UTF-8'
    this.isText = `typeof(user_id) = 'text'${isUtf8File ? ' AND is_utf8(CAST(user_id AS BLOB))' : ''}`
    const columnsOf = (table: string) => new Set(db.prepare(`SELECT name FROM pragma_table_info('${table}')`).pluck().all())
    this.#known = { users: columnsOf('users'), conversations: columnsOf('conversations') }
  }

  /** Text, number, bytes or null; what is too large is not even read. */
  of(table: 'users' | 'conversations'): string {
    return (table === 'users' ? USER : TURN)
      .map((column) =>
        this.#known[table]?.has(column)
          ? `CASE WHEN octet_length(${column}) > ${MAX_FIELD_BYTES} THEN x'00' ELSE ${column} END AS ${column}`
          : `NULL AS ${column}`,
      )
      .join(', ')
  }
}

function sourceOf(db: Database.Database, columns: Columns, reading: Reading): LegacySource {
  // Whose each row is, in a temporary file: the tables need not have the indexes that they should.
  db.exec(`
    CREATE TEMP TABLE user_rows (user_id TEXT PRIMARY KEY, id INTEGER) WITHOUT ROWID;
    INSERT OR IGNORE INTO user_rows SELECT user_id, rowid FROM users WHERE ${columns.isText};
    CREATE TEMP TABLE turn_rows (user_id TEXT, id INTEGER, PRIMARY KEY (user_id, id)) WITHOUT ROWID;
    INSERT INTO turn_rows SELECT user_id, rowid FROM conversations WHERE ${columns.isText};
  `)
  const user = db.prepare(`SELECT ${columns.of('users')} FROM users WHERE rowid = (SELECT id FROM user_rows WHERE user_id = ?)`)
  const turns = db.prepare(
    `SELECT rowid AS id, ${columns.of('conversations')} FROM conversations
     WHERE rowid IN (SELECT id FROM turn_rows WHERE user_id = ? AND id > ? ORDER BY id LIMIT ${SMALL_PAGE}) ORDER BY rowid`,
  )
  const turnsAfter = (userId: string, id: number): Row[] => Rows.parse(turns.all(userId, id))
  const isWhole = db
    .prepare('SELECT is_utf8(CAST(query AS BLOB)) AND is_utf8(CAST(response AS BLOB)) FROM conversations WHERE rowid = ?')
    .pluck()
  const ids = db
    .prepare(
      `SELECT user_id FROM (SELECT user_id FROM user_rows WHERE user_id > ?1 ORDER BY 1 LIMIT ${PAGE}) UNION
       SELECT user_id FROM (SELECT DISTINCT user_id FROM turn_rows WHERE user_id > ?1 ORDER BY 1 LIMIT ${PAGE}) ORDER BY 1 LIMIT ${PAGE}`,
    )
    .pluck()
  const empty = db
    .prepare("SELECT count(*) FROM (SELECT id FROM user_rows WHERE user_id = '' UNION SELECT id FROM turn_rows WHERE user_id = '')")
    .pluck()
  const strays = (['users', 'conversations'] as const).map((table) => {
    const isStray = table === 'users' ? 'rowid NOT IN (SELECT id FROM user_rows)' : `NOT (${columns.isText})`
    const sql = `SELECT rowid AS id, ${columns.of(table)} FROM ${table} WHERE rowid > ? AND ${isStray} ORDER BY rowid LIMIT ${SMALL_PAGE}`
    return { table, page: db.prepare(sql) }
  })
  const count = db.prepare('SELECT count(*) FROM user_rows').pluck()

  return {
    store: 'sqlite',
    count: async () => Id.parse(count.get()),
    async *userIds() {
      if (empty.get() !== 0) yield ''
      for (let after = ''; ; ) {
        const page = Ids.parse(ids.all({ 1: after }))
        yield* page
        if (page.length < PAGE) break
        after = page.at(-1) ?? after
      }
    },
    async *strays() {
      for (const { table, page } of strays) yield* pages((after) => Rows.parse(page.all(after)), FIRST, aside('', table, 'bad_user_id'))
    },
    async read(userId) {
      const found = OneRow.parse(user.get(userId))
      const rows: Row[] = []
      let [last, bytes, isThrough] = [FIRST, 0, false]
      while (!isThrough && rows.length < MAX_ITEMS && bytes < MAX_BYTES) {
        const page = turnsAfter(userId, last)
        rows.push(...page)
        bytes += page.reduce((sum, row) => sum + sizeOf(row), 0)
        last = idOf(page.at(-1)) ?? last
        isThrough = page.length < SMALL_PAGE
      }
      if (!found && rows.length === 0) return null
      const check = (row: Row): void => {
        if (Object.values(row).some((value) => Buffer.isBuffer(value))) throw new Unusable('too_large')
        // What is no UTF-8 comes with the sign for that in it.
        if (`${row.query}${row.response}`.includes('\ufffd') && isWhole.get(row.id) === 0) throw new Unusable('bad_text')
      }
      return {
        ...userOf(userId, found, { rows, check, reading }),
        beyond: () =>
          isThrough
            ? pages(
                () => [],
                last,
                () => [],
              )
            : pages((after) => turnsAfter(userId, after), last, aside(userId, 'conversations', 'too_many')),
      }
    },
    async close() {
      db.close()
    },
  }
}

const FIRST = Number.MIN_SAFE_INTEGER
const idOf = (row: Row | undefined): number | undefined => (row ? Id.parse(row.id) : undefined)
const sizeOf = (row: Row): number =>
  Object.values(row).reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 8), 0)

async function* pages(
  read: (after: number) => Row[],
  first: number,
  use: (rows: Row[]) => readonly Quarantined[],
): AsyncGenerator<readonly Quarantined[]> {
  for (let after = first, rows = read(after); rows.length > 0; rows = read(after)) {
    yield use(rows)
    after = idOf(rows.at(-1)) ?? after
  }
}

const aside =
  (userId: string, table: string, reason: Reason) =>
  (rows: readonly Row[]): readonly Quarantined[] => {
    const sieve = new Sieve('sqlite', userId)
    for (const row of rows) sieve.setAside(`${table}, row ${row.id}`, reason, row)
    return sieve.quarantined
  }

function userOf(
  userId: string,
  user: Row | undefined,
  { rows, check, reading }: { rows: readonly Row[]; check: (row: Row) => void; reading: Reading },
): Omit<LegacyUser, 'beyond'> {
  const sieve = new Sieve('sqlite', userId)
  const turns = sieve.all('conversations', rows, (row) => {
    check(row)
    return turnOf(row, reading)
  })
  const field = <T>(column: (typeof USER)[number], read: (value: unknown) => T): T | null => {
    const value = user?.[column] ?? null
    return value === null ? null : sieve.take(`users.${column}`, value, () => read(value))
  }
  const time = (value: unknown): number => timeOf(value, reading)
  return {
    userId,
    createdAt: field('created_at', time),
    lastActiveAt: field('last_active', time),
    totalChats: field('total_chats', countOf) ?? 0,
    totalRiskAlerts: field('total_risk_alerts', countOf) ?? 0,
    topics: sieve.all('users.common_topics', field('common_topics', listOf) ?? [], topicOf),
    turns: turns.sort(byTime),
    points: sieve.all('users.emotion_trend', field('emotion_trend', listOf) ?? [], (point) => pointOf(point, reading)).sort(byTime),
    quarantined: sieve.quarantined,
  }
}

function listOf(text: unknown): readonly unknown[] {
  if (typeof text !== 'string') throw new Unusable(Buffer.isBuffer(text) ? 'too_large' : 'bad_shape')
  const list = List.safeParse(legacyJson(text))
  if (!list.success) throw new Unusable('bad_shape')
  if (list.data.length > MAX_ITEMS) throw new Unusable('too_large')
  return list.data
}
