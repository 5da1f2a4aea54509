import { expect, test } from 'vitest'
import { DAY_MS, DEFAULT_TRIAGE } from '../../../src/model.ts'
import { HOUR, MINUTE, NOW } from '../../helpers/events.ts'
import { alerted } from './alerted.ts'
import { ALL, given, type Open } from './harness.ts'

/** Escalation, and what follows for alerts from the passing of time alone. */
export function deadlines(open: Open): void {
  test('an acknowledgement that is not renewed lapses at its time, and the alert waits for somebody again', async () => {
    const { acknowledge, act, alert, due } = await alerted(open)
    await acknowledge()
    const until = NOW + 31 * MINUTE
    expect(await due(until - 1)).toEqual([])
    expect(await due(until)).toEqual(['u'])
    expect(await act({ action: 'LAPSE', due: until - 1 }, until - 1)).toMatchObject({ type: 'conflict' })
    expect(await act({ action: 'LAPSE', due: until }, until, 'lapse')).toMatchObject({ type: 'applied', kept: true })
    expect(await act({ action: 'LAPSE', due: until }, until, 'lapse')).toMatchObject({ type: 'duplicate' })
    expect(await alert()).toMatchObject({
      status: 'OPEN',
      assignee: 'li',
      acknowledged: null,
      escalation: { since: until, step: 0, next: until + 5 * MINUTE },
      version: 3,
    })
  })

  test('an escalation goes on step by step, counts once, and ends with the table', async () => {
    const { it, act, alert, since, due } = await alerted(open)
    const steps = [5, 15, 30].map((minutes) => NOW + minutes * MINUTE)
    for (const [i, at] of steps.entries()) {
      expect(await due(at - 1)).toEqual([])
      expect(await due(at)).toEqual(['u'])
      const deed = { action: 'ESCALATE', due: at, to: ['li', `${i}`] } as const
      expect(await act(deed, at, `step ${i}`)).toMatchObject({ kept: true })
      expect(await act(deed, at, `step ${i} of another`)).toMatchObject({ type: 'conflict' })
    }
    expect(await alert()).toMatchObject({
      status: 'OPEN',
      escalation: { since: NOW, step: 3, to: ['li', '0', '1', '2'], next: null },
      version: 1,
    })
    expect((await since()).map(([kind]) => kind)).toEqual(['ESCALATED', 'ESCALATED', 'ESCALATED'])
    expect(await due(NOW + DAY_MS)).toEqual([])
    await it.record({ riskLevel: 'IMMINENT', acceptedAt: NOW + HOUR })
    expect(await alert()).toMatchObject({ escalation: { step: 0, to: ['li', '0', '1', '2'], next: NOW + HOUR } })
  })

  test('an alert that was resolved goes when its time is over, with its history; before that, or resolved again since, it does not', async () => {
    const { it, alertId, act, resolve, alert, due } = await alerted(open)
    await it.tell(it.origin.policy({ alertsDays: 10 }))
    await resolve()
    const until = NOW + MINUTE + 10 * DAY_MS
    expect(await alert()).toMatchObject({ resolved: { until } })
    await it.record({ riskLevel: 'MEDIUM', acceptedAt: NOW + HOUR })
    expect(await act({ action: 'EXPIRE', due: until }, until)).toMatchObject({ type: 'conflict' })
    await resolve(NOW + 2 * HOUR)
    const later = NOW + 2 * HOUR + 10 * DAY_MS
    expect(await due(later - 1)).toEqual([])
    expect(await due(later)).toEqual(['u'])
    expect(await act({ action: 'EXPIRE', due: until }, until)).toMatchObject({ type: 'conflict' })
    expect(await act({ action: 'EXPIRE', due: later }, later, 'end')).toMatchObject({ type: 'applied', kept: true, alertId, removed: null })
    expect(await act({ action: 'EXPIRE', due: later }, later, 'end')).toMatchObject({ type: 'duplicate', alertId })
    expect(await act({ action: 'NOTE', actor: 'li', note: 'late' }, later)).toMatchObject({ type: 'conflict' })
    expect([await alert(), await it.alerts(), await it.history(alertId), await due(later)]).toEqual([null, [], [], []])
    expect(await it.ask({ kind: 'userAlerts', userId: 'u', page: ALL })).toMatchObject({ total: 0 })
    expect(await it.user()).toMatchObject({ totalChats: 2, totalRiskAlerts: 2 })
    await it.record({ riskLevel: 'HIGH', acceptedAt: later })
    const [next] = await it.alerts()
    expect(next?.id).not.toBe(alertId)
  })

  test('a policy that keeps alerts for ever has none of those go that are resolved under it', async () => {
    const { it, resolve, alert, due } = await alerted(open)
    await it.tell(it.origin.policy({ alertsDays: 0 }))
    await resolve()
    expect(await alert()).toMatchObject({ resolved: { until: null } })
    expect(await due(Number.MAX_SAFE_INTEGER)).toEqual([])
  })

  test('whoever was kept for an alert alone expires after it', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ profileDays: 30, alertsDays: 90 }, NOW - 100 * DAY_MS))
    const outcome = await it.record({ riskLevel: 'HIGH', acceptedAt: NOW - 95 * DAY_MS })
    const alertId = outcome.type === 'applied' ? (outcome.alertId ?? '') : ''
    await it.tell(it.origin.acted('u', { alertId, action: 'RESOLVE', actor: 'li', resolution: 'talked' }, NOW - 91 * DAY_MS))
    const deadline = NOW - 65 * DAY_MS
    await it.apply(it.origin.expired('u', deadline))
    expect((await it.store.sweep(NOW)).expiredUsers).toEqual([])
    await it.apply(it.origin.acted('u', { alertId, action: 'EXPIRE', due: NOW - DAY_MS }, NOW - DAY_MS))
    expect((await it.store.sweep(NOW)).expiredUsers).toEqual([{ userId: 'u', deadline }])
    await it.apply(it.origin.expired('u', deadline))
    expect(await it.user()).toBeNull()
  })

  test('whom an alert was escalated to is asked until somebody else acknowledges it, also while its acknowledgement holds, lapses, or it grows worse', async () => {
    const { it, act, acknowledge, alert } = await alerted(open)
    const asked = async () => (await alert())?.escalation.to
    await acknowledge('wang')
    await act({ action: 'ESCALATE', actor: 'wang', to: ['li', 'zhao'] }, NOW + 2 * MINUTE)
    await act({ action: 'ACKNOWLEDGE', actor: 'wang' }, NOW + 3 * MINUTE)
    const until = (await alert())?.acknowledged?.until ?? 0
    await act({ action: 'LAPSE', due: until }, until)
    await it.record({ riskLevel: 'IMMINENT', acceptedAt: until + MINUTE })
    expect(await asked()).toEqual(['li', 'zhao'])
    await it.apply(it.origin.assigned('u', 'chief', until + MINUTE))
    expect(await asked()).toEqual(['li', 'zhao'])
    await acknowledge('li', until + 2 * MINUTE)
    expect(await asked()).toEqual(['li'])
    await it.apply(it.origin.assigned('u', 'chief', until + 2 * MINUTE))
    expect(await asked()).toEqual([])
    await act({ action: 'RESOLVE', actor: 'li', resolution: 'talked' }, until + 3 * MINUTE)
    await it.record({ riskLevel: 'HIGH', acceptedAt: until + 4 * MINUTE })
    expect(await alert()).toMatchObject({ status: 'OPEN', escalation: { to: [] } })
  })

  test('an acknowledgement stops the escalation', async () => {
    const { act, acknowledge, alert } = await alerted(open)
    await act({ action: 'ESCALATE', due: NOW + 5 * MINUTE, to: ['li'] }, NOW + 5 * MINUTE)
    await acknowledge('li', NOW + 6 * MINUTE)
    expect(await act({ action: 'ESCALATE', due: NOW + 15 * MINUTE }, NOW + 15 * MINUTE)).toMatchObject({ type: 'conflict' })
    expect(await alert()).toMatchObject({ status: 'ACKNOWLEDGED', escalation: { step: 1, to: ['li'], next: null } })
  })

  test('whoever has an alert can call for help', async () => {
    const { act, acknowledge, alert, since } = await alerted(open)
    await acknowledge()
    expect(await act({ action: 'ESCALATE', actor: 'li', to: ['chief'], note: 'too much' })).toMatchObject({ kept: true })
    expect(await alert()).toMatchObject({ status: 'ACKNOWLEDGED', escalation: { step: 1, to: ['chief'], next: null } })
    expect((await since()).at(-1)).toEqual(['ESCALATED', 'li', 'too much'])
  })

  test('other times of triage are met by what happens from then on', async () => {
    const { it, acknowledge, alert } = await alerted(open)
    const { escalateAfterMinutes } = DEFAULT_TRIAGE
    const acknowledgedForMinutes = { MEDIUM: 1, HIGH: 2, IMMINENT: 3 }
    await it.tell(it.origin.policy({ triage: { escalateAfterMinutes: { ...escalateAfterMinutes, HIGH: [7] }, acknowledgedForMinutes } }))
    expect(await it.store.policy()).toMatchObject({ triage: { acknowledgedForMinutes } })
    expect(await alert()).toMatchObject({ escalation: { next: NOW + 5 * MINUTE } })
    await acknowledge()
    expect(await alert()).toMatchObject({ acknowledged: { until: NOW + 3 * MINUTE } })
  })
}
