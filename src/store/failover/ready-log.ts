import { z } from 'zod'
import { cursorExpired } from '../../errors.ts'
import { RISK_LEVELS } from '../../model.ts'
import { legacyRisk } from '../redis/encode.ts'
import type { ReadyEntry } from '../redis/pack-log.ts'
import { ENTRY, entryOf } from '../sqlite/log.ts'
import { seedLog } from '../sqlite/replica/seed.ts'
import { json } from '../sqlite/rows.ts'
import type { Sql } from '../sqlite/sql.ts'
import { loadMeta } from '../sqlite/state.ts'
import type { LogEntry } from '../store.ts'

/** What is recorded is most of the log, and SQLite makes of it what Redis is filled with in a fifth of the time that it takes here (packLog). */

const caseOf = (of: string, cases: readonly (readonly [string, string])[]): string =>
  `CASE ${of} ${cases.map(([found, then]) => `WHEN '${found}' THEN ${then}`).join(' ')} END`

const LEVEL = "payload ->> '$.riskLevel'"
const field = (name: string, path: string): string => `',"${name}":' || (payload -> '$.${path}')`
const fieldIfAny = (name: string, path: string): string => `ifnull(${field(name, path)}, '')`

/** As conversationElement writes it. */
const BODY = [
  `'{"at":' || occurred_at`,
  `',"rank":' || ${caseOf(
    LEVEL,
    RISK_LEVELS.map((level, rank) => [level, String(rank)]),
  )}`,
  `',"id":' || json_quote(id)`,
  field('query', 'query'),
  field('response', 'response'),
  `',"risk_level":"' || ${caseOf(
    LEVEL,
    RISK_LEVELS.map((level) => [level, `'${legacyRisk(level)}'`]),
  )} || '"'`,
  field('emotion_score', 'emotionScore'),
  field('references_count', 'references'),
  field('topics', 'topics'),
  fieldIfAny('late', 'raisesLate'),
  fieldIfAny('source', 'source'),
  fieldIfAny('countsOnly', 'countsOnly'),
  `'}'`,
].join(' || ')

/** One text in MessagePack (packEach). */
const packed = (text: string): string => `unhex(printf('db%08x', octet_length(${text}))) || ${text}`

/** In the order in which seedlog.lua takes them. Where one is null, all is: whatever that is, it is no matter for here. */
const TEXTS = [
  ...['CAST(n AS TEXT)', 'origin', 'CAST(seq AS TEXT)', 'chain', 'id', 'user_id', 'kind'],
  ...['CAST(accepted_at AS TEXT)', 'CAST(occurred_at AS TEXT)'],
  'fingerprint',
  'body',
  'outcome',
  "ifnull(alert_events, '[]')",
  "ifnull(formerly, '')",
]

const LARGEST = String(Number.MAX_SAFE_INTEGER)
const IS_RECORDED = [
  "kind = 'recorded'",
  "outcome IN ('applied', 'duplicate')",
  'json_valid(payload)',
  "json_valid(ifnull(alert_events, '[]'))",
  // One that is larger can't be read here, and with it none of its page.
  ...['seq', 'accepted_at', 'occurred_at'].map((column) => `${column} BETWEEN -${LARGEST} AND ${LARGEST}`),
].join(' AND ')

const QUERY = `SELECT json_group_array(json_array(n, iif(ready IS NULL, 0, accepted_at), octet_length(ready))) AS listed, CAST(group_concat(ready, '') AS BLOB) AS ready FROM (
  SELECT n, accepted_at, ${TEXTS.map(packed).join(' || ')} AS ready FROM (
    SELECT *, iif(${IS_RECORDED}, payload ->> '$.fingerprint', NULL) AS fingerprint, iif(${IS_RECORDED}, ${BODY}, NULL) AS body
    FROM log WHERE n > ? ORDER BY n LIMIT ?
  ) LIMIT -1)`

const PageRow = z.object({
  listed: json(z.array(z.tuple([z.int(), z.int(), z.int().nullable()]))),
  ready: z.instanceof(Uint8Array).nullable(),
})

interface Page {
  /** Oldest first, as packLog takes them. */
  entries: (LogEntry | ReadyEntry)[]
  /** The index of the last; null when there are no more. */
  last: number | null
}

/** The entries of the log after an index, with what is ahead of it as its end (seedLog). To be called in one snapshot. */
export function readyLog(sql: Sql, after: number, limit: number): Page {
  const { n = 0, trimmed = 0 } = loadMeta(sql) ?? {}
  if (after < trimmed) throw cursorExpired()
  if (after + limit <= n) return settledLog(sql, after, limit)
  const entries = seedLog(sql, after, limit)
  return { entries, last: entries.at(-1)?.n ?? null }
}

function settledLog(sql: Sql, after: number, limit: number): Page {
  const page = sql.get(PageRow, QUERY, after, limit)
  // That would be taken for the end of the log.
  if (!page) throw new Error('The log can not be read.')
  const { listed, ready } = page
  const others = new Map<number, LogEntry>()
  const left = listed.flatMap(([n, , length]) => (length === null ? [n] : []))
  if (left.length > 0) {
    const rows = sql.rows(
      `SELECT n, ${ENTRY}, chain, 1 AS settled FROM log WHERE n IN (SELECT value FROM json_each(?))`,
      JSON.stringify(left),
    )
    for (const entry of rows.flatMap(entryOf)) others.set(entry.n, entry)
  }
  let from = 0
  const entries = listed.flatMap(([n, at, length]): (LogEntry | ReadyEntry)[] => {
    if (length === null) {
      const other = others.get(n)
      return other ? [other] : []
    }
    const packed = ready?.subarray(from, from + length) ?? new Uint8Array(0)
    from += length
    return [{ at, packed }]
  })
  return { entries, last: listed.at(-1)?.[0] ?? null }
}
