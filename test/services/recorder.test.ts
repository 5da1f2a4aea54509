import { describe, expect, test } from 'vitest'
import { HOUR, limits, NOW } from '../helpers/events.ts'
import { stores } from '../helpers/stores.ts'
import { startServices } from './services.ts'

describe.each(stores)('recording into $name', (kind) => {
  test('a conversation is counted, kept and told at once', async () => {
    const { say, user, conversations } = await startServices(kind)
    const recorded = await say({ query: '我失眠 😀', emotionScore: -0.1, references: 3, riskLevel: 'HIGH', occurredAt: NOW - HOUR })
    expect(recorded).toMatchObject({ userId: 'u', duplicate: false, durability: 'JOURNAL', alertId: expect.any(String) })
    expect(recorded.conversation).toEqual({
      id: recorded.conversationId,
      userId: 'u',
      occurredAt: NOW - HOUR,
      query: '我失眠 😀',
      response: 'r',
      riskLevel: 'HIGH',
      emotionScore: -0.1,
      references: 3,
      topics: ['失眠'],
    })
    expect(await conversations()).toEqual([recorded.conversation])
    expect(await user()).toMatchObject({ totalChats: 1, totalRiskAlerts: 1, currentRisk: 'HIGH' })
  })

  test("a caller's own topics replace those of the vocabulary, even when there are none", async () => {
    const { say } = await startServices(kind)
    expect((await say({ query: '失眠', topics: ['sleep'] })).conversation?.topics).toEqual(['sleep'])
    expect((await say({ query: '失眠', topics: [] })).conversation?.topics).toEqual([])
    expect((await say({ query: '失眠', topics: null })).conversation?.topics).toEqual(['失眠'])
  })

  test('a retry is a duplicate with the first ids; the same key with other content is a conflict', async () => {
    const { say, user } = await startServices(kind)
    const first = await say({ idempotencyKey: 'k', riskLevel: 'MEDIUM' })
    expect(first.conversationId).toBe('k')
    const { alertId } = first
    expect(await say({ idempotencyKey: 'k', riskLevel: 'MEDIUM' })).toMatchObject({ duplicate: true, conversationId: 'k', alertId })
    await expect(say({ idempotencyKey: 'k', riskLevel: 'HIGH' })).rejects.toMatchObject({ code: 'CONFLICT', field: 'idempotencyKey' })
    expect(await say({ idempotencyKey: 'k', userId: 'somebody else' })).toMatchObject({ duplicate: false })
    expect(await user()).toMatchObject({ totalChats: 1, currentRisk: 'MEDIUM' })
  })

  test('conversations without a time keep the order in which they came, also while the clock stands or is set back', async () => {
    const { say, now, conversations } = await startServices(kind)
    for (const query of ['1', '2', '3']) await say({ query })
    now.time -= 1_000
    await say({ query: '4' })
    now.time += HOUR
    await say({ query: '5' })
    expect((await conversations()).map(({ query, occurredAt }) => [query, occurredAt - NOW])).toEqual([
      ['5', HOUR - 1_000],
      ['4', 3],
      ['3', 2],
      ['2', 1],
      ['1', 0],
    ])
  })

  test('nobody named is a fresh user each time, dated in the local zone', async () => {
    const { say } = await startServices(kind)
    const late = Date.UTC(2026, 10, 19, 16, 30)
    const ids = [
      (await say({ userId: '' })).userId,
      (await say({ userId: 'anonymous' })).userId,
      (await say({ userId: '', occurredAt: late })).userId,
    ]
    for (const id of ids) expect(id).toMatch(/^anon_20261120_[0-9a-f]{32}$/)
    expect(new Set(ids).size).toBe(3)
  })

  test('nobody named with an idempotency key is found again by a retry', async () => {
    const { say, now } = await startServices(kind)
    const first = await say({ userId: '', idempotencyKey: 'k' })
    expect(first.userId).toMatch(/^anon_00000000_[0-9a-f]{32}$/)
    now.time += 24 * HOUR
    expect(await say({ userId: 'anonymous', idempotencyKey: 'k' })).toMatchObject({ userId: first.userId, duplicate: true })
    const dated = await say({ userId: '', idempotencyKey: 'k', occurredAt: NOW })
    expect(dated.userId).toMatch(/^anon_20261120_/)
  })

  test('a conversation older than the retention is counted and not kept', async () => {
    const { say, history, user, conversations } = await startServices(kind)
    await history.applyPolicy(limits({ conversations: 5, conversationsDays: 7, emotions: 10, emotionsDays: 30 }))
    expect(await say({ occurredAt: NOW - 8 * 24 * HOUR })).toMatchObject({ conversation: null, duplicate: false })
    expect(await conversations()).toEqual([])
    expect(await user()).toMatchObject({ totalChats: 1 })
  })

  test('what happens after an erasure is recorded, even where the clock says that it came before; what happened before is not', async () => {
    const { say, history, now, user, conversations } = await startServices(kind)
    await say()
    await history.erase('u', 'asked for')
    now.time -= HOUR
    const recorded = await say({ query: 'again' })
    expect(recorded.conversation?.occurredAt).toBeGreaterThan(NOW)
    expect(await conversations()).toMatchObject([{ query: 'again' }])
    expect(await user()).toMatchObject({ totalChats: 1 })
    const erasedAt = new Date(NOW).toISOString()
    await expect(say({ occurredAt: now.time })).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining(erasedAt) })
    expect(await user()).toMatchObject({ totalChats: 1 })
  })
})
