import { describe, expect, test } from 'vitest'
import { HOUR, limits, MINUTE, NOW, Origin } from '../helpers/events.ts'
import { snapshot } from './contract/harness.ts'
import { ALL_OF_U, copyOf, DAMAGED, DamagedRedis, entriesOf, page } from './redis.damaged.ts'

const damaged = new DamagedRedis()
damaged.use()

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
        const store = await damaged.open()
        const origin = new Origin()
        const [raised] = (
          await store.append([origin.recorded({ id: 'a', riskLevel: 'HIGH', topics: ['焦虑'] }), origin.recorded({ user: 'v' })])
        ).outcomes
        const copy = await copyOf(store, 'u')
        const before = await store.read(ALL_OF_U, NOW)
        const alertId = raised?.type === 'applied' ? (raised.alertId ?? '') : ''
        const key = keyOf(alertId)
        await damaged.redis.del(key)
        if (how !== 'gone') await damaged.redis.set(key, 'stray')

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

        expect(await store.restore(copy)).toBe('ok')
        expect(await store.read(ALL_OF_U, NOW)).toEqual(before)
        expect(await copyOf(store, 'u')).toEqual(copy)
        expect((await store.append([next])).outcomes).toMatchObject([{ type: 'applied', kept: true, alertId }])
        const { answers } = await store.read([{ kind: 'conversations', userId: 'u', page }], NOW + HOUR)
        expect(answers[0].items.map(({ value }) => value.id)).toEqual(['b', 'a'])
        await store.append([{ ...other.erased('u', NOW + HOUR) }])
        expect((await damaged.redis.keys('*')).filter((each) => each.includes(':u:') || each.includes(alertId))).toEqual([])
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
      const store = await damaged.open()
      const origin = new Origin()
      await store.append([
        origin.recorded({ id: 'a', riskLevel: 'HIGH' }),
        origin.recorded({ id: 'b', acceptedAt: NOW + 1 }),
        origin.recorded({ user: 'v', id: 'a' }),
      ])
      const copy = await copyOf(store, 'u')
      const record = JSON.parse((await damaged.redis.hget('xinyi:users', 'u')) ?? '')
      await damaged.redis.hset('xinyi:users', 'u', typeof damage === 'string' ? '{"rev":' : JSON.stringify({ ...record, ...damage }))
      const next = { acceptedAt: NOW + 2, riskLevel: 'IMMINENT' } as const
      const { outcomes } = await store.append([new Origin().recorded({ ...next, id: 'c' }), origin.recorded({ user: 'v', id: 'b' })])
      expect(outcomes.map(({ type }) => type)).toEqual(['damaged', 'applied'])
      const everyone = { kind: 'users', order: 'USER_ID_ASC', filter: {}, page } as const
      await expect(store.read([everyone], NOW)).rejects.toMatchObject(DAMAGED)
      expect(await store.restore(copy)).toBe('ok')
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
        const store = await damaged.open()
        const origin = new Origin()
        await store.append(['u', 'v', 'w'].map((user) => origin.recorded({ user, riskLevel: 'HIGH', topics: ['t'] })))
        const before = await snapshot(store, NOW)
        const copies = await store.copies({ after: '', limit: 10 })
        await damaged.redis.del(key)
        if (how !== 'gone') await damaged.redis.set(key, 'stray')
        expect(await snapshot(store, NOW)).toEqual(before)
        expect(await store.copies({ after: '', limit: 10 })).toEqual(copies)
      })
    }
  }

  test('the sweep makes every other index good', async () => {
    const store = await damaged.open()
    const origin = new Origin()
    await store.append(['u', 'v', 'w'].map((user) => origin.recorded({ user, riskLevel: 'HIGH', topics: ['t', user] })))
    const before = await snapshot(store, NOW)
    await damaged.redis.del('xinyi:vocabulary', 'xinyi:topic:t:users', 'xinyi:attention:WATCH', 'xinyi:alerted')
    await store.sweep(NOW)
    expect(await snapshot(store, NOW)).toEqual(before)
    expect(await damaged.redis.scard('xinyi:alerted')).toBe(3)
  })

  test('an erasure of a damaged user needs no mending, and leaves nothing', async () => {
    const store = await damaged.open()
    const origin = new Origin()
    await store.append([
      origin.recorded({ id: 'a', query: 'a secret', riskLevel: 'HIGH', topics: ['焦虑'] }),
      origin.recorded({ user: 'v', topics: ['焦虑'] }),
    ])
    await damaged.redis.del('xinyi:user:u:tally', 'xinyi:user:u:alerts', 'xinyi:user:u:entries')
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
    expect((await damaged.redis.keys('*')).filter((key) => key.includes(':u:') || key.startsWith('xinyi:alert:'))).toEqual([])
    expect(JSON.stringify(await damaged.redis.xrange('xinyi:log', '-', '+'))).not.toContain('a secret')
    expect((await entriesOf(store)).map(({ outcome }) => outcome)).toEqual(['erased', 'applied', 'applied'])
  })

  test('a list that its own expiry took away is not missed', async () => {
    const store = await damaged.open()
    const origin = new Origin()
    const at = Date.now() - 2 * 24 * HOUR + 250
    await store.append([origin.policy(limits({ conversationsDays: 1, emotionsDays: 1 }), at), origin.recorded({ acceptedAt: at })])
    await expect.poll(() => damaged.redis.exists('user:u:conversations', 'user:u:emotions')).toBe(0)
    const lists = [{ kind: 'conversations', userId: 'u', page } as const, { kind: 'emotions', userId: 'u', page } as const]
    expect((await store.read(lists, Date.now())).answers).toMatchObject([{ items: [] }, { items: [] }])
    expect(await copyOf(store, 'u')).toMatchObject({ state: { totalChats: 1, conversations: [], emotions: [] } })
    expect((await store.append([origin.recorded({ acceptedAt: Date.now() })])).outcomes).toMatchObject([{ type: 'applied', kept: true }])
    expect((await store.read(lists, Date.now())).answers).toMatchObject([{ total: 1 }, { total: 1 }])
  })

  test('a user is not put back under a later erasure or expiry, nor as of another event', async () => {
    const store = await damaged.open()
    const origin = new Origin()
    await store.append([origin.policy({ profileDays: 1 }, NOW - 90 * 24 * HOUR)])
    await store.append(['a', 'b', 'c', 'd'].map((user) => origin.recorded({ user, acceptedAt: NOW - 9 * 24 * HOUR })))
    const copies = Object.fromEntries((await store.copies({ after: '', limit: 9 })).copies.map((copy) => [copy.user, copy]))
    await store.append([origin.erased('a'), origin.expired('b'), origin.recorded({ user: 'c' })])
    const restore = (user: string, options = {}) =>
      store.restore(copies[user] ?? { user, state: null, erasedAt: null, expiredAt: null }, options)
    expect(await Promise.all(['a', 'b', 'c', 'd', 'nobody'].map((user) => restore(user)))).toEqual([
      'refused',
      'refused',
      'refused',
      'ok',
      'refused',
    ])
    expect(await restore('a', { force: true })).toBe('refused')
    expect(await restore('b', { force: true })).toBe('refused')
    expect(await restore('c', { force: true })).toBe('ok')
    expect(await copyOf(store, 'c'), 'nothing is missing of them').toMatchObject({ state: { totalChats: 2 } })
    await damaged.redis.del('user:c:conversations')
    expect(await restore('c', { force: true })).toBe('ok')
    const { n } = await store.status()
    expect(await copyOf(store, 'c'), 'as of now').toEqual({ ...copies.c, state: { ...copies.c?.state, rev: n } })
  })

  test('who was put back without all of them is put back once more by whoever had them whole, but not as of before what came since', async () => {
    const store = await damaged.open()
    const origin = new Origin()
    await store.append([origin.recorded({ id: 'a' })])
    const early = await copyOf(store, 'u')
    await store.append([origin.recorded({ id: 'b' })])
    const whole = await copyOf(store, 'u')
    expect(await store.restore(early, { wholeAsOf: 2 }), 'nothing is missing of them').toBe('ok')
    expect(await copyOf(store, 'u')).toEqual(whole)
    await damaged.redis.del('user:u:conversations')
    expect(await store.restore({ ...early, state: early.state && { ...early.state, patched: true } }, { force: true })).toBe('ok')
    expect(await store.patched()).toEqual(['u'])
    await store.append([origin.recorded({ id: 'c' })])
    expect(await store.restore(whole, { wholeAsOf: 2 })).toBe('behind')
    expect(await store.restore(whole, { wholeAsOf: 3 })).toBe('ok')
    expect(await store.patched()).toEqual([])
    expect(await copyOf(store, 'u')).toEqual({ ...whole, state: { ...whole.state, rev: 3 } })
  })

  test('an erasure leaves no trace of who was put back', async () => {
    const store = await damaged.open()
    const origin = new Origin()
    await store.append([origin.recorded({ id: 'a' })])
    const copy = await copyOf(store, 'u')
    await damaged.redis.del('user:u:conversations')
    await store.restore({ ...copy, state: copy.state && { ...copy.state, patched: true } }, { force: true })
    await store.append([origin.erased('u')])
    expect(await damaged.redis.exists('xinyi:patched')).toBe(0)
  })

  test('a forced copy has met the limits in force', async () => {
    const store = await damaged.open()
    const origin = new Origin()
    await store.append([origin.recorded({ id: 'a' }), origin.recorded({ id: 'b' })])
    const copy = await copyOf(store, 'u')
    await store.append([origin.policy({ conversations: 1 }), origin.policy({ conversations: 5 })])
    await damaged.redis.del('user:u:emotions')
    expect(await store.restore(copy, { force: true })).toBe('ok')
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
    const store = await damaged.open()
    const origin = new Origin()
    await store.append([origin.recorded({ riskLevel: 'HIGH', topics: ['t'] })])
    const copy = await copyOf(store, 'u')
    const { kept, deadlines: _, ...record } = JSON.parse((await damaged.redis.hget('xinyi:users', 'u')) ?? '')
    await damaged.redis.hset('xinyi:users', 'u', JSON.stringify(record))
    expect(await copyOf(store, 'u')).toEqual(copy)
    await store.append([origin.recorded({ acceptedAt: NOW + MINUTE })])
    expect(JSON.parse((await damaged.redis.hget('xinyi:users', 'u')) ?? '').kept).toEqual([kept[0] + 1, kept[1] + 1, 1, 2, 1])
  })
})
