import { expect, test } from 'vitest'
import { DAY_MS } from '../../../src/model.ts'
import type { Event } from '../../../src/store/store.ts'
import { HOUR, limits, MINUTE, NOW } from '../../helpers/events.ts'
import { given, type Open, snapshot } from './harness.ts'

const days = (count: number): number => count * DAY_MS
const hourly = (count: number) => Array.from({ length: count }, (_, i) => ({ id: `c${i}`, occurredAt: NOW - (count - i) * HOUR }))
const pointIds = (points: readonly { id: string }[]): string[] => points.map(({ id }) => id)

export function retention(open: Open): void {
  test('without a policy everything is kept', async () => {
    const it = await given(open)
    expect(await it.store.policy()).toBeNull()
    await it.recordAll([...hourly(300), { id: 'ancient', occurredAt: 0 }])
    expect(await it.ids()).toHaveLength(301)
    expect((await it.ids()).at(-1)).toBe('ancient')
  })

  test('the policy in force is the newest one, also after a restart', async () => {
    const it = await given(open)
    expect(await it.tell(it.origin.policy({ conversations: 5, profileDays: 30 }))).toEqual({
      type: 'applied',
      n: 1,
      kept: false,
      alertId: null,
      removed: null,
    })
    await it.tell(it.origin.policy({ emotionsDays: 7 }, NOW - HOUR))
    expect(await it.store.policy()).toEqual(limits({ emotionsDays: 7 }))
    expect(await (await it.reopen()).policy()).toEqual(limits({ emotionsDays: 7 }))
  })

  test('a policy that comes again, as from a server that had it, is no newer than it was', async () => {
    const it = await given(open)
    const [first, second] = [it.origin.policy({ conversations: 1 }, NOW - HOUR), it.origin.policy({ conversations: 5 }, NOW)]
    for (const event of [first, second]) await it.tell(event)
    await it.recordAll(hourly(4))
    const again = { ...first, origin: 'elsewhere', seq: 1 }
    expect(await it.tell(again)).toMatchObject({ type: 'applied', n: 7 })
    expect(await it.store.policy()).toEqual(limits({ conversations: 5 }))
    expect(await it.ids()).toHaveLength(4)
    const { triage, ...rest } = limits({ conversations: 1 })
    const reordered: Event = { ...again, seq: 2, kind: 'policy', payload: { limits: { triage, ...rest } } }
    expect(await it.tell(reordered)).toMatchObject({ type: 'applied', n: 8 })
    expect(await it.store.policy(), 'in whatever order its limits are told').toEqual(limits({ conversations: 5 }))
    await it.tell(it.origin.policy({ conversations: 1 }, NOW + 1))
    expect(await it.store.policy(), 'what is said again at another time is another one').toEqual(limits({ conversations: 1 }))
  })

  test('each list is capped by itself: the oldest go', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversations: 3, emotions: 5 }))
    await it.recordAll(hourly(8))
    expect(await it.conversations()).toMatchObject({ total: 3, hasNext: false })
    expect(await it.ids()).toEqual(['c7', 'c6', 'c5'])
    expect(pointIds(await it.emotions())).toEqual(['c7', 'c6', 'c5', 'c4', 'c3'])
    expect(await it.user()).toMatchObject({ totalChats: 8, createdAt: NOW - 8 * HOUR })
    expect(await it.ask({ kind: 'conversation', userId: 'u', id: 'c4' })).toBeNull()
    expect(await it.ask({ kind: 'emotion', userId: 'u', id: 'c4' })).toMatchObject({ id: 'c4' })
  })

  test('a late event that has no place under the cap is counted, not kept; one that has pushes out the oldest', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversations: 2, emotions: 3 }))
    await it.recordAll([
      { id: 'a', occurredAt: NOW - HOUR },
      { id: 'b', occurredAt: NOW - 3 * HOUR },
    ])
    expect(await it.record({ id: 'late', occurredAt: NOW - 5 * HOUR })).toMatchObject({ type: 'applied', kept: false })
    expect(await it.record({ id: 'between', occurredAt: NOW - 2 * HOUR })).toMatchObject({ type: 'applied', kept: true })
    expect(await it.ids()).toEqual(['a', 'between'])
    expect(pointIds(await it.emotions())).toEqual(['a', 'between', 'b'])
    expect(await it.user()).toMatchObject({ totalChats: 4, createdAt: NOW - 5 * HOUR })
  })

  test('what is older than the retention when it is recorded is counted, not kept', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversationsDays: 30, emotionsDays: 90 }))
    expect(await it.record({ id: 'edge', occurredAt: NOW - days(30), topics: ['t'] })).toMatchObject({ kept: true })
    expect(await it.record({ id: 'older', occurredAt: NOW - days(30) - 1, topics: ['t'], riskLevel: 'HIGH' })).toMatchObject({
      type: 'applied',
      kept: false,
    })
    expect(await it.record({ id: 'oldest', occurredAt: NOW - days(90) - 1, topics: ['t'] })).toMatchObject({ kept: false })
    expect(await it.ids()).toEqual(['edge'])
    expect(pointIds(await it.emotions())).toEqual(['edge', 'older'])
    expect(await it.user()).toMatchObject({ totalChats: 3, totalRiskAlerts: 1, createdAt: NOW - days(90) - 1, attention: 'WATCH' })
    expect(await it.topics()).toEqual({ t: { count: 3, firstSeenAt: NOW - days(90) - 1, lastSeenAt: NOW - days(30) } })
  })

  test('a user of whom nothing is young enough to be kept is there nevertheless', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversationsDays: 1, emotionsDays: 1 }))
    await it.record({ occurredAt: NOW - days(2) })
    expect(await it.user()).toMatchObject({ totalChats: 1, lastActiveAt: NOW - days(2) })
    expect(await it.ids()).toEqual([])
  })

  test('reading at a later time shows less, to the millisecond, whether or not anything was removed', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversationsDays: 2, emotionsDays: 4 }))
    await it.recordAll([
      { id: 'a', occurredAt: NOW - HOUR },
      { id: 'b', occurredAt: NOW },
    ])
    const [gone, later] = [NOW - HOUR + days(2), NOW + days(3)]
    expect(await it.ids('u', gone)).toEqual(['b', 'a'])
    expect(await it.ids('u', gone + 1)).toEqual(['b'])
    expect(await it.conversations('u', gone + 1)).toMatchObject({ total: 1, hasNext: false, hasPrevious: false })
    expect(await it.ask({ kind: 'conversation', userId: 'u', id: 'a' }, gone + 1)).toBeNull()
    expect(await it.conversations('u', later)).toMatchObject({ items: [], total: 0 })
    expect(pointIds(await it.emotions('u', later))).toEqual(['b', 'a'])
    expect(await it.ask({ kind: 'emotion', userId: 'u', id: 'a' }, later + days(1))).toBeNull()
    expect(await it.user()).toMatchObject({ totalChats: 2 })
  })

  test('attention and current risk follow the last three ever recorded, however short the retention', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversations: 1, emotions: 1, conversationsDays: 1, emotionsDays: 1 }))
    for (const [i, riskLevel] of (['HIGH', 'MEDIUM', 'LOW'] as const).entries())
      await it.record({ riskLevel, occurredAt: NOW - days(9 - i) })
    expect(await it.user()).toMatchObject({ attention: 'NEEDS_ATTENTION', currentRisk: 'LOW' })
    expect(await it.alerts()).toEqual([])
  })

  test('a lowered limit holds at once, for users nobody touched since too', async () => {
    const it = await given(open)
    await it.recordAll([...hourly(6), { id: 'old', occurredAt: NOW - days(10) }])
    await it.tell(it.origin.policy({ conversations: 4, emotionsDays: 1 }))
    expect(await it.ids()).toEqual(['c5', 'c4', 'c3', 'c2'])
    expect(await it.conversations()).toMatchObject({ total: 4, hasNext: false })
    expect(await it.ask({ kind: 'conversation', userId: 'u', id: 'c1' })).toBeNull()
    expect(pointIds(await it.emotions())).not.toContain('old')
    await it.record({ id: 'new' })
    expect(await it.ids()).toEqual(['new', 'c5', 'c4', 'c3'])
  })

  test('a raised limit brings nothing back', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversations: 2, emotionsDays: 1 }, NOW - days(3)))
    await it.recordAll([...hourly(4), { id: 'old', occurredAt: NOW - days(2) }].map((said) => ({ ...said, acceptedAt: said.occurredAt })))
    await it.tell(it.origin.policy({ conversations: 10 }))
    expect(await it.ids()).toEqual(['c3', 'c2'])
    await it.recordAll([{ id: 'new 1' }, { id: 'new 2', occurredAt: NOW - MINUTE }])
    expect(await it.ids()).toEqual(['new 1', 'new 2', 'c3', 'c2'])
    expect(pointIds(await it.emotions())).toEqual(['new 1', 'new 2', 'c3', 'c2', 'c1', 'c0'])
  })

  test('a limit lowered and raised again has taken what it took, also from users nobody touched in between', async () => {
    const it = await given(open)
    for (const user of ['touched', 'untouched']) await it.recordAll(hourly(6).map((said) => ({ ...said, user })))
    await it.recordAll(['touched', 'untouched'].map((user) => ({ user, id: 'old', occurredAt: NOW - days(5) })))
    await it.tell(it.origin.policy({ conversations: 3, emotionsDays: 2 }, NOW))
    await it.record({ user: 'touched', id: 'new', occurredAt: NOW - days(1) })
    await it.tell(it.origin.policy({ conversations: 50, emotionsDays: 0 }, NOW + HOUR))
    for (const user of ['touched', 'untouched']) {
      expect(await it.ids(user)).toEqual(['c5', 'c4', 'c3'])
      expect(pointIds(await it.emotions(user))).not.toContain('old')
      await it.record({ user, id: 'last', acceptedAt: NOW + days(30) })
      expect(await it.ids(user)).toEqual(['last', 'c5', 'c4', 'c3'])
    }
    expect(pointIds(await it.emotions('untouched'))).toEqual(['last', 'c5', 'c4', 'c3', 'c2', 'c1', 'c0'])
  })

  test('what is known and comes again meets the limits that were set since', async () => {
    const it = await given(open)
    const events = hourly(4).map((said) => it.origin.recorded(said))
    await it.append(events)
    await it.tell(it.origin.policy({ conversations: 1 }, NOW))
    await it.tell(it.origin.policy({ conversations: 100 }, NOW + 1))
    expect(await it.ids()).toEqual(['c3'])
    const again = events[0]
    if (!again) throw new Error('nothing was recorded')
    // As when the store was filled with what was made of it, and its log began anew.
    await it.tell({ ...again, origin: 'filled', seq: 1 })
    expect(await it.ids()).toEqual(['c3'])
  })

  test('days count up to the time at which another policy replaced them', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversationsDays: 2 }, NOW - days(4)))
    await it.recordAll([4, 3, 2, 1].map((ago) => ({ id: `${ago} days ago`, acceptedAt: NOW - days(ago) })))
    await it.tell(it.origin.policy({ conversationsDays: 0 }, NOW - days(1)))
    expect(await it.ids('u', NOW + days(300))).toEqual(['1 days ago', '2 days ago', '3 days ago'])
    await it.tell(it.origin.policy({ conversationsDays: 1 }, NOW))
    expect(await it.ids('u', NOW)).toEqual(['1 days ago'])
    expect(await it.ids('u', NOW + 1)).toEqual([])
  })

  test('the sweep removes what expired more than a day ago, and changes no answer', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversations: 5, conversationsDays: 10, emotionsDays: 20, profileDays: 365 }, NOW - days(29)))
    const users = ['a', 'b', 'c']
    await it.recordAll(
      [29, 25, 15, 9, 1, 0].flatMap((ago) =>
        users.map((user) => ({ user, acceptedAt: NOW - days(ago), topics: ['t'], riskLevel: 'HIGH' as const })),
      ),
    )
    const before = await snapshot(it.store, NOW)
    const report = await it.store.sweep(NOW)
    expect(report).toMatchObject({ expiredUsers: [] })
    expect(report.removedItems).toBeGreaterThan(0)
    expect(await snapshot(it.store, NOW)).toEqual(before)
    expect(await it.store.sweep(NOW)).toEqual({ users: expect.any(Number), removedItems: 0, removedLogEntries: 0, expiredUsers: [] })
    await it.record({ user: 'a', id: 'after' })
    expect(await it.ids('a')).toHaveLength(4)
  })

  test('the sweep also removes what a policy has taken from users nobody touched since', async () => {
    const it = await given(open)
    await it.recordAll(hourly(9))
    await it.tell(it.origin.policy({ conversations: 4, emotions: 4 }))
    const before = await it.ids()
    await it.store.sweep(NOW + days(2))
    expect(await it.ids()).toEqual(before)
    await it.tell(it.origin.policy({}))
    expect(await it.ids()).toEqual(before)
  })

  test('the sweep names the users whose own expiry is due, with its deadline', async () => {
    const it = await given(open)
    await it.recordAll([
      { user: 'old', acceptedAt: NOW - days(30) - MINUTE },
      { user: 'older', acceptedAt: NOW - days(50) },
      { user: 'edge', acceptedAt: NOW - days(30) },
      { user: 'young', acceptedAt: NOW - days(30) + 1 },
    ])
    expect((await it.store.sweep(NOW)).expiredUsers).toEqual([])
    await it.tell(it.origin.policy({ profileDays: 30 }))
    const { expiredUsers } = await it.store.sweep(NOW)
    expect([...expiredUsers].sort((a, b) => a.deadline - b.deadline)).toEqual([
      { userId: 'older', deadline: NOW - days(20) },
      { userId: 'old', deadline: NOW - MINUTE },
      { userId: 'edge', deadline: NOW },
    ])
    for (const { userId, deadline } of expiredUsers) await it.apply(it.origin.expired(userId, deadline))
    expect((await it.store.sweep(NOW)).expiredUsers).toEqual([])
    expect(await it.ask({ kind: 'overview' })).toMatchObject({ users: 1 })
  })

  test('a stripped user is named again only when newly due', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ profileDays: 30 }, NOW - days(60)))
    await it.record({ riskLevel: 'HIGH', acceptedAt: NOW - days(40) })
    await it.apply(it.origin.expired('u', NOW - days(10)))
    expect((await it.store.sweep(NOW)).expiredUsers).toEqual([])
    await it.record({ acceptedAt: NOW })
    expect((await it.store.sweep(NOW + days(30))).expiredUsers).toEqual([{ userId: 'u', deadline: NOW + days(30) }])
  })
}
