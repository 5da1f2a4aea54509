import { join } from 'node:path'
import Database from 'better-sqlite3'
import { onTestFinished } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Page, Store } from '../../src/store/store.ts'
import { tempDir } from '../helpers/temp.ts'

export const ALL: Page = { limit: 1_000, take: 'first' }

export function newPath(): string {
  const dir = tempDir()
  onTestFinished(dir.remove)
  return join(dir.path, 'data', 'xinyi.db')
}

export async function open(path = newPath()): Promise<Store> {
  const store = await openSqliteStore({ path })
  onTestFinished(() => store.close())
  return store
}

/** Changes a closed store's file behind its back. */
export function tamper(path: string, sql: string): void {
  const db = new Database(path)
  db.exec(sql)
  db.close()
}
