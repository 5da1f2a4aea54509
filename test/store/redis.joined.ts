import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, onTestFinished } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import type { Identity } from '../../src/store/copy.ts'
import { connectRedis } from '../../src/store/redis/connect.ts'
import { createDataSet, type Found, inspect } from '../../src/store/redis/inspect.ts'
import { packUsers } from '../../src/store/redis/pack.ts'
import { packLog } from '../../src/store/redis/pack-log.ts'
import { beginSeed, finishSeed, seedLog, seedUsers } from '../../src/store/redis/seed.ts'
import { RedisStore } from '../../src/store/redis/store.ts'
import { HOUR, NOW, Origin } from '../helpers/events.ts'
import { type RedisServer, startRedis } from '../helpers/redis.ts'

/** Tests of what joins a store in Redis with another: a server of the file's own, with two databases, 0 and 1. */
export class TwoDatabases {
  server!: RedisServer
  redis!: Redis
  other!: Redis

  use(): void {
    beforeAll(async () => {
      this.server = await startRedis({ port: 'free' })
      this.redis = new Redis(this.server.url)
      this.other = new Redis(`${this.server.url}/1`)
    })
    afterEach(() => this.redis.flushall())
    afterAll(async () => {
      this.redis.disconnect()
      this.other.disconnect()
      await this.server.stop()
    })
  }

  url(db = 0): string {
    return `${this.server.url}/${db}`
  }

  async connection(db = 0): Promise<Redis> {
    const redis = await connectRedis({ url: this.url(db) })
    onTestFinished(() => redis.disconnect())
    return redis
  }

  /** A store on what is there; where nothing is, on a new data set. */
  async open(db = 0): Promise<RedisStore> {
    const redis = await this.connection(db)
    if ((await inspect(redis)).state === 'empty') await createDataSet(redis, identity())
    const found = await inspect(redis)
    if (found.state !== 'ready') throw new Error(found.state)
    const store = new RedisStore(redis, found.identity, { localTimeZone: 'Asia/Shanghai', target: { url: this.url(db) } })
    onTestFinished(() => store.close())
    return store
  }
}

export const identity = (): Identity => ({ dataSetId: randomUUID(), epoch: randomUUID(), tombstoneKey: 'ab'.repeat(32) })

/** What else users are seeded with. */
export const SEEDED = { ...identity(), timeZone: 'Asia/Shanghai', n: Number.MAX_SAFE_INTEGER }

export const lease = (over: Found = { state: 'empty' }) => ({ dataSetId: 'set', token: randomUUID(), leaseMs: 5_000, over })

/** Fills a database with what a store holds. */
export async function seedFrom(store: RedisStore, redis: Redis, over?: Found): Promise<void> {
  const head = await store.head()
  const seed = { ...lease(over), dataSetId: head.dataSetId }
  if (!(await beginSeed(redis, seed))) throw new Error('not begun')
  for (let after: string | null = ''; after !== null; ) {
    const page = await store.copies({ after, limit: 7 })
    await seedUsers(redis, seed.token, packUsers(page.copies, SEEDED))
    after = page.last
  }
  await seedLog(redis, seed.token, packLog((await store.log({ epoch: store.epoch, n: head.trimmed }, 10_000)).entries))
  await finishSeed(redis, seed.token, head)
}

/** Everything that there can be: many users, strange names and numbers, late and risky conversations, removals, limits. */
export async function writeMuch(store: Pick<RedisStore, 'append'>, now = NOW): Promise<Origin> {
  const origin = new Origin()
  const names = [
    'a',
    'b',
    '\uff61',
    '\u{10000}',
    '__proto__',
    'x:profile',
    'nul\0',
    '"quoted\\"',
    'constructor',
    'erased',
    'again',
    'expired',
    'stays',
  ]
  const levels = ['LOW', 'UNKNOWN', 'MEDIUM', 'LOW', 'HIGH', 'IMMINENT'] as const
  const said = (i: number) => ({
    user: names[i % names.length] ?? '',
    id: `c${i}\u{10000}`,
    acceptedAt: now - 10 * DAY_MS + i * HOUR,
    occurredAt: now - 10 * DAY_MS + i * HOUR - (i % 4) * 7 * HOUR,
    query: `query ${i} "\\\0\u{1f600}`,
    riskLevel: levels[i % levels.length] ?? 'LOW',
    emotionScore: [0.1 + 0.2, -0, null, 1e-7, 1][i % 5] ?? null,
    references: i,
    topics: [`t${i % 3}`, ...(i % 5 === 0 ? ['\uff61', '__proto__'] : [])],
  })
  await store.append([
    origin.policy({ conversations: 6, emotions: 9, conversationsDays: 20, profileDays: 5 }, now - 30 * DAY_MS),
    ...['expired', 'stays'].map((user) =>
      origin.recorded({ user, acceptedAt: now - 20 * DAY_MS, riskLevel: user === 'stays' ? 'HIGH' : 'LOW' }),
    ),
  ])
  await store.append(['expired', 'stays'].map((user) => origin.expired(user, now - 15 * DAY_MS)))
  for (let i = 0; i < 150; i += 50) await store.append(Array.from({ length: 50 }, (_, k) => origin.recorded(said(i + k))))
  await store.append([
    origin.cleared('b', now),
    origin.erased('erased', now),
    origin.erased('again', now),
    origin.recorded({ user: 'again', acceptedAt: now + 1, riskLevel: 'MEDIUM' }),
    origin.recorded(said(0)),
    origin.recorded({ ...said(0), query: 'other' }),
    origin.voided(now),
    origin.recorded({ user: 'erased', acceptedAt: now }),
    origin.policy({ conversations: 4, emotions: 9, profileDays: 5 }, now),
  ])
  return origin
}
