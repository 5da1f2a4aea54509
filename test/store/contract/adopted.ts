import { expect, test } from 'vitest'
import { DAY_MS } from '../../../src/model.ts'
import { HOUR, NOW } from '../../helpers/events.ts'
import { given, type Open } from './harness.ts'

const point = (id: string, age: number) => ({ id, occurredAt: NOW - age, score: -0.5, riskLevel: 'HIGH' as const })

export function adopted(open: Open): void {
  test('whom another system had is there with what it had counted, its topics and its points', async () => {
    const it = await given(open)
    const had = { totalChats: 12, totalRiskAlerts: 4, createdAt: NOW - 5 * DAY_MS, lastActiveAt: NOW - HOUR }
    await it.apply(it.origin.adopted('u', { ...had, topics: ['压力', '失眠'], points: [point('p1', HOUR), point('p2', 2 * HOUR)] }))
    expect(await it.user()).toMatchObject({ ...had, currentRisk: 'HIGH', attention: 'WATCH' })
    const once = { count: 1, firstSeenAt: NOW - HOUR, lastSeenAt: NOW - HOUR }
    expect(await it.topics()).toEqual({ 压力: once, 失眠: once })
    expect((await it.emotions()).map(({ id }) => id)).toEqual(['p1', 'p2'])
    expect(await it.alerts()).toEqual([])
  })

  test('what is taken over one by one is in what the other system had counted, whichever comes first', async () => {
    const it = await given(open)
    await it.record({ id: '1', source: 'sqlite' })
    await it.apply(it.origin.adopted('u', { totalChats: 3, totalRiskAlerts: 1 }))
    await it.record({ id: '2', source: 'sqlite', riskLevel: 'MEDIUM' })
    await it.record({ id: '3', source: 'sqlite' })
    expect(await it.user()).toMatchObject({ totalChats: 3, totalRiskAlerts: 1 })
    await it.record({ id: '4', source: 'sqlite', riskLevel: 'MEDIUM' })
    expect(await it.user()).toMatchObject({ totalChats: 4, totalRiskAlerts: 2 })
  })

  test('what is recorded here counts besides', async () => {
    const it = await given(open)
    await it.record({ id: 'own' })
    await it.apply(it.origin.adopted('u', { totalChats: 3, totalRiskAlerts: 2 }))
    await it.record({ id: 'own 2', riskLevel: 'HIGH' })
    expect(await it.user()).toMatchObject({ totalChats: 5, totalRiskAlerts: 3 })
  })

  test('of one source the latest counts; another source counts besides', async () => {
    const it = await given(open)
    for (const totalChats of [12, 15, 14]) await it.apply(it.origin.adopted('u', { totalChats, topics: ['t'], points: [point('p', HOUR)] }))
    await it.apply(it.origin.adopted('u', { source: 'redis', totalChats: 2 }))
    expect(await it.user()).toMatchObject({ totalChats: 16 })
    expect(await it.topics()).toMatchObject({ t: { count: 1 } })
    expect(await it.emotions()).toHaveLength(1)
  })

  test('what was cleared does not come back with what comes again', async () => {
    const it = await given(open)
    const had = { totalChats: 3, topics: ['t'], points: [point('p', HOUR)] }
    await it.apply(it.origin.adopted('u', had))
    await it.apply(it.origin.cleared('u'))
    await it.apply(it.origin.adopted('u', had))
    expect([await it.topics(), await it.emotions()]).toEqual([{}, []])
    expect(await it.user()).toMatchObject({ totalChats: 3, attention: 'NONE' })
  })

  test('the erased do not come back from another system', async () => {
    const it = await given(open)
    await it.apply(it.origin.adopted('u', { totalChats: 3 }))
    await it.apply(it.origin.erased('u'))
    expect(await it.tell(it.origin.adopted('u', { createdAt: NOW - DAY_MS, totalChats: 3 }, NOW + HOUR))).toMatchObject({ type: 'dead' })
    expect(await it.user()).toBeNull()
  })

  test('points that are newer than anything that was said keep their place before what is said later, but happened earlier', async () => {
    const it = await given(open)
    await it.apply(it.origin.adopted('u', { points: [point('p', HOUR)] }))
    await it.record({ id: 'c1', occurredAt: NOW - 3 * HOUR })
    await it.record({ id: 'c2', occurredAt: NOW - 2 * HOUR })
    expect((await it.emotions()).map(({ id }) => id)).toEqual(['p', 'c2', 'c1'])
  })

  test('of points as many are kept as of anybody, however few conversations were counted with them', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ emotions: 2 }))
    await it.apply(it.origin.adopted('u', { points: [point('p1', HOUR), point('p2', 2 * HOUR)] }))
    await it.record({ id: 'c' })
    expect((await it.emotions()).map(({ id }) => id)).toEqual(['c', 'p1'])
  })

  test('the log tells it as it was', async () => {
    const it = await given(open)
    const event = it.origin.adopted('u', {
      totalChats: 3,
      totalRiskAlerts: 1,
      lastActiveAt: NOW - 1,
      topics: ['\u{10000}'],
      points: [point('p', 1)],
    })
    const recorded = it.origin.recorded({ id: '1', source: 'sqlite' })
    await it.append([event, recorded])
    expect((await it.log(0, 10)).map((entry) => entry.event)).toEqual([event, recorded])
  })
}
