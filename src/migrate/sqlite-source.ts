import { existsSync } from 'node:fs'
import Database from 'better-sqlite3'
import * as z from 'zod'
import { StartError } from '../errors.ts'
import type { LegacySource, LegacyUser } from './legacy.ts'
import { countOf, legacyJson, pointOf, type Reading, Sieve, timeOf, topicOf, turnOf, Unusable } from './parse.ts'

/** Of one field, in bytes; the predecessor cut texts at 400 characters. */
const MAX_FIELD_BYTES = 1_000_000
/** The predecessor kept 5 turns of a user. */
const MAX_TURNS = 10_000
const PAGE = 1_000

/** A value of any column: text, number, bytes or null; what is too large is not even read. */
const field = (column: string) =>
  `CASE WHEN length(CAST(${column} AS BLOB)) > ${MAX_FIELD_BYTES} THEN x'00' ELSE ${column} END AS ${column}`

const Row = z.record(z.string(), z.unknown())
type Row = z.infer<typeof Row>

/** The predecessor's SQLite file, opened to be read only. */
export function openLegacySqlite(path: string, reading: Reading): LegacySource {
  if (!existsSync(path)) throw new StartError(`${path} is not there. Give the path of the predecessor's SQLite file.`)
  const db = openFile(path)
  const columnsOf = (table: string) => new Set(db.prepare(`SELECT name FROM pragma_table_info('${table}')`).pluck().all())
  const known = { users: columnsOf('users'), conversations: columnsOf('conversations') }
  if (!known.users.has('user_id') || !known.conversations.has('user_id'))
    throw new StartError(`${path} is not the predecessor's: it has no tables users and conversations with a user_id.`)
  const select = (table: keyof typeof known, columns: readonly string[]) =>
    columns.map((column) => (known[table].has(column) ? field(column) : `NULL AS ${column}`)).join(', ')
  // Ids of any type are compared as text.
  const profile = db.prepare(
    `SELECT ${select('users', ['created_at', 'total_chats', 'total_risk_alerts', 'common_topics', 'last_active', 'emotion_trend'])}
     FROM users WHERE CAST(user_id AS TEXT) = ? OR user_id = ? LIMIT 1`,
  )
  const turns = db.prepare(
    `SELECT rowid AS id, ${select('conversations', ['timestamp', 'query', 'response', 'risk_level', 'emotion_score', 'references_count'])}
     FROM conversations WHERE user_id = ? ORDER BY rowid LIMIT ${MAX_TURNS}`,
  )
  const idsWhere = (condition: string) =>
    db
      .prepare(
        `SELECT user_id FROM users WHERE typeof(user_id) = 'text' AND ${condition} UNION
         SELECT user_id FROM conversations WHERE typeof(user_id) = 'text' AND ${condition} ORDER BY 1 LIMIT ${PAGE}`,
      )
      .pluck()
  const [firstIds, ids] = [idsWhere('true'), idsWhere('user_id > ?')]
  const strays = db.prepare(
    `SELECT ${select('conversations', ['timestamp', 'query', 'response', 'risk_level'])} FROM conversations
     WHERE typeof(user_id) <> 'text' LIMIT ${MAX_TURNS}`,
  )

  return {
    store: 'sqlite',
    count: async () => z.int().parse(db.prepare('SELECT count(*) FROM users').pluck().get()),
    async *userIds() {
      for (let after: string | undefined; ; ) {
        const page = z.array(z.string()).parse(after === undefined ? firstIds.all() : ids.all(after, after))
        yield* page
        if (page.length < PAGE) break
        after = page.at(-1)
      }
    },
    async strays() {
      const rows = z.array(Row).parse(strays.all())
      const sieve = new Sieve('sqlite', '')
      for (const row of rows) sieve.setAside('conversations', 'bad_user_id', row)
      return sieve.quarantined
    },
    async read(userId) {
      const user = Row.optional().parse(profile.get(userId, userId))
      const rows = z.array(Row).parse(turns.all(userId))
      return user || rows.length > 0 ? userOf(userId, user, rows, reading) : null
    },
    async close() {
      db.close()
    },
  }
}

function openFile(path: string): Database.Database {
  try {
    const db = new Database(path, { readonly: true, fileMustExist: true })
    db.pragma('query_only = 1')
    db.prepare('SELECT count(*) FROM sqlite_master').get()
    return db
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    throw new StartError(`${path} can't be read as a SQLite file (${code}). Give the predecessor's own file, or a whole copy of it.`, {
      cause: error,
    })
  }
}

function userOf(userId: string, user: Row | undefined, rows: readonly Row[], reading: Reading): LegacyUser {
  const sieve = new Sieve('sqlite', userId)
  const turns = sieve.all('conversations', rows, (row) => {
    refuseBytes(row)
    return turnOf(row, reading)
  })
  const listOf = (column: string): readonly unknown[] => {
    const text = user?.[column]
    if (text == null) return []
    const list = sieve.take(`users.${column}`, text, () => {
      if (typeof text !== 'string') throw new Unusable(Buffer.isBuffer(text) ? 'too_large' : 'bad_shape')
      const parsed = z.array(z.unknown()).safeParse(legacyJson(text))
      if (!parsed.success) throw new Unusable('bad_shape')
      return parsed.data
    })
    return list ?? []
  }
  const time = (column: string) =>
    user?.[column] == null ? null : sieve.take(`users.${column}`, user[column], () => timeOf(user[column], reading))
  const count = (column: string) =>
    user?.[column] == null ? 0 : (sieve.take(`users.${column}`, user[column], () => countOf(user[column])) ?? 0)
  return {
    userId,
    createdAt: time('created_at'),
    lastActiveAt: time('last_active'),
    totalChats: count('total_chats'),
    totalRiskAlerts: count('total_risk_alerts'),
    topics: sieve.all('users.common_topics', listOf('common_topics'), topicOf),
    turns: turns.sort((a, b) => a.at - b.at || (a.stamp < b.stamp ? -1 : 1)),
    points: sieve
      .all('users.emotion_trend', listOf('emotion_trend'), (point) => pointOf(point, reading))
      .sort((a, b) => a.at - b.at || (a.stamp < b.stamp ? -1 : 1)),
    quarantined: sieve.quarantined,
  }
}

/** Text that is no text; or what was too large to be read. */
function refuseBytes(row: Row): void {
  if (Object.values(row).some((value) => Buffer.isBuffer(value))) throw new Unusable('too_large')
}
