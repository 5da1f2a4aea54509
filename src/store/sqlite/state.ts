import { createSecretKey, type KeyObject, randomBytes, randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { type AlertEvent, DEFAULT_TRIAGE, type Limits } from '../../model.ts'
import type { Head, Joined, Marks } from '../copy.ts'
import { JoinedSchema } from '../joined.ts'
import type { Policy } from '../rules.ts'
import type { Event, EventPayloads, Outcome } from '../store.ts'
import { PolicyRow } from './rows.ts'
import type { Sql } from './sql.ts'
import type { OpenUsers } from './users.ts'

let newestKey: KeyObject | undefined

/** The key object of these bytes; the same one as before for the same bytes, since marks are remembered with it. */
function keyOf(bytes: Buffer): KeyObject {
  const key = createSecretKey(bytes)
  if (!newestKey?.equals(key)) newestKey = key
  return newestKey
}

const MetaRow = z.object({
  dataSetId: z.string(),
  epoch: z.string(),
  tombstoneKey: z.instanceof(Buffer).transform(keyOf),
  n: z.int(),
  trimmed: z.int(),
  chain: z.string(),
  trimmedChain: z.string(),
  joined: z.int().transform((joined) => joined === 1),
  rebuiltTo: z.string().nullable(),
})
export type Meta = z.infer<typeof MetaRow>

export const loadMeta = (sql: Sql): Meta | null =>
  sql.get(
    MetaRow,
    `SELECT data_set_id AS dataSetId, epoch, tombstone_key AS tombstoneKey, n, trimmed, chain, trimmed_chain AS trimmedChain, joined,
     rebuilt_to AS rebuiltTo FROM meta`,
  )

/** The identity of the data set; a new one where there is none yet. Null when it can't be read. */
export function identify(sql: Sql): Meta | null {
  return sql.transaction(() => {
    sql.run(
      'INSERT OR IGNORE INTO meta (one, data_set_id, epoch, tombstone_key) VALUES (1, ?, ?, ?)',
      randomUUID(),
      randomUUID(),
      randomBytes(32),
    )
    sql.run('INSERT INTO lineage (epoch, n) SELECT epoch, 0 FROM meta WHERE NOT EXISTS (SELECT 1 FROM lineage)')
    // The log has every index from the first that it keeps to the newest, so it tells both better than a damaged note of them.
    sql.run('UPDATE meta SET n = max(n, ifnull((SELECT max(n) FROM log), 0))')
    sql.run('UPDATE meta SET chain = ifnull((SELECT chain FROM log WHERE log.n = meta.n), chain)')
    sql.run('UPDATE meta SET trimmed = ifnull((SELECT min(n) - 1 FROM log), n)')
    return loadMeta(sql)
  })
}

export const loadPolicies = (sql: Sql): Policy[] => sql.all(PolicyRow, 'SELECT n, at, limits FROM policies ORDER BY n')

export const isPolicy = ({ at, limits }: Policy, { acceptedAt, payload }: EventOf<'policy'>): boolean =>
  at === acceptedAt && isDeepStrictEqual(limits, payload.limits)

const policiesWhere = (sql: Sql, condition: string): Policy[] =>
  sql.all(PolicyRow, `SELECT n, at, limits FROM policies WHERE ${condition} ORDER BY n`)
/** Those that the log has told of. */
export const settledPolicies = (sql: Sql): Policy[] => policiesWhere(sql, 'ahead IS NULL')
/** Those that are applied ahead of it. */
export const policiesAhead = (sql: Sql): Policy[] => policiesWhere(sql, 'ahead = 1')

export const loadStaff = (sql: Sql): Joined[] => sql.all(JoinedSchema, 'SELECT at, sub, name, role FROM staff')

/** What is known of one of the staff gives way to what is as late. */
export function keepMember(sql: Sql, { at, sub, name, role }: Joined): void {
  sql.run(
    `INSERT INTO staff (sub, at, name, role) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET at = excluded.at, name = excluded.name, role = excluded.role WHERE excluded.at >= staff.at`,
    ...[sub, at, name, role],
  )
}

const UNLIMITED: Limits = {
  conversations: 0,
  conversationsDays: 0,
  emotions: 0,
  emotionsDays: 0,
  profileDays: 0,
  alertsDays: 0,
  triage: DEFAULT_TRIAGE,
}
export const newestLimits = (policies: readonly Policy[]): Limits => policies.at(-1)?.limits ?? UNLIMITED

export type EventOf<K extends keyof EventPayloads> = Extract<Event, { kind: K }>

/** The outcome of an event that takes an index. */
export type Judged = Extract<Outcome, { n: number }>

/** An event on its way into the state. */
export interface Step {
  sql: Sql
  /** Its index in the log. */
  n: number
  /** Of the whole data set, oldest first. */
  policies: Policy[]
  /** Of the event's user. */
  mark: string
  /** The alert events that it brings about. */
  told: AlertEvent[]
  /** Where there are any, they are to be written by whoever made the step. */
  open?: OpenUsers
}

const At = z.object({ at: z.int() })
export const markedAt = (sql: Sql, table: 'tombstones' | 'expiries', mark: string): number | null =>
  sql.get(At, `SELECT at FROM ${table} WHERE mark = ?`, mark)?.at ?? null
export const tombstoneOf = ({ sql, mark }: Pick<Step, 'sql' | 'mark'>): number | null => markedAt(sql, 'tombstones', mark)
export const expiryOf = ({ sql, mark }: Step): number | null => markedAt(sql, 'expiries', mark)

const MarkRow = z.object({ mark: z.string(), at: z.int() })

/** What is known beyond the present users. */
export const marksOf = (sql: Sql): Pick<Head, 'tombstones' | 'expiries' | 'policies' | 'staff'> => ({
  tombstones: marks(sql, 'tombstones'),
  expiries: marks(sql, 'expiries'),
  policies: loadPolicies(sql),
  staff: loadStaff(sql),
})

const marks = (sql: Sql, table: 'tombstones' | 'expiries'): Marks =>
  sql.all(MarkRow, `SELECT mark, at FROM ${table}`).map(({ mark, at }) => [mark, at])
