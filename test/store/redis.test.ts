import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openRedisStore } from '../../src/store/redis/open.ts'
import type { Store } from '../../src/store/store.ts'
import { HOUR, limits, NOW, Origin } from '../helpers/events.ts'
import { type RedisServer, startRedis } from '../helpers/redis.ts'

/** What only a store in Redis promises: its keys, its neighbours in the same server, its refusals. The rest is in contract.ts. */

const page = { limit: 100, take: 'first' } as const
let server: RedisServer
let redis: Redis

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
})
afterEach(() => redis.flushall())
afterAll(async () => {
  await redis.quit()
  await server.stop()
})

async function open(options: { localTimeZone?: string } = {}): Promise<Store> {
  const store = await openRedisStore({ url: server.url, ...options })
  onTestFinished(() => store.close())
  return store
}

test('an erasure counts the keys that went, and no rows of SQLite: there is none', async () => {
  const store = await open()
  const origin = new Origin()
  const { outcomes } = await store.append([origin.recorded(), origin.erased('u')])
  expect(outcomes[1]).toMatchObject({ type: 'applied', removed: { redisKeys: expect.any(Number), sqliteRows: 0 } })
})

describe('what the predecessor reads', () => {
  test('a profile hash, and newest-first lists of JSON with its fields, its levels and naive local times', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([
      origin.recorded({ id: 'a', query: '失眠', riskLevel: 'IMMINENT', emotionScore: -0.5, references: 2, topics: ['失眠'] }),
      origin.recorded({ id: 'b', occurredAt: NOW - 1, riskLevel: 'UNKNOWN' }),
    ])
    expect(await redis.hgetall('user:u:profile')).toMatchObject({
      user_id: 'u',
      created_at: '2026-11-20T19:59:59.999000',
      last_active: '2026-11-20T20:00:00',
      total_chats: '2',
      total_risk_alerts: '1',
    })
    const conversations = (await redis.lrange('user:u:conversations', 0, -1)).map((text) => JSON.parse(text))
    expect(conversations).toMatchObject([
      { timestamp: '2026-11-20T20:00:00', query: '失眠', risk_level: 'high', emotion_score: -0.5, references_count: 2 },
      { timestamp: '2026-11-20T19:59:59.999000', risk_level: 'unknown', emotion_score: null, references_count: 0 },
    ])
    expect(JSON.parse((await redis.lindex('user:u:emotions', 0)) ?? '')).toMatchObject({
      timestamp: '2026-11-20T20:00:00',
      score: -0.5,
      risk: 'high',
    })
    expect(await redis.smembers('user:u:topics')).toEqual(['失眠'])
  })

  test('times in the configured zone, also where its offset is no whole hour', async () => {
    const store = await open({ localTimeZone: 'Asia/Kathmandu' })
    await store.append([new Origin().recorded({ occurredAt: Date.UTC(2026, 10, 20, 11, 59, 59, 7) })])
    expect(await redis.hget('user:u:profile', 'last_active')).toBe('2026-11-20T17:44:59.007000')
  })

  test('no other key ends in one of its four suffixes, whatever users and topics are called', async () => {
    const store = await open()
    await store.append([new Origin().recorded({ user: 'x:profile', topics: ['a:topics', ':emotions'], riskLevel: 'HIGH' })])
    const ours = (await redis.keys('*')).filter((key) => !key.startsWith('user:'))
    expect(ours.filter((key) => /:(profile|conversations|topics|emotions)$/.test(key))).toEqual([])
    expect(ours.every((key) => key.startsWith('xinyi:'))).toBe(true)
  })

  test('the two lists expire a day after their newest item, and nothing else of ours does', async () => {
    const store = await open()
    const origin = new Origin()
    const now = Date.now()
    await store.append([origin.policy(limits({ conversationsDays: 30, emotionsDays: 90 }), now), origin.recorded({ acceptedAt: now })])
    for (const key of await redis.keys('*')) {
      const days = key === 'user:u:conversations' ? 31 : key === 'user:u:emotions' ? 91 : undefined
      const expected = days === undefined ? -1 : now + days * 24 * HOUR
      expect([key, Number(await redis.call('PEXPIRETIME', key))]).toEqual([key, expected])
    }
  })
})

describe('refusals', () => {
  test('a Redis that nobody answers at is refused with a sentence that says where and what to do', async () => {
    await expect(openRedisStore({ url: 'redis://:hush@127.0.0.1:1' })).rejects.toThrow(/127\.0\.0\.1:1 .*Start redis-server/)
    await expect(openRedisStore({ url: 'redis://:hush@127.0.0.1:1' })).rejects.not.toThrow(/hush/)
  })

  test('user:* keys without a data-set id belong to another program, and stay as they are', async () => {
    await redis.hset('user:someone:profile', { user_id: 'someone', total_chats: 3 })
    await expect(openRedisStore({ url: server.url })).rejects.toThrow(/holds user:\* keys but no data-set id/)
    expect(await redis.keys('*')).toEqual(['user:someone:profile'])
  })

  test('a data set of a newer format is left alone', async () => {
    await redis.hset('xinyi:meta', { format: 3, dataSetId: 'x', epoch: 'y', tombstoneKey: 'z' })
    await expect(openRedisStore({ url: server.url })).rejects.toThrow(/format 3/)
  })

  test('a Redis that was emptied under a running store answers nothing and takes nothing', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([origin.recorded()])
    await redis.flushall()
    expect((await store.append([origin.recorded()])).outcomes).toEqual([{ type: 'stale' }])
    await expect(store.read([{ kind: 'overview' }], NOW)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect((await store.status()).redis?.reachable).toBe(false)
    expect(await redis.dbsize()).toBe(0)
  })
})

test('a batch of reads is one command at the server, and an append of many events is one too', async () => {
  const store = await open()
  const origin = new Origin()
  await store.append(Array.from({ length: 50 }, (_, i) => origin.recorded({ user: `u${i}`, topics: ['焦虑'], riskLevel: 'HIGH' })))
  await store.read([{ kind: 'overview' }], NOW)
  await redis.config('RESETSTAT')
  await store.append(Array.from({ length: 50 }, (_, i) => origin.recorded({ user: `u${i}` })))
  await store.read(
    Array.from({ length: 20 }, (_, i) => [
      { kind: 'user', userId: `u${i}` } as const,
      { kind: 'conversations', userId: `u${i}`, page } as const,
      { kind: 'emotions', userId: `u${i}`, page } as const,
      { kind: 'userTopics', userId: `u${i}` } as const,
    ]).flat(),
    NOW,
  )
  const calls = /cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1]
  expect(calls).toBe('2')
})

test('whoever waits for the log to grow is woken by what another instance appends', async () => {
  const [one, other] = [await open(), await open()]
  const { settled: place } = await one.status()
  const grown = one.logGrown(place, new AbortController().signal)
  await other.append([new Origin().recorded({ id: 'a', riskLevel: 'HIGH' })])
  await grown
  expect((await one.log(place, 10)).entries).toMatchObject([{ n: 1, event: { id: 'a' }, alertEvents: [{ kind: 'RAISED' }] }])
})

test('an append to a Redis that does not answer rejects within the command time-out', async () => {
  const own = await startRedis()
  onTestFinished(() => own.kill())
  const store = await openRedisStore({ url: own.url })
  onTestFinished(() => store.close())
  process.kill(own.pid, 'SIGSTOP')
  await expect(store.append([new Origin().recorded()])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  process.kill(own.pid, 'SIGCONT')
})
