import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { limits, NOW } from '../helpers/events.ts'
import { stores } from '../helpers/stores.ts'
import { startServices } from './services.ts'

describe.each(stores)('history in $name', (kind) => {
  test('clearing removes what was said and keeps what was counted', async () => {
    const { say, history, user, conversations } = await startServices(kind)
    await say({ riskLevel: 'HIGH' })
    await say()
    expect(await history.clear('u')).toMatchObject({ removedConversations: 2 })
    expect(await conversations()).toEqual([])
    expect(await user()).toMatchObject({ totalChats: 2, totalRiskAlerts: 1, currentRisk: 'HIGH' })
  })

  test('nobody can be cleared who is not known', async () => {
    const { history, user } = await startServices(kind)
    await expect(history.clear('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'userId' })
    expect(await user('nobody')).toBeNull()
  })

  test('what was said after an erasure can be cleared, even where the clock says that it came before', async () => {
    const { say, history, now, conversations } = await startServices(kind)
    await history.erase('u', 'asked for')
    now.time -= 60_000
    await say()
    expect(await history.clear('u')).toMatchObject({ removedConversations: 1 })
    expect(await conversations()).toEqual([])
  })

  test('erasing removes everything, and may be asked for of anybody', async () => {
    const { say, history, user } = await startServices(kind)
    await say({ riskLevel: 'HIGH', query: '失眠' })
    expect(await history.erase('u', 'asked for')).toMatchObject({ removed: { conversations: 1, emotions: 1, topics: 1, alerts: 1 } })
    expect(await user()).toBeNull()
    expect(await history.erase('nobody', 'asked for')).toMatchObject({ removed: { conversations: 0, emotions: 0, topics: 0, alerts: 0 } })
  })

  test('an erasure needs a reason of at most 1000 code points, and a user id', async () => {
    const { history } = await startServices(kind)
    for (const reason of ['', ' \n', 'x'.repeat(1001), '\ud83d']) {
      await expect(history.erase('u', reason)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'reason' })
    }
    for (const userId of ['', 'x'.repeat(513), '\ud83d']) {
      await expect(history.erase(userId, 'asked for')).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'userId' })
      await expect(history.clear(userId)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'userId' })
    }
    await expect(history.erase('anonymous', 'asked for'), 'that would erase nobody').rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
  })

  test('limits become those of the data set, once', async () => {
    const { history, store } = await startServices(kind)
    const some = limits({ conversations: 5 })
    expect(await history.applyPolicy(some)).toBeNull()
    expect(await history.applyPolicy({ ...some })).toBeUndefined()
    expect(await history.applyPolicy(limits({ conversations: 3 }))).toEqual(some)
    expect(await store.policy()).toEqual(limits({ conversations: 3 }))
    expect((await store.status()).n).toBe(2)
  })

  test('a user expires at their deadline, whenever and however often the sweep comes', async () => {
    const { history, say, now, user, watched } = await startServices(kind)
    await history.applyPolicy(limits({ profileDays: 10 }))
    await say()
    await say({ userId: 'lately', occurredAt: NOW + 1 })
    now.time = NOW + 10 * DAY_MS
    await say({ userId: 'lately' })
    const before = watched.batches.length
    now.time += 5 * DAY_MS
    await Promise.all([history.sweep(), history.sweep()])
    expect(await user()).toBeNull()
    expect(await user('lately')).not.toBeNull()
    const expired = watched.batches.slice(before).flat()
    expect(expired[0]).toMatchObject({ kind: 'expired', user: 'u', acceptedAt: NOW + 10 * DAY_MS, occurredAt: NOW + 10 * DAY_MS })
    expect(new Set(expired.map(({ id }) => id)).size).toBe(1)
    await say({ query: 'back' })
    expect(await user()).toMatchObject({ totalChats: 1 })
  })
})
