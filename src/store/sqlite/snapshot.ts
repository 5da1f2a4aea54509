import { closeSync, openSync, rmSync } from 'node:fs'
import type Database from 'better-sqlite3'
import { z } from 'zod'
import { loadPositions } from './apply.ts'
import { openDatabase } from './open.ts'
import { factsOf } from './replica/facts.ts'
import { rewrite } from './scrub.ts'
import type { Sql } from './sql.ts'

/** What a database file holds, and where it stands. */
export interface Contents {
  dataSetId: string
  epoch: string
  /** Index of the newest entry of the log that is settled. */
  n: number
  /** Of the schema. */
  format: number
  /** Events that its Redis may not have. */
  pendingWrites: number
  /** By origin, the newest of its events that is applied. */
  positions: Record<string, number>
  rows: Record<(typeof TABLES)[number], number>
}

const TABLES = ['users', 'conversations', 'emotions', 'alerts', 'log', 'tombstones'] as const

/**
 * Copies an open database as it is at one moment into a new file, for this account only. What is written meanwhile is not held up
 * for longer than some pages take; it comes along.
 */
export async function snapshot(db: Database.Database, file: string): Promise<void> {
  closeSync(openSync(file, 'wx', 0o600))
  try {
    await db.backup(file)
  } catch (error) {
    rmSync(file, { force: true })
    throw error
  }
}

/** As `inspectDatabase`, of a copy; makes it one whole file, which needs no -wal beside it, and takes the packs out of it: they hold nothing that the rows do not. */
export const inspectSnapshot = (file: string): Contents =>
  inspectDatabase(file, (db) => {
    if (db.prepare('DELETE FROM packs').run().changes > 0) rewrite(db, 'FILE')
    db.pragma('journal_mode = DELETE')
  })

/** Checks a file that nobody else uses as a start does, and says what it holds. Throws a StartError that says why it can't be used. */
export function inspectDatabase(file: string, finish?: (db: Database.Database) => void): Contents {
  const { db, sql, meta } = openDatabase(file)
  try {
    const { dataSetId, epoch, n, journalSize } = factsOf(sql, meta)
    const rows = Object.fromEntries(TABLES.map((table) => [table, countOf(sql, table)]))
    const positions = loadPositions(sql)
    const format = Number(db.pragma('user_version', { simple: true }))
    finish?.(db)
    return { dataSetId, epoch, n, format, pendingWrites: journalSize, positions, rows: Rows.parse(rows) }
  } finally {
    db.close()
  }
}

const Rows = z.record(z.enum(TABLES), z.int())
const Count = z.object({ count: z.int() })
const countOf = (sql: Sql, table: (typeof TABLES)[number]): number => sql.get(Count, `SELECT count(*) AS count FROM ${table}`)?.count ?? 0
