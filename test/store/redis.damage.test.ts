import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { UserCopy } from '../../src/store/copy.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import type { RedisStore } from '../../src/store/redis/store.ts'
import type { ReadRequest } from '../../src/store/store.ts'
import { HOUR, limits, MINUTE, NOW, Origin } from '../helpers/events.ts'
import { type RedisServer, startRedis } from '../helpers/redis.ts'
import { snapshot } from './contract/harness.ts'

/** A store in Redis whose keys somebody else has damaged. */

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

async function open(): Promise<RedisStore> {
  const store = await openRedisStore({ url: server.url })
  onTestFinished(() => store.close())
  return store
}

/** Everything that may be asked of a user. */
const ALL_OF_U: readonly ReadRequest[] = [
  { kind: 'user', userId: 'u' },
  { kind: 'conversations', userId: 'u', page },
  { kind: 'emotions', userId: 'u', page },
  { kind: 'userTopics', userId: 'u' },
  { kind: 'userAlerts', userId: 'u', page },
  { kind: 'alerts', page },
]

const entriesOf = async (store: RedisStore) => (await store.log({ epoch: store.epoch, n: 0 }, 100)).entries

async function copyOf(store: RedisStore, user: string): Promise<UserCopy> {
  const [copy] = (await store.copies({ users: [user] })).copies
  if (!copy) throw new Error('damaged')
  return copy
}

const DAMAGED = { code: 'STORE_UNAVAILABLE', cause: { code: 'DAMAGED', users: ['u'] } }

