import type { RiskLevel } from '../../../src/model.ts'
import type { AlertAction, Outcome } from '../../../src/store/store.ts'
import { MINUTE, NOW, type Said } from '../../helpers/events.ts'
import { given, type Open, type Subject } from './harness.ts'

type Deed = Partial<AlertAction> & Pick<AlertAction, 'action'>

/** A user `u` with an alert, and what may be done about it. */
export async function alerted(open: Open, riskLevel: RiskLevel = 'HIGH', more: Said = {}) {
  const it = await given(open)
  const outcome = await it.record({ riskLevel, ...more })
  const alertId = outcome.type === 'applied' ? (outcome.alertId ?? '') : ''
  const act = (deed: Deed, at = NOW + MINUTE, id?: string): Promise<Outcome> => it.tell(it.origin.acted('u', { alertId, ...deed }, at, id))
  return {
    it,
    alertId,
    act,
    acknowledge: (actor = 'li', at = NOW + MINUTE) => act({ action: 'ACKNOWLEDGE', actor }, at),
    resolve: (at = NOW + MINUTE) => act({ action: 'RESOLVE', actor: 'li', resolution: 'talked' }, at),
    alert: () => it.ask({ kind: 'alert', alertId }),
    /** [kind, actor, note] of what came after it was raised. */
    since: async () => (await it.history(alertId)).slice(1).map(({ kind, actor, note }) => [kind, actor, note]),
    due: (until: number) => dueAt(it, until),
  }
}

const dueAt = async (it: Subject, until: number) => (await it.ask({ kind: 'dueAlerts', until, limit: 10 })).map(({ userId }) => userId)
