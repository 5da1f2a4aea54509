import { join } from 'node:path'
import Database from 'better-sqlite3'
import { onTestFinished } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Page, Place, Store } from '../../src/store/store.ts'
import { NOW, Origin } from '../helpers/events.ts'
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

/** Before the first entry of the log. */
export const beginningOf = async (store: Store): Promise<Place> => ({ epoch: (await store.status()).epoch, n: 0 })

/** Changes a closed store's file behind its back. */
export function tamper(path: string, sql: string): void {
  const db = new Database(path)
  db.exec(sql)
  db.close()
}

/** A closed store with a user in it. */
export async function written(): Promise<string> {
  const path = newPath()
  const store = await openSqliteStore({ path })
  const origin = new Origin()
  await store.append([
    origin.policy({ conversations: 50, profileDays: 365 }),
    origin.recorded({ user: 'a', id: '1', riskLevel: 'HIGH', topics: ['work'] }),
    origin.recorded({ user: 'a', id: '2', acceptedAt: NOW + 1, emotionScore: 0.1 + 0.2 }),
    origin.recorded({ user: 'b', id: '3', riskLevel: 'MEDIUM' }),
  ])
  await store.close()
  return path
}
