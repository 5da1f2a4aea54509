import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, onTestFinished } from 'vitest'
import type { UserCopy } from '../../src/store/copy.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import type { RedisStore } from '../../src/store/redis/store.ts'
import type { ReadRequest } from '../../src/store/store.ts'
import { type RedisServer, startRedis } from '../helpers/redis.ts'

export const page = { limit: 100, take: 'first' } as const

/** A Redis for the tests of a file, emptied after each: stores in it, and one who damages their keys. */
export class DamagedRedis {
  #server: RedisServer | undefined
  #redis: Redis | undefined

  /** To be called once, outside of tests. */
  use(): void {
    beforeAll(async () => {
      this.#server = await startRedis()
      this.#redis = new Redis(this.#server.url)
    })
    afterEach(() => this.redis.flushall())
    afterAll(async () => {
      await this.redis.quit()
      await this.#server?.stop()
    })
  }

  get redis(): Redis {
    if (!this.#redis) throw new Error('not begun')
    return this.#redis
  }

  async open(): Promise<RedisStore> {
    const store = await openRedisStore({ url: this.#server?.url ?? '' })
    onTestFinished(() => store.close())
    return store
  }
}

/** Everything that may be asked of a user. */
export const ALL_OF_U: readonly ReadRequest[] = [
  { kind: 'user', userId: 'u' },
  { kind: 'conversations', userId: 'u', page },
  { kind: 'emotions', userId: 'u', page },
  { kind: 'userTopics', userId: 'u' },
  { kind: 'userAlerts', userId: 'u', page },
  { kind: 'alerts', page },
]

export const entriesOf = async (store: RedisStore) => (await store.log({ epoch: store.epoch, n: 0 }, 100)).entries

export async function copyOf(store: RedisStore, user: string): Promise<UserCopy> {
  const [copy] = (await store.copies({ users: [user] })).copies
  if (!copy) throw new Error('damaged')
  return copy
}

export const DAMAGED = { code: 'STORE_UNAVAILABLE', cause: { code: 'DAMAGED', users: ['u'] } }
