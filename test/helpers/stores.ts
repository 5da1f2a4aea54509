import { join } from 'node:path'
import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { tempDir } from './temp.ts'

export interface OpenedStore {
  readonly store: Store
  /** Closes the store and opens it again on the same data, as a restart does. */
  reopen(): Promise<Store>
}

export interface StoreKind {
  name: string
  /** Whether its log is trimmed: what Redis does not have yet is kept. */
  trims?: boolean
  /** A store on a fresh data set, closed when the present test has finished. At most one at a time in a file. */
  open(): Promise<OpenedStore>
}

async function opened(open: () => Promise<Store>): Promise<OpenedStore> {
  let store = await open()
  onTestFinished(() => store.close())
  return {
    get store() {
      return store
    },
    async reopen() {
      await store.close()
      store = await open()
      return store
    },
  }
}

let shared: Promise<RedisServer> | undefined

/** The redis-server of this process, which ends with it, emptied. */
export async function emptyRedis(): Promise<RedisServer> {
  shared ??= startRedis()
  const server = await shared
  const redis = new Redis(server.url)
  await redis.flushall()
  redis.disconnect()
  return server
}

/** Nothing stands in for Redis here, and a machine that is busy with other tests lets a command wait. */
const PATIENCE_MS = 10_000

export const redisStore: StoreKind = {
  name: 'redis',
  async open() {
    const { url } = await emptyRedis()
    return opened(() => openRedisStore({ url, commandTimeoutMs: PATIENCE_MS }))
  },
}

export const sqliteStore: StoreKind = {
  name: 'sqlite',
  async open() {
    const dir = tempDir()
    onTestFinished(() => dir.remove())
    return opened(() => openSqliteStore({ path: join(dir.path, 'xinyi.db') }))
  },
}

export const stores: readonly StoreKind[] = [redisStore, sqliteStore]
