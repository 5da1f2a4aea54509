import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connectRedis } from '../../src/store/redis/connect.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { editScripts } from '../../src/store/redis/script.ts'
import type { RedisStore } from '../../src/store/redis/store.ts'
import type { InstanceOptions } from '../helpers/joined.ts'
import { type RedisServer, startRedis } from '../helpers/redis.ts'
import { type Site, site } from './several.ts'

/** A redis-server of the file's own, emptied before each scenario. */
export class Scene {
  server!: RedisServer
  redis!: Redis
  #sites: Site[] = []

  use(): void {
    beforeAll(async () => {
      this.server = await startRedis()
      this.redis = new Redis(this.server.url)
    })
    afterAll(async () => {
      this.redis.disconnect()
      await this.server.stop()
    })
  }

  get url(): string {
    return this.server.url
  }

  async connection(): Promise<Redis> {
    const redis = await connectRedis({ url: this.url })
    onTestFinished(() => redis.disconnect())
    return redis
  }

  /** Redis alone; where nothing is, with a new data set. */
  async store(): Promise<RedisStore> {
    const store = await openRedisStore({ url: this.url })
    onTestFinished(() => store.close())
    return store
  }

  /** An instance that is closed when the scenario has been played. */
  async site(options: Partial<InstanceOptions> = {}): Promise<Site> {
    const opened = await site({ url: this.url, ...options })
    this.#sites.push(opened)
    return opened
  }

  /** Remembers everything in Redis; what it answers takes Redis back there, in one moment and without a disconnection. */
  async remembered(): Promise<() => Promise<void>> {
    const keys = await this.redis.keys('*')
    const dumps = await Promise.all(keys.map(async (key) => ({ key, dump: await this.redis.dumpBuffer(key) })))
    return async () => {
      const all = this.redis.multi().flushall()
      for (const { key, dump } of dumps) if (dump) all.restore(key, 0, dump)
      await all.exec()
    }
  }

  /**
   * Promises that a scenario keeps its invariant with a safeguard and violates it without, so that the suite would notice if
   * the safeguard was lost.
   */
  notices(harm: string, { without, keeps }: { without: () => void; keeps: (isWithout: boolean) => Promise<boolean> }): void {
    test(`${harm}: the suite notices`, async () => {
      onTestFinished(() => editScripts((text) => text))
      expect(await this.#play(() => keeps(false))).toBe(true)
      without()
      expect(await this.#play(() => keeps(true))).toBe(false)
    })
  }

  async #play(keeps: () => Promise<boolean>): Promise<boolean> {
    await this.redis.flushall()
    try {
      return await keeps()
    } finally {
      await Promise.all(this.#sites.splice(0).map(({ store }) => store.close()))
    }
  }
}

/** Puts another text in place of a line of the scripts. */
export function replaceInScripts(line: string, by = ''): void {
  let count = 0
  editScripts((text) => {
    if (text.includes(line)) count += 1
    return text.replaceAll(line, () => by)
  })
  expect(count).toBeGreaterThan(0)
}
