import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { Desk } from '../../src/services/desk.ts'
import { Escalation } from '../../src/services/escalation.ts'
import { Staff } from '../../src/services/staff.ts'
import { LogWriter } from '../../src/services/writer.ts'
import type { Store } from '../../src/store/store.ts'
import { MINUTE, NOW, Origin } from '../helpers/events.ts'
import { STAFF } from '../helpers/staff.ts'
import { stores } from '../helpers/stores.ts'
import { ALL, valuesOf } from '../store/contract/harness.ts'

/** An instance of what watches over deadlines. */
function instance(store: Store, now: { time: number }) {
  const writer = new LogWriter(store)
  onTestFinished(() => writer.close())
  const of = { clock: () => now.time, logger: pino({ level: 'silent' }) }
  const options = { ...of, staff: new Staff({ ...of, listed: STAFF, store, writer }) }
  return { desk: new Desk(store, writer, options), escalation: new Escalation(store, writer, options) }
}

describe.each(stores)('deadlines in $name', (kind) => {
  async function alerted(riskLevel: 'MEDIUM' | 'HIGH' | 'IMMINENT') {
    const { store, reopen } = await kind.open()
    const now = { time: NOW }
    await store.append([new Origin().recorded({ riskLevel })])
    const alertsOf = async (of = store) => valuesOf((await of.read([{ kind: 'alerts', page: ALL }], now.time)).answers[0])
    const [alert] = await alertsOf()
    const history = async (of = store) =>
      valuesOf((await of.read([{ kind: 'alertHistory', alertId: alert?.id ?? '', page: ALL }], now.time)).answers[0])
    return { store, reopen, now, alertId: alert?.id ?? '', alert: async (of = store) => (await alertsOf(of))[0], history }
  }

  test('each step tells the next who are there: the assignee, who is on duty, supervisors, admins', async () => {
    const { store, now, alertId, alert } = await alerted('HIGH')
    const { desk, escalation } = instance(store, now)
    await desk.assign('u', { counselor: 'li', actor: 'chief', reason: null })
    expect(await escalation.tick()).toBe(0)
    const told: (readonly string[] | undefined)[] = []
    for (const minutes of [5, 15, 30]) {
      now.time = NOW + minutes * MINUTE
      expect(await escalation.tick()).toBe(1)
      told.push((await alert())?.escalation.to)
    }
    expect(told).toEqual([['li'], ['li', 'wang', 'zhao'], ['li', 'wang', 'zhao', 'chief']])
    now.time = NOW + 90 * MINUTE
    expect(await escalation.tick()).toBe(0)
    expect(await alert()).toMatchObject({ id: alertId, status: 'OPEN', escalation: { step: 3, next: null } })
  })

  test('an IMMINENT alert is escalated at once', async () => {
    const { store, now, alert } = await alerted('IMMINENT')
    expect(await instance(store, now).escalation.tick()).toBe(1)
    expect(await alert()).toMatchObject({ escalation: { step: 1, to: ['wang', 'zhao'], next: NOW + 2 * MINUTE } })
  })

  test('an alert that was resolved long ago goes, whichever instance says so', async () => {
    const { store, now, alertId, alert } = await alerted('HIGH')
    await store.append([new Origin().policy({ alertsDays: 3 })])
    const instances = Array.from({ length: 3 }, () => instance(store, now))
    await instances[0]?.desk.resolve({ alertId, actor: 'li', view: undefined, resolution: 'talked' })
    now.time = NOW + 3 * DAY_MS - 1
    for (const { escalation } of instances) expect(await escalation.tick()).toBe(0)
    now.time += 1
    await Promise.all(instances.map(({ escalation }) => escalation.tick()))
    expect(await alert()).toBeUndefined()
  })

  test('however many instances say it, a step counts once', async () => {
    const { store, now, history } = await alerted('HIGH')
    const instances = Array.from({ length: 3 }, () => instance(store, now))
    for (const minutes of [5, 15]) {
      now.time = NOW + minutes * MINUTE
      await Promise.all(instances.map(({ escalation }) => escalation.tick()))
    }
    expect((await history()).map(({ kind }) => kind)).toEqual(['RAISED', 'ESCALATED', 'ESCALATED'])
  })

  test('a restart in the middle of an escalation loses no step and repeats none', async () => {
    const { store, reopen, now, history } = await alerted('HIGH')
    now.time = NOW + 5 * MINUTE
    await instance(store, now).escalation.tick()
    const again = await reopen()
    await instance(again, now).escalation.tick()
    // Two are due by now: the second and the third.
    now.time = NOW + 31 * MINUTE
    const { escalation } = instance(again, now)
    while ((await escalation.tick()) > 0);
    expect((await history(again)).map(({ kind, at }) => [kind, at])).toEqual([
      ['RAISED', NOW],
      ['ESCALATED', NOW + 5 * MINUTE],
      ['ESCALATED', NOW + 15 * MINUTE],
      ['ESCALATED', NOW + 30 * MINUTE],
    ])
  })

  test('an acknowledgement stops it, its lapse starts it again, and who had it is told first', async () => {
    const { store, now, alertId, alert, history } = await alerted('HIGH')
    const { desk, escalation } = instance(store, now)
    await desk.acknowledge({ alertId, actor: 'zhao', view: undefined })
    now.time = NOW + 30 * MINUTE - 1
    expect(await escalation.tick()).toBe(0)
    now.time += 1
    expect(await escalation.tick()).toBe(1)
    expect(await alert()).toMatchObject({ status: 'OPEN', assignee: 'zhao' })
    now.time += 5 * MINUTE
    expect(await escalation.tick()).toBe(1)
    expect(await alert()).toMatchObject({ escalation: { step: 1, to: ['zhao'] } })
    expect((await history()).map(({ kind }) => kind)).toEqual(['RAISED', 'ACKNOWLEDGED', 'LAPSED', 'ESCALATED'])
  })
})
