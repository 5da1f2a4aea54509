import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { DAY_MS } from '../../../src/model.ts'
import type { Event } from '../../../src/store/store.ts'
import { HOUR, MINUTE, NOW } from '../../helpers/events.ts'
import { ALL, given, idsOf, type Open, type Subject, snapshot } from './harness.ts'

const DAYS_30 = 30 * DAY_MS
const alertIdOf = (user: string, since: number, count: number): string =>
  createHash('sha1').update(`${user}\0${since}\0${count}`).digest('hex')

/** A user with three conversations, two topics and an alert. */
async function wei(it: Subject, acceptedAt = NOW - HOUR): Promise<void> {
  const said = { user: 'wei', acceptedAt }
  await it.recordAll([
    { ...said, id: '1', topics: ['work'] },
    { ...said, id: '2', topics: ['work', 'sleep'], riskLevel: 'HIGH' },
    { ...said, id: '3' },
  ])
}

const removed = (conversations: number, emotions: number, topics: number, alerts: number) => ({ conversations, emotions, topics, alerts })

export function removal(open: Open): void {
  test('clearing takes conversations, points, topics and the triggers of alerts; counters, alerts and known ids stay', async () => {
    const it = await given(open)
    await wei(it)
    const [alert] = await it.alerts()
    const before = await it.user('wei')
    const outcome = await it.apply(it.origin.cleared('wei'))
    expect(outcome).toMatchObject({ n: 4, kept: false, alertId: null, removed: removed(3, 3, 2, 0) })
    expect(await it.conversations('wei')).toMatchObject({ items: [], total: 0 })
    expect(await it.emotions('wei')).toEqual([])
    expect(await it.topics('wei')).toEqual({})
    expect(await it.ask({ kind: 'topics', page: ALL })).toMatchObject({ items: [], total: 0 })
    expect(await it.alerts()).toEqual([{ ...alert, trigger: null }])
    expect(await it.history(alert?.id ?? '')).toHaveLength(1)
    expect(await it.user('wei')).toEqual({ ...before, currentRisk: 'HIGH', attention: 'NONE' })
    expect(await it.record({ user: 'wei', id: '1', topics: ['work'], acceptedAt: NOW })).toMatchObject({ type: 'duplicate' })
  })

  test('clearing leaves no risk behind where no alert is open', async () => {
    const it = await given(open)
    await it.record({ riskLevel: 'HIGH', occurredAt: NOW - 2 * DAY_MS })
    expect(await it.user()).toMatchObject({ currentRisk: 'HIGH', attention: 'WATCH' })
    await it.apply(it.origin.cleared('u'))
    expect(await it.user()).toMatchObject({ currentRisk: 'UNKNOWN', attention: 'NONE', totalChats: 1, totalRiskAlerts: 1 })
  })

  test('clearing counts what could be seen, not what had expired', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversationsDays: 2, emotionsDays: 4 }, NOW - 9 * DAY_MS))
    await it.recordAll([5, 3, 1].map((days) => ({ acceptedAt: NOW - days * DAY_MS })))
    expect(await it.apply(it.origin.cleared('u'))).toMatchObject({ removed: removed(1, 2, 0, 0) })
    expect(await it.apply(it.origin.cleared('u'))).toMatchObject({ removed: removed(0, 0, 0, 0) })
  })

  test('clearing a user who is not there is a conflict', async () => {
    const it = await given(open)
    expect(await it.tell(it.origin.cleared('nobody'))).toEqual({ type: 'conflict', n: 1 })
    expect(await it.user('nobody')).toBeNull()
  })

  test('after clearing, the user goes on', async () => {
    const it = await given(open)
    await wei(it)
    await it.apply(it.origin.cleared('wei'))
    expect(await it.record({ user: 'wei', id: '4', topics: ['sleep'], riskLevel: 'MEDIUM' })).toMatchObject({ kept: true })
    expect(await it.ids('wei')).toEqual(['4'])
    expect(await it.topics('wei')).toEqual({ sleep: { count: 1, firstSeenAt: NOW, lastSeenAt: NOW } })
    expect(await it.alerts()).toMatchObject([{ occurrences: 2, level: 'HIGH', trigger: null, conversationId: '2' }])
    expect(await it.user('wei')).toMatchObject({ totalChats: 4, currentRisk: 'HIGH', attention: 'WATCH' })
  })

  test('erasing takes everything of the user, and nothing of anybody else', async () => {
    const it = await given(open)
    await it.record({ user: 'other', id: 'o', topics: ['work'], riskLevel: 'MEDIUM', acceptedAt: NOW - HOUR })
    const others = await snapshot(it.store, NOW)
    await wei(it)
    const outcome = await it.apply(it.origin.erased('wei'))
    expect(outcome).toMatchObject({ n: 5, kept: false, alertId: null, removed: removed(3, 3, 2, 1) })
    const { log: _, ...left } = await snapshot(it.store, NOW)
    expect(left).toEqual((({ log: __, ...rest }) => rest)(others))
    const alertId = alertIdOf('wei', 0, 0)
    expect(
      await it.read(
        [
          { kind: 'user', userId: 'wei' },
          { kind: 'conversation', userId: 'wei', id: '1' },
          { kind: 'emotion', userId: 'wei', id: '1' },
          { kind: 'userTopics', userId: 'wei' },
          { kind: 'topic', name: 'sleep' },
          { kind: 'topic', name: 'work' },
          { kind: 'alert', alertId },
        ] as const,
        NOW,
      ),
    ).toEqual([null, null, null, [], null, { name: 'work', userCount: 1 }, null])
    expect(await it.history(alertId)).toEqual([])
    expect(idsOf(await it.ask({ kind: 'userAlerts', userId: 'wei', page: ALL }))).toEqual([])
  })

  test('an erasure counts what it deleted in its own store', async () => {
    const it = await given(open)
    await wei(it)
    const { removed: counts } = await it.apply(it.origin.erased('wei'))
    if (it.store.backend === 'REDIS') expect(counts).toMatchObject({ redisKeys: expect.any(Number), sqliteRows: expect.any(Number) })
    else expect(counts).toMatchObject({ redisKeys: null, sqliteRows: expect.any(Number) })
    expect((counts?.redisKeys ?? 0) + (counts?.sqliteRows ?? 0)).toBeGreaterThanOrEqual(3)
  })

  test('erasing somebody unknown counts zeros, and holds against what comes from before it', async () => {
    const it = await given(open)
    const zeros = { ...removed(0, 0, 0, 0), redisKeys: it.store.backend === 'REDIS' ? 0 : null, sqliteRows: 0 }
    expect(await it.apply(it.origin.erased('stranger'))).toMatchObject({ n: 1, removed: zeros })
    expect(await it.record({ user: 'stranger', acceptedAt: NOW })).toEqual({ type: 'dead', n: 2, erasedAt: NOW })
    expect(await it.user('stranger')).toBeNull()
  })

  test('what was accepted, or occurred, not after the erasure is dead; what did both after it begins anew', async () => {
    const it = await given(open)
    await wei(it)
    await it.apply(it.origin.erased('wei'))
    const dead = (n: number) => ({ type: 'dead', n, erasedAt: NOW })
    expect(await it.record({ user: 'wei', id: '9', acceptedAt: NOW })).toEqual(dead(5))
    expect(await it.record({ user: 'wei', id: '9', acceptedAt: NOW + 2, occurredAt: NOW })).toEqual(dead(6))
    expect(await it.record({ user: 'wei', id: '9', acceptedAt: NOW - 1, occurredAt: NOW + 1 })).toEqual(dead(7))
    expect(await it.tell(it.origin.cleared('wei', NOW))).toEqual(dead(8))
    expect(await it.tell(it.origin.expired('wei', NOW))).toEqual(dead(9))
    expect(await it.user('wei')).toBeNull()
    expect(await it.record({ user: 'wei', id: '1', query: 'new', acceptedAt: NOW + 1 }), 'ids are forgotten').toMatchObject({
      type: 'applied',
      kept: true,
    })
    expect(await it.user('wei')).toMatchObject({ createdAt: NOW + 1, totalChats: 1, totalRiskAlerts: 0, attention: 'NONE' })
    expect(await it.ids('wei')).toEqual(['1'])
  })

  test('an erasure reaches up to the latest that was accepted of the user, even if its own clock was behind', async () => {
    const it = await given(open)
    await it.record({ id: 'ahead', acceptedAt: NOW + HOUR })
    await it.apply(it.origin.erased('u', NOW))
    expect(await it.record({ acceptedAt: NOW + HOUR })).toMatchObject({ type: 'dead', erasedAt: NOW + HOUR })
    expect(await it.record({ acceptedAt: NOW + HOUR + 1 })).toMatchObject({ type: 'applied' })
  })

  test('a second erasure is applied too, and never reaches less far than the first', async () => {
    const it = await given(open)
    await it.apply(it.origin.erased('u', NOW))
    expect(await it.apply(it.origin.erased('u', NOW - HOUR))).toMatchObject({ n: 2, removed: removed(0, 0, 0, 0) })
    // Each has a time of its own, by which it is known when it comes again.
    expect(await it.record({ acceptedAt: NOW + 1 })).toMatchObject({ type: 'dead', erasedAt: NOW + 1 })
    await it.apply(it.origin.erased('u', NOW + HOUR))
    expect(await it.record({ acceptedAt: NOW + HOUR })).toMatchObject({ type: 'dead', erasedAt: NOW + HOUR })
  })

  test('an erasure that was applied elsewhere takes what is as old as that, and leaves a user alone who is newer', async () => {
    const it = await given(open)
    const applied = (user: string): Event => ({
      ...it.origin.erased(user, NOW),
      kind: 'erased',
      payload: { reason: 'asked for', upTo: NOW + 1 },
    })
    await it.record({ user: 'old', acceptedAt: NOW + 1 })
    await it.record({ user: 'old', acceptedAt: NOW + 2 })
    await it.record({ user: 'new', acceptedAt: NOW + 2 })
    expect(await it.apply(applied('old'))).toMatchObject({ removed: { conversations: 2 } })
    expect(await it.apply(applied('new'))).toMatchObject({ removed: { conversations: 0 } })
    expect([await it.ids('old'), (await it.ids('new')).length]).toEqual([[], 1])
    expect(await it.record({ user: 'old', acceptedAt: NOW + 2 })).toMatchObject({ type: 'dead', erasedAt: NOW + 2 })
    expect(await it.record({ user: 'new', acceptedAt: NOW + 1 })).toMatchObject({ type: 'dead', erasedAt: NOW + 1 })
    expect(await it.record({ user: 'new', acceptedAt: NOW + 2 })).toMatchObject({ type: 'applied' })
  })

  test('an erasure that was applied elsewhere takes whoever has spoken of what happened before it, though it was recorded later', async () => {
    const it = await given(open)
    await it.record({ id: 'late', acceptedAt: NOW + HOUR, occurredAt: NOW - HOUR })
    const erasure: Event = { ...it.origin.erased('u', NOW), kind: 'erased', payload: { reason: 'asked for', upTo: NOW } }
    expect(await it.apply(erasure)).toMatchObject({ removed: { conversations: 1 } })
    expect(await it.user()).toBeNull()
    expect((await it.log(0, 10)).map(({ event }) => event?.kind)).toEqual([undefined, 'erased'])
  })

  test.each(['cleared', 'erased'] as const)(
    'what was %s comes again under another number, and takes nothing that came after it',
    async (kind) => {
      const it = await given(open)
      await it.record({ id: 'before' })
      await it.apply(it.origin[kind]('u'))
      const [logged] = await it.log(1, 1)
      if (!logged?.event) throw new Error('not in the log')
      await it.record({ id: 'after', acceptedAt: NOW + 1 })
      const again = { ...logged.event, origin: 'rescued', seq: 1 }
      expect(await it.apply(again)).toMatchObject({ removed: removed(0, 0, 0, 0) })
      expect(await it.ids()).toEqual(['after'])
      expect(await it.record({ id: 'last', acceptedAt: NOW + 2 })).toMatchObject({ type: 'applied' })
    },
  )

  test('the erased stay erased after a restart and a sweep years later', async () => {
    const it = await given(open)
    await wei(it)
    await it.apply(it.origin.erased('wei'))
    await it.store.sweep(NOW + 3_000 * DAY_MS)
    await it.reopen()
    expect(await it.record({ user: 'wei', acceptedAt: NOW + 3_000 * DAY_MS, occurredAt: NOW })).toMatchObject({
      type: 'dead',
      erasedAt: NOW,
    })
  })

  test('a new life has new alerts', async () => {
    const it = await given(open)
    await wei(it)
    await it.apply(it.origin.erased('wei'))
    await it.record({ user: 'wei', riskLevel: 'HIGH', acceptedAt: NOW + MINUTE })
    expect((await it.alerts()).map(({ id }) => id)).toEqual([alertIdOf('wei', NOW, 0)])
  })

  test('a user expires when nothing was heard for the days of the policy, not a millisecond before', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ profileDays: 30 }, NOW - DAYS_30))
    await it.recordAll([DAYS_30 + DAY_MS, DAYS_30].map((ago, i) => ({ user: 'wei', id: `c${i}`, acceptedAt: NOW - ago, topics: ['t'] })))
    expect(await it.tell(it.origin.expired('wei', NOW - 1))).toEqual({ type: 'conflict', n: 4 })
    expect(await it.apply(it.origin.expired('wei', NOW))).toMatchObject({ n: 5, kept: false, alertId: null, removed: removed(2, 2, 1, 0) })
    expect(await it.user('wei')).toBeNull()
    expect(await it.ids('wei')).toEqual([])
    expect(await it.ask({ kind: 'overview' })).toMatchObject({ users: 0 })
    expect(await it.ask({ kind: 'topics', page: ALL })).toMatchObject({ total: 0 })
    expect(await it.tell(it.origin.expired('wei', NOW))).toEqual({ type: 'conflict', n: 6 })
  })

  test('nobody expires without a policy, or with one that keeps users for ever', async () => {
    const it = await given(open)
    await it.record({ acceptedAt: 1 })
    expect(await it.tell(it.origin.expired('u'))).toEqual({ type: 'conflict', n: 2 })
    await it.tell(it.origin.policy({ profileDays: 1 }, NOW - HOUR))
    await it.tell(it.origin.policy({ profileDays: 0 }, NOW))
    expect(await it.tell(it.origin.expired('u'))).toEqual({ type: 'conflict', n: 5 })
    expect(await it.tell(it.origin.expired('nobody'))).toEqual({ type: 'conflict', n: 6 })
  })

  test('one who expired leaves no tombstone: what comes late begins a new life', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ profileDays: 30 }, NOW - DAYS_30))
    await it.record({ id: 'c', query: 'one', acceptedAt: NOW - DAYS_30 })
    await it.apply(it.origin.expired('u'))
    expect(await it.record({ id: 'c', query: 'two', acceptedAt: NOW - DAYS_30, riskLevel: 'HIGH' })).toMatchObject({
      type: 'applied',
      kept: true,
    })
    expect(await it.user()).toMatchObject({ totalChats: 1, createdAt: NOW - DAYS_30 })
    expect((await it.alerts()).map(({ id }) => id)).toEqual([alertIdOf('u', NOW, 0)])
  })

  test('a user with an alert loses lists and topics, but does not expire', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ profileDays: 30 }, NOW - DAYS_30))
    await wei(it, NOW - DAYS_30)
    const [user, alerts] = [await it.user('wei'), await it.alerts()]
    expect(await it.apply(it.origin.expired('wei'))).toMatchObject({ removed: removed(3, 3, 2, 0) })
    expect(await it.user('wei')).toEqual(user)
    expect(await it.alerts()).toEqual(alerts)
    expect(await it.history(alerts[0]?.id ?? '')).toHaveLength(1)
    expect(await it.ids('wei')).toEqual([])
    expect(await it.emotions('wei')).toEqual([])
    expect(await it.topics('wei')).toEqual({})
    expect(await it.ask({ kind: 'topics', page: ALL })).toMatchObject({ total: 0 })
    expect(await it.tell(it.origin.expired('wei')), 'once is enough').toMatchObject({ type: 'conflict' })
    expect(await it.record({ user: 'wei', id: '2', topics: ['work', 'sleep'], riskLevel: 'HIGH' }), 'ids stay known').toMatchObject({
      type: 'duplicate',
    })
  })
}
