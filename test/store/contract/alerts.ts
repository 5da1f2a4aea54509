import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { DAY_MS } from '../../../src/model.ts'
import { HOUR, MINUTE, NOW } from '../../helpers/events.ts'
import { ALL, given, idsOf, type Open, valuesOf, walk } from './harness.ts'

const sha1 = (...parts: (string | number)[]): string => createHash('sha1').update(parts.join('\0')).digest('hex')

export function alerts(open: Open): void {
  test('a conversation of MEDIUM risk or above raises an alert with its own copy of the exchange', async () => {
    const it = await given(open)
    const said = { id: 'c', query: '我不想活了', response: '我在这里。', occurredAt: NOW - MINUTE }
    const outcome = await it.record({ ...said, riskLevel: 'HIGH' })
    const id = sha1('u', 0, 0)
    expect(outcome).toMatchObject({ type: 'applied', alertId: id })
    const alert = {
      id,
      userId: 'u',
      level: 'HIGH',
      status: 'OPEN',
      occurrences: 1,
      raisedAt: NOW,
      lastSeenAt: NOW - MINUTE,
      conversationId: 'c',
      trigger: { occurredAt: NOW - MINUTE, query: '我不想活了', response: '我在这里。', riskLevel: 'HIGH' },
      version: 1,
      assignee: null,
      acknowledged: null,
      resolved: null,
      escalation: { since: NOW, step: 0, to: [], next: NOW + 5 * MINUTE },
    }
    expect(await it.ask({ kind: 'alert', alertId: id })).toEqual(alert)
    expect(await it.alerts()).toEqual([alert])
    expect(valuesOf(await it.ask({ kind: 'userAlerts', userId: 'u', page: ALL }))).toEqual([alert])
    const raised = {
      id: sha1('c', id, 'RAISED', 0),
      alertId: id,
      kind: 'RAISED',
      at: NOW,
      actor: null,
      note: null,
      level: 'HIGH',
      before: null,
    }
    expect(await it.ask({ kind: 'alertHistory', alertId: id, page: ALL })).toEqual({
      items: [{ key: [0, raised.id], value: raised }],
      hasPrevious: false,
      hasNext: false,
      total: 1,
      resume: null,
    })
  })

  test('what happened days before raises an alert that nobody is escalated to, if that is asked for and there is none', async () => {
    const it = await given(open)
    const days = (count: number) => ({ occurredAt: NOW - count * DAY_MS, riskLevel: 'HIGH', raisesLate: true }) as const
    const outcomes = await it.recordAll([
      { user: 'a', id: 'c', ...days(7) },
      { user: 'a', ...days(3), riskLevel: 'IMMINENT' },
      { user: 'b', ...days(7), occurredAt: NOW - 7 * DAY_MS - 1 },
      { user: 'c', ...days(2), riskLevel: 'LOW' },
      { user: 'd', ...days(2), raisesLate: undefined },
    ])
    expect(outcomes.map((outcome) => outcome.type === 'applied' && outcome.alertId !== null)).toEqual([true, false, false, false, false])
    expect(await it.alerts()).toMatchObject([
      {
        userId: 'a',
        level: 'HIGH',
        status: 'OPEN',
        occurrences: 1,
        conversationId: 'c',
        raisedAt: NOW,
        escalation: { step: 0, next: null },
      },
    ])
    expect(await it.ask({ kind: 'dueAlerts', until: NOW + DAY_MS, limit: 10 })).toEqual([])
    await it.record({ user: 'a', riskLevel: 'IMMINENT' })
    expect(await it.ask({ kind: 'dueAlerts', until: NOW, limit: 10 })).toMatchObject([{ userId: 'a', level: 'IMMINENT' }])
  })

  test('LOW and UNKNOWN raise nothing', async () => {
    const it = await given(open)
    expect(await it.recordAll([{ riskLevel: 'LOW' }, { riskLevel: 'UNKNOWN' }])).toMatchObject([{ alertId: null }, { alertId: null }])
    expect(await it.alerts()).toEqual([])
  })

  test('each of MEDIUM, HIGH and IMMINENT raises an alert of its own level', async () => {
    const it = await given(open)
    await it.recordAll((['MEDIUM', 'HIGH', 'IMMINENT'] as const).map((riskLevel) => ({ user: riskLevel, riskLevel })))
    expect((await it.alerts()).map(({ userId, level }) => [userId, level])).toEqual([
      ['IMMINENT', 'IMMINENT'],
      ['HIGH', 'HIGH'],
      ['MEDIUM', 'MEDIUM'],
    ])
  })

  test('what happens while an alert is open is added to it', async () => {
    const it = await given(open)
    await it.record({ id: 'c1', riskLevel: 'HIGH', occurredAt: NOW - HOUR })
    const [opened] = await it.alerts()
    const id = opened?.id ?? ''
    expect(await it.record({ id: 'c2', riskLevel: 'MEDIUM', acceptedAt: NOW + 1, occurredAt: NOW - 2 * HOUR })).toMatchObject({
      alertId: id,
    })
    expect(await it.alerts()).toEqual([{ ...opened, occurrences: 2 }])
    expect(await it.record({ id: 'c3', riskLevel: 'HIGH', acceptedAt: NOW + 2 })).toMatchObject({ alertId: id })
    expect(await it.record({ id: 'c4', riskLevel: 'LOW', acceptedAt: NOW + 3 })).toMatchObject({ alertId: null })
    expect(await it.alerts()).toEqual([{ ...opened, occurrences: 3, lastSeenAt: NOW + 2 }])
    expect(await it.history(id)).toMatchObject([
      { kind: 'RAISED', level: 'HIGH', at: NOW },
      { id: sha1('c2', id, 'OCCURRED', 0), kind: 'OCCURRED', level: 'MEDIUM', at: NOW + 1 },
      { id: sha1('c3', id, 'OCCURRED', 0), kind: 'OCCURRED', level: 'HIGH', at: NOW + 2 },
    ])
  })

  test('something graver raises the level of the alert and moves it up', async () => {
    const it = await given(open)
    await it.recordAll([
      { user: 'other', riskLevel: 'HIGH', acceptedAt: NOW - HOUR },
      { id: 'c1', riskLevel: 'MEDIUM' },
    ])
    const before = (await it.alerts()).find(({ userId }) => userId === 'u')
    const id = before?.id ?? ''
    await it.record({ id: 'c2', riskLevel: 'IMMINENT', acceptedAt: NOW + 1 })
    const all = await it.alerts()
    expect(all.map(({ userId }) => userId)).toEqual(['u', 'other'])
    const escalation = { since: NOW + 1, step: 0, to: [], next: NOW + 1 }
    expect(all[0]).toEqual({ ...before, level: 'IMMINENT', occurrences: 2, lastSeenAt: NOW + 1, version: 2, escalation })
    expect((await it.history(id)).slice(1)).toEqual([
      {
        id: sha1('c2', id, 'OCCURRED', 0),
        alertId: id,
        kind: 'OCCURRED',
        at: NOW + 1,
        actor: null,
        note: null,
        level: 'IMMINENT',
        before: null,
      },
      {
        id: sha1('c2', id, 'LEVEL_RAISED', 1),
        alertId: id,
        kind: 'LEVEL_RAISED',
        at: NOW + 1,
        actor: null,
        note: null,
        level: 'IMMINENT',
        before: null,
      },
    ])
  })

  test('what happened more than 24 h before it is recorded counts, but raises no alert and adds to none', async () => {
    const it = await given(open)
    expect(await it.record({ riskLevel: 'HIGH', occurredAt: NOW - DAY_MS - 1 })).toMatchObject({ type: 'applied', alertId: null })
    expect(await it.user()).toMatchObject({ totalRiskAlerts: 1, currentRisk: 'HIGH', attention: 'WATCH' })
    expect(await it.alerts()).toEqual([])
    expect(await it.record({ riskLevel: 'HIGH', occurredAt: NOW - DAY_MS })).toMatchObject({ alertId: sha1('u', 0, 0) })
    await it.record({ riskLevel: 'IMMINENT', occurredAt: NOW - DAY_MS - 1 })
    expect(await it.alerts()).toMatchObject([{ level: 'HIGH', occurrences: 1 }])
  })

  test('a conversation that is not kept can raise an alert', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversations: 1 }))
    await it.record({ id: 'newer' })
    expect(await it.record({ id: 'late', riskLevel: 'HIGH', occurredAt: NOW - HOUR })).toMatchObject({
      kept: false,
      alertId: sha1('u', 0, 0),
    })
    expect(await it.alerts()).toMatchObject([{ conversationId: 'late', trigger: { occurredAt: NOW - HOUR } }])
  })

  test('alerts are ordered by severity, then by age, and can be asked for by status and level, in pages', async () => {
    const it = await given(open)
    const levels = ['MEDIUM', 'HIGH', 'IMMINENT'] as const
    await it.recordAll(
      Array.from({ length: 9 }, (_, i) => ({ user: `u${i}`, riskLevel: levels[i % 3] ?? 'LOW', acceptedAt: NOW - i * MINUTE })),
    )
    const order = ['u8', 'u5', 'u2', 'u7', 'u4', 'u1', 'u6', 'u3', 'u0']
    for (const take of ['first', 'last'] as const) {
      const walked = await walk((page) => it.ask({ kind: 'alerts', page }), 2, take)
      expect(walked.map(({ userId }) => userId)).toEqual(order)
      const grave = await walk((page) => it.ask({ kind: 'alerts', minLevel: 'HIGH', page }), 4, take)
      expect(grave.map(({ userId }) => userId)).toEqual(order.slice(0, 6))
    }
    expect(await it.ask({ kind: 'alerts', page: { limit: 2, take: 'first' } })).toMatchObject({
      total: 9,
      hasNext: true,
      hasPrevious: false,
    })
    expect(await it.ask({ kind: 'alerts', minLevel: 'HIGH', page: { limit: 2, take: 'first' } })).toMatchObject({
      total: null,
      hasNext: true,
    })
    expect(await it.ask({ kind: 'alerts', status: ['OPEN'], page: ALL })).toMatchObject({ total: null, hasNext: false })
    const byStatus = (status: readonly ('OPEN' | 'ACKNOWLEDGED' | 'RESOLVED')[]) =>
      it.ask({ kind: 'alerts', status, minLevel: 'IMMINENT', page: ALL })
    expect(idsOf(await byStatus(['OPEN', 'RESOLVED']))).toHaveLength(3)
    expect(idsOf(await byStatus(['ACKNOWLEDGED']))).toEqual([])
    expect(await it.ask({ kind: 'userAlerts', userId: 'u1', status: ['OPEN'], page: ALL })).toMatchObject({
      items: [{ value: { userId: 'u1' } }],
      total: null,
    })
    expect(await it.ask({ kind: 'userAlerts', userId: 'u1', status: ['RESOLVED'], page: ALL })).toMatchObject({ items: [] })
    expect(await it.ask({ kind: 'userAlerts', userId: 'u1', page: ALL })).toMatchObject({ total: 1 })
  })

  test('alerts raised at the same moment are ordered by id', async () => {
    const it = await given(open)
    await it.recordAll(['a', 'b', 'c', 'd'].map((user) => ({ user, riskLevel: 'HIGH' as const })))
    const ids = ['a', 'b', 'c', 'd'].map((user) => sha1(user, 0, 0)).sort()
    expect((await walk((page) => it.ask({ kind: 'alerts', page }), 1)).map(({ id }) => id)).toEqual(ids)
  })

  test('a long history is read in pages, oldest first', async () => {
    const it = await given(open)
    await it.recordAll(Array.from({ length: 25 }, (_, i) => ({ id: `c${i}`, riskLevel: 'HIGH' as const, acceptedAt: NOW + i })))
    const alertId = sha1('u', 0, 0)
    for (const take of ['first', 'last'] as const) {
      const events = await walk((page) => it.ask({ kind: 'alertHistory', alertId, page }), 4, take)
      expect(events.map(({ at }) => at)).toEqual(Array.from({ length: 25 }, (_, i) => NOW + i))
    }
    const middle = await it.ask({
      kind: 'alertHistory',
      alertId,
      page: { limit: 3, take: 'first', after: [9, sha1('c9', alertId, 'OCCURRED', 0)] },
    })
    expect(middle).toMatchObject({ hasPrevious: true, hasNext: true, total: 25 })
    expect(middle.items.map(({ key }) => key[0])).toEqual([10, 11, 12])
  })

  test('the current risk is that of the newest conversation, or of the open alert where that is higher', async () => {
    const it = await given(open)
    const risk = async () => (await it.user())?.currentRisk
    await it.record({ id: 'old', riskLevel: 'HIGH', acceptedAt: NOW, occurredAt: NOW - 3 * DAY_MS })
    expect(await risk()).toBe('HIGH')
    await it.record({ id: 'low', riskLevel: 'LOW', acceptedAt: NOW, occurredAt: NOW - 2 * DAY_MS })
    expect(await risk()).toBe('LOW')
    await it.record({ id: 'earlier', riskLevel: 'IMMINENT', acceptedAt: NOW, occurredAt: NOW - 2 * DAY_MS - 1 })
    expect(await risk(), 'a late one is not the newest').toBe('LOW')
    await it.record({ id: 'medium', riskLevel: 'MEDIUM', acceptedAt: NOW, occurredAt: NOW - HOUR })
    await it.record({ id: 'fine', riskLevel: 'LOW', acceptedAt: NOW })
    expect(await risk(), 'the alert is open').toBe('MEDIUM')
    await it.record({ id: 'worse', riskLevel: 'HIGH', acceptedAt: NOW + 1 })
    await it.record({ id: 'unknown', riskLevel: 'UNKNOWN', acceptedAt: NOW + 2 })
    expect(await risk()).toBe('HIGH')
  })

  test('attention is drawn by the last three, wherever a late one takes its place', async () => {
    const it = await given(open)
    const attention = async () => (await it.user())?.attention
    const at = (hour: number, riskLevel: 'LOW' | 'MEDIUM') =>
      it.record({ id: `at ${hour}`, riskLevel, occurredAt: NOW - 100 * HOUR + hour * HOUR })
    await at(10, 'MEDIUM')
    expect(await attention()).toBe('WATCH')
    await at(20, 'MEDIUM')
    expect(await attention(), 'two are not three').toBe('WATCH')
    await at(5, 'LOW')
    expect(await attention()).toBe('NEEDS_ATTENTION')
    await at(30, 'LOW')
    expect(await attention()).toBe('NEEDS_ATTENTION')
    await at(1, 'MEDIUM')
    expect(await attention(), 'too old to matter').toBe('NEEDS_ATTENTION')
    await at(40, 'LOW')
    expect(await attention()).toBe('WATCH')
    await at(50, 'LOW')
    expect(await attention()).toBe('NONE')
    await at(45, 'MEDIUM')
    expect(await attention(), 'late, but of the last three').toBe('WATCH')
  })

  test('alerts are counted by level and status', async () => {
    const it = await given(open)
    await it.recordAll([
      { user: 'a', riskLevel: 'IMMINENT' },
      { user: 'b', riskLevel: 'HIGH' },
      { user: 'c', riskLevel: 'HIGH' },
      { user: 'd', riskLevel: 'LOW' },
    ])
    const counts = await it.ask({ kind: 'alertCounts' })
    expect(counts).toHaveLength(9)
    expect(counts.filter(({ count }) => count > 0)).toEqual([
      { level: 'HIGH', status: 'OPEN', count: 2 },
      { level: 'IMMINENT', status: 'OPEN', count: 1 },
    ])
    await it.tell(it.origin.erased('c'))
    expect(await it.ask({ kind: 'alertCounts' })).toContainEqual({ level: 'HIGH', status: 'OPEN', count: 1 })
  })

  test('the overview counts users, the active ones, and open alerts', async () => {
    const it = await given(open)
    await it.recordAll([
      { user: 'a', riskLevel: 'IMMINENT', acceptedAt: NOW - 5 * HOUR },
      { user: 'b', riskLevel: 'HIGH', acceptedAt: NOW - 30 * HOUR },
      { user: 'c', riskLevel: 'MEDIUM', acceptedAt: NOW - 40 * HOUR },
      { user: 'd', acceptedAt: NOW - HOUR },
    ])
    expect(await it.ask({ kind: 'overview' })).toEqual({
      users: 4,
      activeUsers: 2,
      openAlerts: 3,
      unassignedHigh: 2,
      oldestOpenRaisedAt: NOW - 40 * HOUR,
    })
    expect(await it.ask({ kind: 'overview' }, NOW + 22 * HOUR)).toMatchObject({ activeUsers: 1 })
    await it.tell(it.origin.erased('c'))
    expect(await it.ask({ kind: 'overview' })).toMatchObject({ users: 3, openAlerts: 2, oldestOpenRaisedAt: NOW - 30 * HOUR })
  })
}
