import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openRedisStore } from '../../src/store/redis/store.ts'
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

describe('bad data spoils nothing but itself', () => {
  const keysOfUser = ['profile', 'conversations', 'topics', 'emotions'].map((suffix) => `user:u:${suffix}`)
  const ownKeys = ['tally', 'seen', 'ids', 'entries', 'alerts'].map((suffix) => `xinyi:user:u:${suffix}`)

  for (const key of [
    ...keysOfUser,
    ...ownKeys,
    'xinyi:order:active',
    'xinyi:order:risk',
    'xinyi:vocabulary',
    'xinyi:order:alerts:OPEN',
    'xinyi:log',
  ]) {
    test(`a ${key} of the wrong type: the next conversation is recorded once, whole, and read again; the stray is put aside until they are erased`, async () => {
      const store = await open()
      const origin = new Origin()
      await store.append([origin.recorded({ id: 'a', riskLevel: 'HIGH', topics: ['焦虑'] })])
      await redis.del(key)
      await redis.set(key, 'stray')
      const [outcome] = await store.append([
        origin.recorded({ id: 'b', acceptedAt: NOW + HOUR, topics: ['焦虑', '新'], riskLevel: 'IMMINENT' }),
      ])
      expect(outcome).toMatchObject({ type: 'applied', kept: true })
      const [user, conversations, emotions] = await store.read(
        [
          { kind: 'user', userId: 'u' },
          { kind: 'conversations', userId: 'u', page },
          { kind: 'emotions', userId: 'u', page },
        ],
        NOW + HOUR,
      )
      expect(user).toMatchObject({ totalChats: 2, totalRiskAlerts: 2 })
      expect(conversations.items.map(({ value }) => value.id)).toEqual(key === 'user:u:conversations' ? ['b'] : ['b', 'a'])
      expect(emotions.items.map(({ value }) => value.id)).toEqual(key === 'user:u:emotions' ? ['b'] : ['b', 'a'])
      expect(await redis.mget(key, `xinyi:aside:[${key}]`)).toContain('stray')

      await store.append([origin.erased('u', NOW + HOUR)])
      if (key.includes(':u:')) expect(await redis.keys('*:u:*')).toEqual([])
    })

    test(`a ${key} of the wrong type: reads still answer`, async () => {
      const store = await open()
      await store.append([new Origin().recorded({ id: 'a', riskLevel: 'HIGH', topics: ['焦虑'] })])
      await redis.del(key)
      await redis.set(key, 'stray')
      const [user] = await store.read(
        [
          { kind: 'user', userId: 'u' },
          { kind: 'users', order: 'RISK_DESC', filter: {}, page },
          { kind: 'users', order: 'LAST_ACTIVE_DESC', filter: { topics: ['焦虑'], minRisk: 'HIGH' }, page },
          { kind: 'conversations', userId: 'u', page },
          { kind: 'conversation', userId: 'u', id: 'a' },
          { kind: 'emotions', userId: 'u', page },
          { kind: 'userTopics', userId: 'u' },
          { kind: 'topics', page },
          { kind: 'alerts', page },
          { kind: 'userAlerts', userId: 'u', page },
          { kind: 'overview' },
        ],
        NOW,
      )
      expect(user).toMatchObject({ userId: 'u', totalChats: 1 })
    })
  }

  test('elements that are no JSON, lack fields or are of another shape are passed over, in pages of every size and direction', async () => {
    const store = await open()
    const origin = new Origin()
    const ids = ['a', 'b', 'c', 'd', 'e']
    for (const [i, id] of ids.entries()) {
      await store.append([origin.recorded({ id, acceptedAt: NOW + i })])
      await redis.lpush(
        'user:u:conversations',
        '{"timestamp": "2026-',
        'null',
        '[]',
        `{"id":"x","at":${NOW + i}}`,
        '{"at":"1","id":7}',
        'NaN',
      )
    }
    await store.append([origin.recorded({ id: 'late', acceptedAt: NOW + 9, occurredAt: NOW + 2 })])
    const newestFirst = ['e', 'd', 'late', 'c', 'b', 'a']
    for (const limit of [1, 2, 4, 20]) {
      for (const take of ['first', 'last'] as const) {
        const seen: string[] = []
        let place: Record<string, readonly [number, string]> = {}
        for (let more = true; more; ) {
          const [slice] = await store.read([{ kind: 'conversations', userId: 'u', page: { limit, take, ...place } }], NOW + 9)
          const found = slice.items.map(({ value }) => value.id)
          if (take === 'first') seen.push(...found)
          else seen.unshift(...found)
          const edge = take === 'first' ? slice.items.at(-1) : slice.items[0]
          more = take === 'first' ? slice.hasNext : slice.hasPrevious
          place = edge ? { [take === 'first' ? 'after' : 'before']: edge.key } : {}
          if (!edge) expect(more).toBe(false)
        }
        expect(seen).toEqual(newestFirst)
      }
    }
  })

  for (const damage of [
    { last: [] },
    { last: null },
    { last: [[1, 'x', 9]] },
    { last: 'x' },
    { alert: null },
    { level: 9 },
    { level: 'x' },
    { chats: 'x' },
    { raised: null },
    { accepted: {} },
    { active: 'x' },
    { stripped: [] },
  ]) {
    test(`a record with ${JSON.stringify(damage)}: the user keeps counters and alert, and nobody else's request fails`, async () => {
      const store = await open()
      const origin = new Origin()
      await store.append([
        origin.recorded({ id: 'a', riskLevel: 'HIGH' }),
        origin.recorded({ id: 'b', acceptedAt: NOW + 1 }),
        origin.recorded({ user: 'v', id: 'a' }),
      ])
      const record = JSON.parse((await redis.hget('xinyi:users', 'u')) ?? '')
      await redis.hset('xinyi:users', 'u', JSON.stringify({ ...record, ...damage }))
      const outcomes = await store.append([
        origin.recorded({ id: 'c', acceptedAt: NOW + 2, riskLevel: 'IMMINENT' }),
        origin.recorded({ user: 'v', id: 'b' }),
        origin.recorded({ id: 'c', acceptedAt: NOW + 3, riskLevel: 'IMMINENT' }),
      ])
      expect(outcomes.map(({ type }) => type)).toEqual(['applied', 'applied', 'duplicate'])
      const [users, alerts] = await store.read(
        [
          { kind: 'users', order: 'USER_ID_ASC', filter: { search: '' }, page },
          { kind: 'userAlerts', userId: 'u', page },
        ],
        NOW + 3,
      )
      expect(users.items.map(({ value }) => value)).toMatchObject([
        { userId: 'u', totalChats: 3, totalRiskAlerts: 2, createdAt: NOW, lastActiveAt: NOW + 2, currentRisk: 'IMMINENT' },
        { userId: 'v', totalChats: 2 },
      ])
      expect(alerts.items.map(({ value }) => [value.level, value.occurrences])).toEqual([['IMMINENT', 2]])
    })
  }

  for (const field of ['occurrences', 'version', 'raised', 'seen', 'status', 'level']) {
    test(`an alert whose ${field} is no such thing takes the next occurrence once, and is read again`, async () => {
      const store = await open()
      const origin = new Origin()
      const [raised] = await store.append([origin.recorded({ id: 'a', riskLevel: 'HIGH' })])
      const alertId = raised?.type === 'applied' ? (raised.alertId ?? '') : ''
      await redis.hset(`xinyi:alert:${alertId}`, field, 'abc')
      const next = { id: 'b', acceptedAt: NOW + 1, riskLevel: 'IMMINENT' } as const
      const outcomes = await store.append([origin.recorded(next), origin.recorded(next)])
      expect(outcomes.map(({ type }) => type)).toEqual(['applied', 'duplicate'])
      const [alert, user] = await store.read(
        [
          { kind: 'alert', alertId },
          { kind: 'user', userId: 'u' },
        ],
        NOW + 1,
      )
      expect(alert).toMatchObject({ level: 'IMMINENT', status: 'OPEN', conversationId: 'a' })
      expect(user).toMatchObject({ totalChats: 2, totalRiskAlerts: 2, currentRisk: 'IMMINENT' })
    })
  }

  test('an entry of the log that can not be read does not hold up those behind it', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([origin.recorded({ id: 'a' })])
    await redis.xadd('xinyi:log', '2-0', 'kind', 'nonsense')
    await redis.hset('xinyi:meta', 'n', 2)
    await store.append([origin.recorded({ id: 'b' })])
    expect((await store.log(0, 10)).map(({ event }) => event?.id)).toEqual(['a', undefined, 'b'])
  })

  test('a policy that can not be read limits nothing, and fails nothing', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([origin.policy(limits({ conversations: 1 })), origin.recorded({ id: 'a' })])
    await redis.lset('xinyi:policies', 0, '{"n":1,"at":1,"limits":{"conversations":"x"}}')
    await store.append([origin.recorded({ id: 'b', acceptedAt: NOW + 1 })])
    const [conversations] = await store.read([{ kind: 'conversations', userId: 'u', page }], NOW + 1)
    expect(conversations.items).toHaveLength(2)
    await redis.lset('xinyi:policies', 0, '{"n":')
    expect(await store.policy()).toBeNull()
  })

  test('a lost list of log entries keeps no word of the erased in the log', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([origin.recorded({ id: 'a', query: 'a secret' }), origin.recorded({ user: 'v', id: 'a' })])
    await redis.del('xinyi:user:u:entries')
    await store.append([origin.erased('u')])
    expect(JSON.stringify(await redis.xrange('xinyi:log', '-', '+'))).not.toContain('a secret')
    expect((await store.log(0, 10)).map(({ outcome }) => outcome)).toEqual(['erased', 'applied', 'applied'])
  })

  test('a record that is broken JSON is made again from the profile, with its counters', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([origin.recorded({ id: 'a', riskLevel: 'HIGH' }), origin.recorded({ id: 'b', acceptedAt: NOW + 1 })])
    await redis.hset('xinyi:users', 'u', '{"rev":')
    const [user] = await store.read([{ kind: 'user', userId: 'u' }], NOW)
    expect(user).toMatchObject({ totalChats: 2, totalRiskAlerts: 1, createdAt: NOW, lastActiveAt: NOW + 1 })
    await store.append([origin.recorded({ id: 'c', acceptedAt: NOW + 2 })])
    const [after] = await store.read([{ kind: 'user', userId: 'u' }], NOW)
    expect(after).toMatchObject({ totalChats: 3, totalRiskAlerts: 1 })
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
    await redis.hset('xinyi:meta', { format: 2, dataSetId: 'x', epoch: 'y', tombstoneKey: 'z' })
    await expect(openRedisStore({ url: server.url })).rejects.toThrow(/format 2/)
  })

  test('a Redis that was emptied under a running store answers nothing and takes nothing', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([origin.recorded()])
    await redis.flushall()
    expect(await store.append([origin.recorded()])).toEqual([{ type: 'stale' }])
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
  const grown = one.logGrown(0, new AbortController().signal)
  await other.append([new Origin().recorded({ id: 'a', riskLevel: 'HIGH' })])
  await grown
  expect(await one.log(0, 10)).toMatchObject([{ n: 1, event: { id: 'a' }, alertEvents: [{ kind: 'RAISED' }] }])
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
