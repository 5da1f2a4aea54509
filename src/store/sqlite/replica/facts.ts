import { z } from 'zod'
import type { Counts, Fork } from '../../copy.ts'
import { aheadOfLog, loadLineage } from '../log.ts'
import type { Sql } from '../sql.ts'
import type { Meta } from '../state.ts'
import { journalSize } from './journal.ts'
import { countLacking, isFirstCopy, isPartial } from './kept.ts'

/** Where the replica stands. */
export interface ReplicaFacts {
  dataSetId: string
  epoch: string
  tombstoneKey: string
  /** Of the newest entry taken over from Redis. */
  n: number
  chain: string
  trimmed: number
  /** Entries applied ahead of the log. */
  ahead: number
  /** Whether the data set is that of a Redis; else it began here. */
  joined: boolean
  rebuiltTo: string | null
  /** Whether users are being taken over of whom the log here does not tell (kept.ts). */
  partial: boolean
  /** So many events at most, of those that Redis is known to have had, may be missing in users who are here for that. */
  lacking: number
  /** Of those who are there now, never yet all were here. */
  isFirstCopy: boolean
  journalSize: number
  dirty: number
  /** Whether users are to be taken over although nothing of them waits for Redis. */
  due: boolean
  users: number
  lineage: Fork[]
}

const Count = z.object({ count: z.int() })
const count = (sql: Sql, table: 'dirty' | 'users' | keyof Counts): number =>
  sql.get(Count, `SELECT count(*) AS count FROM ${table}`)?.count ?? 0

export const factsOf = (sql: Sql, { tombstoneKey, ...meta }: Meta): ReplicaFacts => ({
  ...meta,
  tombstoneKey: tombstoneKey.export().toString('hex'),
  ahead: aheadOfLog(sql),
  journalSize: journalSize(sql),
  partial: isPartial(sql),
  lacking: isPartial(sql) ? countLacking(sql) : 0,
  isFirstCopy: isFirstCopy(sql),
  dirty: count(sql, 'dirty'),
  due: sql.exists('SELECT 1 FROM dirty WHERE NOT EXISTS (SELECT 1 FROM journal WHERE journal.user_id = dirty.user_id) LIMIT 1'),
  users: count(sql, 'users'),
  lineage: loadLineage(sql),
})

export const countsOf = (sql: Sql): Counts => ({
  tombstones: count(sql, 'tombstones'),
  expiries: count(sql, 'expiries'),
  policies: count(sql, 'policies'),
  staff: count(sql, 'staff'),
})