describe('what is missing of a user is noticed, and put back', () => {
  const keys: Record<string, (alertId: string) => string> = Object.fromEntries([
    ...['profile', 'conversations', 'topics', 'emotions'].map((suffix) => [suffix, () => `user:u:${suffix}`]),
    ...['tally', 'seen', 'ids', 'alerts'].map((suffix) => [suffix, () => `xinyi:user:u:${suffix}`]),
    ['alert', (id: string) => `xinyi:alert:${id}`],
    ['history', (id: string) => `xinyi:alert:${id}:history`],
    ['users', () => 'xinyi:users'],
  ])
  /** What only writing looks at, reading would pay for. */
  const unread = ['profile', 'topics', 'seen', 'ids', 'history']

  for (const [name, keyOf] of Object.entries(keys)) {
    for (const how of ['gone', 'of another type']) {
      test(`${name} ${how}`, async () => {
        const store = await open()
        const origin = new Origin()
        const [raised] = (
          await store.append([origin.recorded({ id: 'a', riskLevel: 'HIGH', topics: ['焦虑'] }), origin.recorded({ user: 'v' })])
        ).outcomes
        const copy = await copyOf(store, 'u')
        const before = await store.read(ALL_OF_U, NOW)
        const alertId = raised?.type === 'applied' ? (raised.alertId ?? '') : ''
        const key = keyOf(alertId)
        await redis.del(key)
        if (how !== 'gone') await redis.set(key, 'stray')

        if (!unread.includes(name)) await expect(store.read(ALL_OF_U, NOW)).rejects.toMatchObject(DAMAGED)
        if (name === 'history') {
          await expect(store.read([{ kind: 'alertHistory', alertId, page }], NOW)).rejects.toMatchObject(DAMAGED)
        }
        expect(await store.copies({ users: ['u'] })).toMatchObject({ copies: [], damaged: ['u'] })
        const next = origin.recorded({ id: 'b', acceptedAt: NOW + HOUR, topics: ['焦虑', '新'], riskLevel: 'IMMINENT' })
        const { n } = await store.status()
        const other = new Origin()
        const { outcomes } = await store.append([next, other.recorded({ user: 'w' }), origin.recorded({ user: 'w' })])
        expect(outcomes).toMatchObject([{ type: 'damaged' }, { type: 'applied' }, { type: 'gap' }])
        expect((await store.status()).n).toBe(n + 1)

        expect(await store.restore(copy)).toBe(true)
        expect(await store.read(ALL_OF_U, NOW)).toEqual(before)
        expect(await copyOf(store, 'u')).toEqual(copy)
        expect((await store.append([next])).outcomes).toMatchObject([{ type: 'applied', kept: true, alertId }])
        const { answers } = await store.read([{ kind: 'conversations', userId: 'u', page }], NOW + HOUR)
        expect(answers[0].items.map(({ value }) => value.id)).toEqual(['b', 'a'])
        await store.append([{ ...other.erased('u', NOW + HOUR) }])
        expect((await redis.keys('*')).filter((each) => each.includes(':u:') || each.includes(alertId))).toEqual([])
      })
    }
  }

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
    { kept: [1, 1] },
    'no JSON',
  ]) {
    test(`a record with ${JSON.stringify(damage)}: nobody else is kept waiting`, async () => {
      const store = await open()
      const origin = new Origin()
      await store.append([
        origin.recorded({ id: 'a', riskLevel: 'HIGH' }),
        origin.recorded({ id: 'b', acceptedAt: NOW + 1 }),
        origin.recorded({ user: 'v', id: 'a' }),
      ])
      const copy = await copyOf(store, 'u')
      const record = JSON.parse((await redis.hget('xinyi:users', 'u')) ?? '')
      await redis.hset('xinyi:users', 'u', typeof damage === 'string' ? '{"rev":' : JSON.stringify({ ...record, ...damage }))
      const next = { acceptedAt: NOW + 2, riskLevel: 'IMMINENT' } as const
      const { outcomes } = await store.append([new Origin().recorded({ ...next, id: 'c' }), origin.recorded({ user: 'v', id: 'b' })])
      expect(outcomes.map(({ type }) => type)).toEqual(['damaged', 'applied'])
      const everyone = { kind: 'users', order: 'USER_ID_ASC', filter: {}, page } as const
      await expect(store.read([everyone], NOW)).rejects.toMatchObject(DAMAGED)
      expect(await store.restore(copy)).toBe(true)
      const { answers } = await store.read([everyone], NOW)
      expect(answers[0].items.map(({ value }) => value)).toMatchObject([
        { userId: 'u', totalChats: 2, totalRiskAlerts: 1, currentRisk: 'HIGH' },
        { userId: 'v', totalChats: 2 },
      ])
    })
  }

  for (const key of [
    'xinyi:order:active',
    'xinyi:order:risk',
    'xinyi:order:created',
    'xinyi:order:name',
    'xinyi:order:alerts:OPEN',
    'xinyi:order:due',
    'xinyi:order:claims',
  ]) {
    for (const how of ['gone', 'of another type']) {
      test(`an index (${key}) ${how} is made again by the next who asks`, async () => {
        const store = await open()
        const origin = new Origin()
        await store.append(['u', 'v', 'w'].map((user) => origin.recorded({ user, riskLevel: 'HIGH', topics: ['t'] })))
        const before = await snapshot(store, NOW)
        const copies = await store.copies({ after: '', limit: 10 })
        await redis.del(key)
        if (how !== 'gone') await redis.set(key, 'stray')
        expect(await snapshot(store, NOW)).toEqual(before)
        expect(await store.copies({ after: '', limit: 10 })).toEqual(copies)
      })
    }
  }

  test('the sweep makes every other index good', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append(['u', 'v', 'w'].map((user) => origin.recorded({ user, riskLevel: 'HIGH', topics: ['t', user] })))
    const before = await snapshot(store, NOW)
    await redis.del('xinyi:vocabulary', 'xinyi:topic:t:users', 'xinyi:attention:WATCH', 'xinyi:alerted')
    await store.sweep(NOW)
    expect(await snapshot(store, NOW)).toEqual(before)
    expect(await redis.scard('xinyi:alerted')).toBe(3)
  })

  test('an erasure of a damaged user needs no mending, and leaves nothing', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([
      origin.recorded({ id: 'a', query: 'a secret', riskLevel: 'HIGH', topics: ['焦虑'] }),
      origin.recorded({ user: 'v', topics: ['焦虑'] }),
    ])
    await redis.del('xinyi:user:u:tally', 'xinyi:user:u:alerts', 'xinyi:user:u:entries')
    expect((await store.append([origin.erased('u')])).outcomes).toMatchObject([{ type: 'applied' }])
    const { answers } = await store.read(
      [
        { kind: 'topics', page },
        { kind: 'alerts', page },
        { kind: 'user', userId: 'u' },
      ] as const,
      NOW,
    )
    expect(answers[0].items).toMatchObject([{ value: { name: '焦虑', userCount: 1 } }])
    expect(answers.slice(1)).toMatchObject([{ items: [] }, null])
    expect((await redis.keys('*')).filter((key) => key.includes(':u:') || key.startsWith('xinyi:alert:'))).toEqual([])
    expect(JSON.stringify(await redis.xrange('xinyi:log', '-', '+'))).not.toContain('a secret')
    expect((await entriesOf(store)).map(({ outcome }) => outcome)).toEqual(['erased', 'applied', 'applied'])
  })

  test('a list that its own expiry took away is not missed', async () => {
    const store = await open()
    const origin = new Origin()
    const at = Date.now() - 2 * 24 * HOUR + 250
    await store.append([origin.policy(limits({ conversationsDays: 1, emotionsDays: 1 }), at), origin.recorded({ acceptedAt: at })])
    await expect.poll(() => redis.exists('user:u:conversations', 'user:u:emotions')).toBe(0)
    const lists = [{ kind: 'conversations', userId: 'u', page } as const, { kind: 'emotions', userId: 'u', page } as const]
    expect((await store.read(lists, Date.now())).answers).toMatchObject([{ items: [] }, { items: [] }])
    expect(await copyOf(store, 'u')).toMatchObject({ state: { totalChats: 1, conversations: [], emotions: [] } })
    expect((await store.append([origin.recorded({ acceptedAt: Date.now() })])).outcomes).toMatchObject([{ type: 'applied', kept: true }])
    expect((await store.read(lists, Date.now())).answers).toMatchObject([{ total: 1 }, { total: 1 }])
  })

  test('a user is not put back under a later erasure or expiry, nor as of another event', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([origin.policy({ profileDays: 1 }, NOW - 90 * 24 * HOUR)])
    await store.append(['a', 'b', 'c', 'd'].map((user) => origin.recorded({ user, acceptedAt: NOW - 9 * 24 * HOUR })))
    const copies = Object.fromEntries((await store.copies({ after: '', limit: 9 })).copies.map((copy) => [copy.user, copy]))
    await store.append([origin.erased('a'), origin.expired('b'), origin.recorded({ user: 'c' })])
    const restore = (user: string, options = {}) =>
      store.restore(copies[user] ?? { user, state: null, erasedAt: null, expiredAt: null }, options)
    expect(await Promise.all(['a', 'b', 'c', 'd', 'nobody'].map((user) => restore(user)))).toEqual([false, false, false, true, false])
    expect(await restore('a', { force: true })).toBe(false)
    expect(await restore('b', { force: true })).toBe(false)
    expect(await restore('c', { force: true })).toBe(true)
    expect(await copyOf(store, 'c'), 'nothing is missing of them').toMatchObject({ state: { totalChats: 2 } })
    await redis.del('user:c:conversations')
    expect(await restore('c', { force: true })).toBe(true)
    const { n } = await store.status()
    expect(await copyOf(store, 'c'), 'as of now').toEqual({ ...copies.c, state: { ...copies.c?.state, rev: n } })
  })

  test('a forced copy has met the limits in force', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([origin.recorded({ id: 'a' }), origin.recorded({ id: 'b' })])
    const copy = await copyOf(store, 'u')
    await store.append([origin.policy({ conversations: 1 }), origin.policy({ conversations: 5 })])
    await redis.del('user:u:emotions')
    expect(await store.restore(copy, { force: true })).toBe(true)
    const { answers } = await store.read(
      [
        { kind: 'conversations', userId: 'u', page },
        { kind: 'emotions', userId: 'u', page },
      ] as const,
      NOW,
    )
    expect(answers).toMatchObject([{ total: 1 }, { total: 2 }])
  })

  test('a record without the sizes, as an earlier version wrote it, is completed', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([origin.recorded({ riskLevel: 'HIGH', topics: ['t'] })])
    const copy = await copyOf(store, 'u')
    const { kept, deadlines: _, ...record } = JSON.parse((await redis.hget('xinyi:users', 'u')) ?? '')
    await redis.hset('xinyi:users', 'u', JSON.stringify(record))
    expect(await copyOf(store, 'u')).toEqual(copy)
    await store.append([origin.recorded({ acceptedAt: NOW + MINUTE })])
    expect(JSON.parse((await redis.hget('xinyi:users', 'u')) ?? '').kept).toEqual([kept[0] + 1, kept[1] + 1, 1, 2, 1])
  })
})

