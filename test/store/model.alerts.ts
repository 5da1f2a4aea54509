import { createHash } from 'node:crypto'
import {
  type AlertEvent,
  type AlertEventKind,
  DAY_MS,
  type Holders,
  type Limits,
  type RiskAlert,
  type RiskLevel,
  riskRank,
} from '../../src/model.ts'
import type { AlertAction, Event } from '../../src/store/store.ts'

/** The life of alerts, for the model. */

export interface Held {
  alert: RiskAlert
  history: AlertEvent[]
}

interface Owner {
  counselor: string | null
  raised: number
  alerts: Held[]
}

export const sha1 = (...parts: (string | number)[]): string => createHash('sha1').update(parts.join('\0')).digest('hex')
const MINUTE = 60_000
const grave = (level: RiskLevel) => (level === 'HIGH' || level === 'IMMINENT' ? level : 'MEDIUM')

export class AlertBook {
  readonly #limits: Limits | undefined
  readonly #event: Event
  readonly told: AlertEvent[]

  constructor(event: Event, limits: Limits | undefined, told: AlertEvent[]) {
    this.#event = event
    this.#limits = limits
    this.told = told
  }

  static unresolved = ({ alerts }: Owner): Held | undefined => alerts.find(({ alert }) => alert.status !== 'RESOLVED')

  lateSignal(owner: Owner, since: number, level: RiskLevel): string | null {
    if (this.#held(owner)) return null
    const id = this.signal(owner, since, level, null)
    const raised = owner.alerts.at(-1)
    if (raised) raised.alert.escalation.next = null
    return id
  }

  #held(owner: Owner): Held | undefined {
    const last = owner.alerts.at(-1)
    const reopens = last?.alert.resolved && this.#event.acceptedAt - last.alert.resolved.at <= DAY_MS ? last : undefined
    return AlertBook.unresolved(owner) ?? reopens
  }

  signal(owner: Owner, since: number, level: RiskLevel, note: string | null): string {
    if (this.#event.kind !== 'recorded') throw new Error('no conversation')
    const { id, user, acceptedAt, occurredAt, payload } = this.#event
    const held = this.#held(owner)
    if (!held) {
      const alertId = sha1(user, since, owner.raised)
      const { query, response, riskLevel, countsOnly } = payload
      const alert: RiskAlert = {
        ...{
          id: alertId,
          userId: user,
          level,
          occurrences: 1,
          raisedAt: acceptedAt,
          lastSeenAt: occurredAt,
          conversationId: id,
          version: 1,
        },
        trigger: countsOnly ? null : { occurredAt, query, response, riskLevel },
        assignee: owner.counselor,
        ...this.#waiting(level, acceptedAt),
      }
      const raised = { alert, history: [] }
      owner.alerts.push(raised)
      owner.raised += 1
      this.#tell(raised, 'RAISED', { level, note })
      return alertId
    }
    const { alert } = held
    const higher = riskRank(level) > riskRank(alert.level)
    const again = alert.status === 'RESOLVED' || (higher && alert.status === 'ACKNOWLEDGED')
    held.alert = { ...alert, occurrences: alert.occurrences + 1, lastSeenAt: Math.max(alert.lastSeenAt, occurredAt) }
    if (higher) held.alert.level = level
    if (higher || again) held.alert = { ...held.alert, ...this.#waiting(held.alert.level, acceptedAt, alert), version: alert.version + 1 }
    this.#tell(held, 'OCCURRED', { level, note })
    if (higher) this.#tell(held, 'LEVEL_RAISED', { level })
    if (again) this.#tell(held, 'REOPENED', {})
    return alert.id
  }

  /** Whether it was carried out; null where nothing at all comes of it. */
  act(held: Held, action: AlertAction, counselor: string | null): boolean | null {
    const { alert } = held
    const before = AlertBook.#holders(held, counselor)
    const { actor, note, due } = action
    const kind = action.version !== null && action.version !== alert.version ? null : this.#change(held, action)
    if (kind === null && due !== null) return null
    const late = [`not carried out: ${action.action}`, ...[action.resolution, note].flatMap((text) => text ?? [])].join('; ')
    this.#tell(held, kind ?? 'NOTED', {
      ...{ level: alert.level, actor, note: kind ? note : late },
      before: kind === 'ACKNOWLEDGED' || kind === 'RESOLVED' ? before : null,
    })
    return kind !== null
  }

