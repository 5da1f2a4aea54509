import { describe, expect, test } from 'vitest'
import { HOUR, limits, NOW, Origin } from '../helpers/events.ts'
import { DamagedRedis, entriesOf, page } from './redis.damaged.ts'

const damaged = new DamagedRedis()
damaged.use()

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
      const store = await damaged.open()
      const origin = new Origin()
      await store.append([origin.recorded({ id: 'a', riskLevel: 'HIGH', topics: ['焦虑'] })])
      await damaged.redis.del(key)
      await damaged.redis.set(key, 'stray')
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
      expect(await damaged.redis.mget(key, `xinyi:aside:[${key}]`)).toContain('stray')

      await store.append([origin.erased('u', NOW + HOUR)])
      if (key.includes(':u:')) expect(await damaged.redis.keys('*:u:*')).toEqual([])
    })

    test(`a ${key} of the wrong type: reads still answer`, async () => {
      const store = await damaged.open()
      await store.append([new Origin().recorded({ id: 'a', riskLevel: 'HIGH', topics: ['焦虑'] })])
      await damaged.redis.del(key)
      await damaged.redis.set(key, 'stray')
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
    const store = await damaged.open()
    const origin = new Origin()
    const ids = ['a', 'b', 'c', 'd', 'e']
    for (const [i, id] of ids.entries()) {
      await store.append([origin.recorded({ id, acceptedAt: NOW + i })])
      await damaged.redis.lpush(
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
      const store = await damaged.open()
      const origin = new Origin()
      const [raised] = (await store.append([origin.recorded({ id: 'a', riskLevel: 'HIGH' })])).outcomes
      const alertId = raised?.type === 'applied' ? (raised.alertId ?? '') : ''
      await damaged.redis.hset(`xinyi:alert:${alertId}`, field, 'abc')
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
    const store = await damaged.open()
    const origin = new Origin()
    await store.append([origin.recorded({ id: 'a' })])
    await damaged.redis.xadd('xinyi:log', '2-0', 'kind', 'nonsense')
    await damaged.redis.hset('xinyi:meta', 'n', 2)
    await store.append([origin.recorded({ id: 'b' })])
    expect((await entriesOf(store)).map(({ event }) => event?.id)).toEqual(['a', undefined, 'b'])
  })

  test('a policy that can not be read limits nothing, and fails nothing', async () => {
    const store = await damaged.open()
    const origin = new Origin()
    await store.append([origin.policy(limits({ conversations: 1 })), origin.recorded({ id: 'a' })])
    await damaged.redis.lset('xinyi:policies', 0, '{"n":1,"at":1,"limits":{"conversations":"x"}}')
    await store.append([origin.recorded({ id: 'b', acceptedAt: NOW + 1 })])
    const [conversations] = (await store.read([{ kind: 'conversations', userId: 'u', page }], NOW + 1)).answers
    expect(conversations.items).toHaveLength(2)
    await damaged.redis.lset('xinyi:policies', 0, '{"n":')
    expect(await store.policy()).toBeNull()
  })

  test('a lost list of log entries keeps no word of the erased in the log', async () => {
    const store = await damaged.open()
    const origin = new Origin()
    await store.append([origin.recorded({ id: 'a', query: 'a secret' }), origin.recorded({ user: 'v', id: 'a' })])
    await damaged.redis.del('xinyi:user:u:entries')
    await store.append([origin.erased('u')])
    expect(JSON.stringify(await damaged.redis.xrange('xinyi:log', '-', '+'))).not.toContain('a secret')
    expect((await entriesOf(store)).map(({ outcome }) => outcome)).toEqual(['erased', 'applied', 'applied'])
  })
})
