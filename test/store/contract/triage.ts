import { expect, test } from 'vitest'
import { DAY_MS, type RiskLevel } from '../../../src/model.ts'
import { HOUR, MINUTE, NOW } from '../../helpers/events.ts'
import { alerted } from './alerted.ts'
import { ALL, given, type Open, valuesOf } from './harness.ts'

export function triage(open: Open): void {
  test('whoever acknowledges an alert has it, for as long as its level allows', async () => {
    const { it, alertId, act, alert, since } = await alerted(open)
    expect(await act({ action: 'ACKNOWLEDGE', actor: 'li', note: '我来' })).toMatchObject({
      type: 'applied',
      kept: true,
      alertId,
      removed: null,
    })
    expect(await alert()).toMatchObject({
      status: 'ACKNOWLEDGED',
      assignee: 'li',
      acknowledged: { by: 'li', at: NOW + MINUTE, until: NOW + 31 * MINUTE },
      escalation: { next: null },
      version: 2,
    })
    expect(await since()).toEqual([['ACKNOWLEDGED', 'li', '我来']])
    expect(valuesOf(await it.ask({ kind: 'alerts', status: ['OPEN'], page: ALL }))).toEqual([])
    expect(valuesOf(await it.ask({ kind: 'alerts', status: ['ACKNOWLEDGED'], page: ALL }))).toEqual([await alert()])
    expect(await it.ask({ kind: 'overview' })).toMatchObject({ openAlerts: 0, unassignedHigh: 0 })
    expect(await it.user()).toMatchObject({ currentRisk: 'HIGH' })
  })

  test.each([
    ['a note', { action: 'NOTE', actor: 'li', note: 'called' }],
    ['an acknowledgement', { action: 'ACKNOWLEDGE', actor: 'li' }],
  ] as const)('%s of the one who has it renews an acknowledgement, and changes no version', async (_, deed) => {
    const { act, acknowledge, alert } = await alerted(open)
    await acknowledge()
    await act(deed, NOW + 20 * MINUTE)
    expect(await alert()).toMatchObject({ acknowledged: { at: NOW + MINUTE, until: NOW + 50 * MINUTE }, version: 2 })
    await act(deed, NOW + 10 * MINUTE)
    expect(await alert()).toMatchObject({ acknowledged: { until: NOW + 50 * MINUTE } })
  })

  test("somebody else's note renews nothing; their acknowledgement takes the alert over", async () => {
    const { act, acknowledge, alert } = await alerted(open)
    await acknowledge()
    await act({ action: 'NOTE', actor: 'wang', note: 'hm' }, NOW + 20 * MINUTE)
    expect(await alert()).toMatchObject({ acknowledged: { by: 'li', until: NOW + 31 * MINUTE } })
    await acknowledge('wang', NOW + 21 * MINUTE)
    expect(await alert()).toMatchObject({ assignee: 'wang', acknowledged: { by: 'wang', at: NOW + 21 * MINUTE }, version: 3 })
  })

  test('a note on a resolved alert renews nothing', async () => {
    const { act, acknowledge, resolve, alert } = await alerted(open)
    await acknowledge('li')
    await resolve()
    const { acknowledged } = (await alert()) ?? {}
    await act({ action: 'NOTE', actor: 'li', note: 'called again' }, NOW + HOUR)
    expect(await alert()).toMatchObject({ status: 'RESOLVED', acknowledged })
  })

  test('a resolved alert counts no more; it says who resolved it, how and when', async () => {
    const { it, resolve, alert, since, due } = await alerted(open, 'IMMINENT')
    await it.record({ riskLevel: 'LOW', acceptedAt: NOW + 1 })
    expect(await resolve()).toMatchObject({ kept: true })
    expect(await alert()).toMatchObject({
      status: 'RESOLVED',
      resolved: { by: 'li', at: NOW + MINUTE, resolution: 'talked' },
      escalation: { next: null },
      version: 2,
    })
    expect(await since()).toEqual([['RESOLVED', 'li', null]])
    expect(await it.user()).toMatchObject({ currentRisk: 'LOW' })
    const users = (hasOpenAlert: boolean) => it.ask({ kind: 'users', order: 'USER_ID_ASC', filter: { hasOpenAlert }, page: ALL })
    expect(valuesOf(await users(true))).toEqual([])
    expect(valuesOf(await users(false))).toHaveLength(1)
    expect(await it.ask({ kind: 'overview' })).toMatchObject({ openAlerts: 0, unassignedHigh: 0, oldestOpenRaisedAt: null })
    expect(await due(NOW + DAY_MS)).toEqual([])
  })

  test('an action decided on another version is not carried out, and stays in the history as a note', async () => {
    const { acknowledge, act, alert, since } = await alerted(open)
    await acknowledge()
    const before = await alert()
    const late = await act({ action: 'RESOLVE', actor: 'wang', version: 1, resolution: 'nothing to it', note: 'sure' })
    expect(late).toMatchObject({ type: 'applied', kept: false })
    expect(await alert()).toEqual(before)
    expect((await since()).at(-1)).toEqual(['NOTED', 'wang', 'not carried out: RESOLVE; nothing to it; sure'])
    expect(await act({ action: 'RESOLVE', actor: 'li', version: 2, resolution: 'talked' })).toMatchObject({ kept: true })
    expect(await act({ action: 'ACKNOWLEDGE', actor: 'wang' })).toMatchObject({ kept: false })
    expect(await act({ action: 'NOTE', actor: 'wang', note: 'still' })).toMatchObject({ kept: true })
    expect((await since()).slice(-2)).toEqual([
      ['NOTED', 'wang', 'not carried out: ACKNOWLEDGE'],
      ['NOTED', 'wang', 'still'],
    ])
  })

  test('repeats add to an acknowledged alert, and wipe nothing', async () => {
    const { it, acknowledge, alert } = await alerted(open)
    await acknowledge()
    const before = await alert()
    await it.record({ riskLevel: 'MEDIUM', acceptedAt: NOW + 2 * MINUTE })
    expect(await alert()).toEqual({ ...before, occurrences: 2, lastSeenAt: NOW + 2 * MINUTE })
  })

  test('a higher level reopens an acknowledged alert, and escalates by that level from then on', async () => {
    const { it, acknowledge, alert, since } = await alerted(open)
    await acknowledge()
    await it.record({ riskLevel: 'IMMINENT', acceptedAt: NOW + 2 * MINUTE })
    expect(await alert()).toMatchObject({
      level: 'IMMINENT',
      status: 'OPEN',
      assignee: 'li',
      acknowledged: null,
      escalation: { since: NOW + 2 * MINUTE, step: 0, next: NOW + 2 * MINUTE },
      version: 3,
    })
    expect((await since()).map(([kind]) => kind)).toEqual(['ACKNOWLEDGED', 'OCCURRED', 'LEVEL_RAISED', 'REOPENED'])
  })

  test('a signal within 24 h of the resolution reopens the alert; a later one raises another', async () => {
    const { it, alertId, resolve, alert, since } = await alerted(open)
    await resolve()
    expect(await it.record({ riskLevel: 'MEDIUM', acceptedAt: NOW + MINUTE + DAY_MS })).toMatchObject({ alertId })
    expect(await alert()).toMatchObject({ level: 'HIGH', status: 'OPEN', resolved: null, occurrences: 2, version: 3 })
    expect((await since()).map(([kind]) => kind)).toEqual(['RESOLVED', 'OCCURRED', 'REOPENED'])
    expect(await it.user()).toMatchObject({ currentRisk: 'HIGH' })
    await resolve(NOW + 2 * DAY_MS)
    const another = await it.record({ riskLevel: 'MEDIUM', acceptedAt: NOW + 3 * DAY_MS + 1 })
    expect(another).toMatchObject({ type: 'applied' })
    expect(another.type === 'applied' && another.alertId).not.toBe(alertId)
    expect(await it.alerts()).toHaveLength(2)
  })

  test('a counselor is assigned to a user and their unresolved alert, and to the next one from the start', async () => {
    const { it, alert, since, resolve } = await alerted(open)
    expect(await it.tell(it.origin.assigned('u', 'li', NOW, 'chief', 'knows them'))).toMatchObject({ type: 'applied', kept: true })
    expect(await it.user()).toMatchObject({ counselor: 'li' })
    expect(await alert()).toMatchObject({ assignee: 'li', status: 'OPEN', version: 2 })
    expect(await since()).toEqual([['ASSIGNED', 'chief', 'knows them']])
    expect(await it.ask({ kind: 'overview' })).toMatchObject({ openAlerts: 1, unassignedHigh: 0 })
    await resolve()
    await it.record({ riskLevel: 'MEDIUM', acceptedAt: NOW + 2 * DAY_MS })
    expect((await it.alerts()).map(({ assignee }) => assignee)).toEqual(['li', 'li'])
    await it.tell(it.origin.assigned('u', null))
    expect(await it.user()).toMatchObject({ counselor: null })
    expect(await it.tell(it.origin.assigned('nobody', 'li'))).toMatchObject({ type: 'conflict' })
  })

  test('a turn for the worse raises an alert by itself, once a day', async () => {
    const it = await given(open)
    const say = (riskLevel: RiskLevel, at: number) => it.record({ riskLevel, acceptedAt: at })
    const resolve = async (at: number) => {
      const alert = (await it.alerts()).find(({ status }) => status !== 'RESOLVED')
      await it.tell(it.origin.acted('u', { alertId: alert?.id ?? '', action: 'RESOLVE', actor: 'li', resolution: 'ok' }, at))
    }
    await say('MEDIUM', NOW)
    await say('MEDIUM', NOW + 1)
    await resolve(NOW + 2)
    const at = NOW + 3 * DAY_MS
    expect(await say('LOW', at)).toMatchObject({ alertId: expect.any(String) })
    const [raised] = (await it.alerts()).filter(({ status }) => status === 'OPEN')
    expect(raised).toMatchObject({ level: 'MEDIUM', occurrences: 1, trigger: { riskLevel: 'LOW' } })
    expect(await it.history(raised?.id ?? '')).toMatchObject([
      { kind: 'RAISED', level: 'MEDIUM', note: expect.stringContaining('NEEDS_ATTENTION') },
    ])
    expect(await it.user()).toMatchObject({ attention: 'NEEDS_ATTENTION', totalRiskAlerts: 2 })
    await resolve(at + 1)
    // To calm down and turn again within the day.
    for (const [i, level] of (['LOW', 'LOW', 'MEDIUM'] as const).entries()) await say(level, at + 2 + i)
    await resolve(at + 10)
    expect(await say('UNKNOWN', at + 11)).toMatchObject({ alertId: null })
  })

  test('what happened more than 24 h before turns nothing', async () => {
    const it = await given(open)
    const old = { acceptedAt: NOW, occurredAt: NOW - 2 * DAY_MS }
    await it.recordAll((['HIGH', 'HIGH', 'LOW'] as const).map((riskLevel, i) => ({ riskLevel, ...old, occurredAt: old.occurredAt + i })))
    expect(await it.user()).toMatchObject({ attention: 'NEEDS_ATTENTION' })
    expect(await it.alerts()).toEqual([])
  })

  test('an action on an alert of somebody else, or on none, changes nothing', async () => {
    const { it, alertId, act, alert } = await alerted(open)
    await it.record({ user: 'v' })
    const before = await alert()
    expect(await it.tell(it.origin.acted('v', { alertId, action: 'NOTE', actor: 'li', note: 'x' }))).toMatchObject({ type: 'conflict' })
    expect(await act({ alertId: 'ab', action: 'NOTE', actor: 'li' })).toMatchObject({ type: 'conflict' })
    expect(await act({ alertId: `${alertId}:history`, action: 'NOTE', actor: 'li' })).toMatchObject({ type: 'conflict' })
    expect(await alert()).toEqual(before)
  })

  test('clearing leaves all that was done about an alert; erasing leaves nothing', async () => {
    const { it, acknowledge, alert, alertId, due } = await alerted(open)
    await acknowledge()
    const before = await alert()
    await it.tell(it.origin.cleared('u', NOW + 2 * MINUTE))
    expect(await alert()).toEqual({ ...before, trigger: null })
    await it.tell(it.origin.assigned('u', 'li', NOW + 2 * MINUTE))
    await it.tell(it.origin.erased('u', NOW + 3 * MINUTE))
    expect(await alert()).toBeNull()
    expect(await due(NOW + DAY_MS)).toEqual([])
    expect(await it.history(alertId)).toEqual([])
    expect((await it.log(0, 100)).filter(({ event, alertEvents }) => event?.kind === 'acted' || alertEvents.length > 0)).toEqual([])
  })

  test('what was done is in the log, with what it told', async () => {
    const { it, acknowledge, alertId } = await alerted(open)
    await acknowledge()
    await it.tell(it.origin.assigned('u', 'wang', NOW + 2 * MINUTE))
    const entries = (await it.log(0, 100)).slice(-2)
    expect(entries).toMatchObject([
      {
        event: { kind: 'acted', payload: { alertId, action: 'ACKNOWLEDGE', actor: 'li', to: [], due: null } },
        alertEvents: [{ kind: 'ACKNOWLEDGED', actor: 'li' }],
      },
      { event: { kind: 'assigned', payload: { counselor: 'wang' } }, alertEvents: [{ kind: 'ASSIGNED', actor: 'wang' }] },
    ])
  })

  test('what takes an alert from somebody says whose it was until then', async () => {
    const { it, alertId, acknowledge, resolve, act } = await alerted(open)
    const assign = (counselor: string | null, at: number) => it.tell(it.origin.assigned('u', counselor, at))
    await acknowledge('li')
    await act({ action: 'NOTE', actor: 'li', note: 'called' })
    await assign('wang', NOW + 2 * MINUTE)
    await act({ action: 'ESCALATE', actor: 'li', to: ['zhao', 'chief'] }, NOW + 3 * MINUTE)
    await act({ action: 'ACKNOWLEDGE', actor: 'zhao' }, NOW + 3 * MINUTE)
    await assign(null, NOW + 4 * MINUTE)
    await resolve(NOW + 5 * MINUTE)
    const before = (await it.history(alertId)).map((event) => [event.kind, event.before && Object.values(event.before)])
    expect(before).toEqual([
      ['RAISED', null],
      ['ACKNOWLEDGED', [null, null, null, []]],
      ['NOTED', null],
      ['ASSIGNED', [null, 'li', 'li', []]],
      ['ESCALATED', null],
      ['ACKNOWLEDGED', ['wang', 'wang', 'li', ['zhao', 'chief']]],
      ['ASSIGNED', ['wang', 'zhao', 'zhao', ['zhao']]],
      ['RESOLVED', [null, null, 'zhao', []]],
    ])
  })
}