  assign(
    held: Held,
    { counselor, actor, note }: { counselor: string | null; actor: string | null; note: string | null },
    until: string | null,
  ): void {
    const { alert } = held
    const before = AlertBook.#holders(held, until)
    const to = alert.escalation.to.filter((sub) => sub === counselor || (sub !== until && sub !== alert.assignee))
    const version = alert.version + Number(alert.assignee !== counselor)
    held.alert = { ...alert, assignee: counselor, version, escalation: { ...alert.escalation, to } }
    this.#renew(held)
    this.#tell(held, 'ASSIGNED', { actor, note, before })
  }

  static #holders({ alert: { status, assignee, acknowledged, escalation } }: Held, counselor: string | null): Holders {
    const acknowledgedBy = status === 'ACKNOWLEDGED' && acknowledged ? acknowledged.by : null
    return { counselor, assignee, acknowledgedBy, escalatedTo: escalation.to }
  }

  #change(held: Held, { action, actor, resolution, to, due }: AlertAction): AlertEventKind | null {
    const { alert } = held
    const { status, escalation, version } = alert
    const { acceptedAt: at } = this.#event
    if (action === 'NOTE') {
      if (actor === alert.assignee) this.#renew(held)
      return 'NOTED'
    }
    if (status === 'RESOLVED') return null
    if (action === 'LAPSE') {
      if (status !== 'ACKNOWLEDGED' || due === null || alert.acknowledged?.until !== due) return null
      held.alert = { ...alert, ...this.#waiting(alert.level, at, alert), version: version + 1 }
      return 'LAPSED'
    }
    if (action === 'ESCALATE') {
      if (due !== null && (status !== 'OPEN' || escalation.next !== due)) return null
      const step = escalation.step + 1
      const next = status === 'OPEN' ? this.#next(alert.level, escalation.since, step) : null
      held.alert = { ...alert, escalation: { since: escalation.since, step, to: [...new Set([...escalation.to, ...to])], next } }
      return 'ESCALATED'
    }
    if (actor === null) return null
    const quiet = { ...escalation, next: null }
    if (action === 'RESOLVE') {
      const days = this.#limits?.alertsDays
      const resolved = { by: actor, at, resolution: resolution ?? '', until: days ? at + days * DAY_MS : null }
      held.alert = { ...alert, status: 'RESOLVED', resolved, escalation: quiet, version: version + 1 }
      return 'RESOLVED'
    }
    const isSame = status === 'ACKNOWLEDGED' && alert.assignee === actor
    held.alert = { ...alert, status: 'ACKNOWLEDGED', assignee: actor, escalation: quiet, version: version + Number(!isSame) }
    if (!isSame) held.alert.acknowledged = { by: actor, at, until: 0 }
    if (!isSame) held.alert.escalation = { ...quiet, to: quiet.to.filter((sub) => sub === actor) }
    if (!isSame && held.alert.acknowledged) held.alert.acknowledged.until = this.#until(alert.level)
    this.#renew(held)
    return 'ACKNOWLEDGED'
  }

  #renew(held: Held): void {
    const { status, acknowledged, level } = held.alert
    if (status !== 'ACKNOWLEDGED' || !acknowledged) return
    held.alert = { ...held.alert, acknowledged: { ...acknowledged, until: Math.max(acknowledged.until, this.#until(level)) } }
  }

  #until(level: RiskLevel): number {
    return (
      this.#event.acceptedAt +
      (this.#limits?.triage.acknowledgedForMinutes ?? { MEDIUM: 240, HIGH: 30, IMMINENT: 10 })[grave(level)] * MINUTE
    )
  }

  #next(level: RiskLevel, since: number, step: number): number | null {
    const table = this.#limits?.triage.escalateAfterMinutes ?? { MEDIUM: [60, 240], HIGH: [5, 15, 30], IMMINENT: [0, 2, 5] }
    const minutes = table[grave(level)][step]
    return minutes === undefined ? null : since + minutes * MINUTE
  }

  #waiting(level: RiskLevel, since: number, before?: RiskAlert): Pick<RiskAlert, 'status' | 'acknowledged' | 'resolved' | 'escalation'> {
    const to = before && before.status !== 'RESOLVED' ? before.escalation.to : []
    const escalation = { since, step: 0, to, next: this.#next(level, since, 0) }
    return { status: 'OPEN', acknowledged: null, resolved: null, escalation }
  }

  #tell(
    held: Held,
    kind: AlertEventKind,
    { level = held.alert.level, actor = null, note = null, before = null }: Partial<AlertEvent>,
  ): void {
    const { id, acceptedAt: at } = this.#event
    const alertId = held.alert.id
    const event = { id: sha1(id, alertId, kind, this.told.length), alertId, kind, at, actor, note, level, before }
    this.told.push(event)
    held.history.push(event)
  }
}