describe('bad data spoils nothing but itself', () => {
  for (const key of [
    'xinyi:user:u:entries',
    'xinyi:order:active',
    'xinyi:order:risk',
    'xinyi:vocabulary',
    'xinyi:order:alerts:OPEN',
    'xinyi:order:due',
    'xinyi:log',
  ]) {
    test(`a ${key} of the wrong type: the next conversation is recorded once, whole, and read again; the stray is put aside until they are erased`, async () => {
      const store = await open()
      const origin = new Origin()
      await store.append([origin.recorded({ id: 'a', riskLevel: 'HIGH', topics: ['焦虑'] })])
      await redis.del(key)
      await redis.set(key, 'stray')
      const [outcome] = (
        await store.append([origin.recorded({ id: 'b', acceptedAt: NOW + HOUR, topics: ['焦虑', '新'], riskLevel: 'IMMINENT' })])
      ).outcomes
      expect(outcome).toMatchObject({ type: 'applied', kept: true })
      const [user, conversations, emotions] = (
        await store.read(
          [
            { kind: 'user', userId: 'u' },
            { kind: 'conversations', userId: 'u', page },
            { kind: 'emotions', userId: 'u', page },
          ],
          NOW + HOUR,
        )
      ).answers
      expect(user).toMatchObject({ totalChats: 2, totalRiskAlerts: 2 })
      expect(conversations.items.map(({ value }) => value.id)).toEqual(['b', 'a'])
      expect(emotions.items.map(({ value }) => value.id)).toEqual(['b', 'a'])
      expect(await redis.mget(key, `xinyi:aside:[${key}]`)).toContain('stray')

      await store.append([origin.erased('u', NOW + HOUR)])
      if (key.includes(':u:')) expect(await redis.keys('*:u:*')).toEqual([])
    })

    test(`a ${key} of the wrong type: reads still answer`, async () => {
      const store = await open()
      await store.append([new Origin().recorded({ id: 'a', riskLevel: 'HIGH', topics: ['焦虑'] })])
      await redis.del(key)
      await redis.set(key, 'stray')
      const [user] = (
        await store.read(
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
      ).answers
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
          const [slice] = (await store.read([{ kind: 'conversations', userId: 'u', page: { limit, take, ...place } }], NOW + 9)).answers
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

  for (const field of ['occurrences', 'version', 'raised', 'seen', 'status', 'level', 'since', 'step', 'to', 'next', 'ackUntil']) {
    test(`an alert whose ${field} is no such thing takes the next occurrence once, and is read again`, async () => {
      const store = await open()
      const origin = new Origin()
      const [raised] = (await store.append([origin.recorded({ id: 'a', riskLevel: 'HIGH' })])).outcomes
      const alertId = raised?.type === 'applied' ? (raised.alertId ?? '') : ''
      await redis.hset(`xinyi:alert:${alertId}`, field, 'abc')
      const next = { id: 'b', acceptedAt: NOW + 1, riskLevel: 'IMMINENT' } as const
      const { outcomes } = await store.append([origin.recorded(next), origin.recorded(next)])
      expect(outcomes.map(({ type }) => type)).toEqual(['applied', 'duplicate'])
      const [alert, user] = (
        await store.read(
          [
            { kind: 'alert', alertId },
            { kind: 'user', userId: 'u' },
          ],
          NOW + 1,
        )
      ).answers
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
    expect((await entriesOf(store)).map(({ event }) => event?.id)).toEqual(['a', undefined, 'b'])
  })

  test('a policy that can not be read limits nothing, and fails nothing', async () => {
    const store = await open()
    const origin = new Origin()
    await store.append([origin.policy(limits({ conversations: 1 })), origin.recorded({ id: 'a' })])
    await redis.lset('xinyi:policies', 0, '{"n":1,"at":1,"limits":{"conversations":"x"}}')
    await store.append([origin.recorded({ id: 'b', acceptedAt: NOW + 1 })])
    const [conversations] = (await store.read([{ kind: 'conversations', userId: 'u', page }], NOW + 1)).answers
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
    expect((await entriesOf(store)).map(({ outcome }) => outcome)).toEqual(['erased', 'applied', 'applied'])
  })
})
