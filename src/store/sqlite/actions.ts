import type { AlertEvent, AlertEventKind, Holders, RiskAlert } from '../../model.ts'
import type { AlertAction, Event } from '../store.ts'
import { acknowledgedUntil, nextEscalation, resolvedUntil, waiting } from '../triage.ts'
import { loadAlert, saveAlert, tell } from './alerts.ts'
import { cameBefore, isSame, meetPolicies, remember, remembered } from './recorded.ts'
import { type EventOf, type Judged, newestLimits, type Step } from './state.ts'
import { countAlerts, loadUser, saveUser, touched, type UserRecord } from './users.ts'

/** Somebody, or the passing of time, does something about an alert. What somebody did too late stays in its history as a note. */
export function acted(step: Step, event: EventOf<'acted'>): Judged {
  const { sql, n } = step
  const { payload } = event
  if (payload.action === 'EXPIRE') return ended(step, event)
  const user = loadUser(sql, event.user)
  const alert = user && loadAlert(sql, payload.alertId, event.user)
  if (!alert) return { type: 'conflict', n }
  const before = knownBefore(step, event)
  if (before) return before
  const change = changeOf(alert, event, step)
  // What the passing of time no longer brings about is not worth a word.
  if (!change && payload.due !== null) return { type: 'conflict', n }
  meetPolicies(step, user, event.acceptedAt)
  const after = touched(user, n, event.acceptedAt)
  const { actor, note } = payload
  const about = { alertId: alert.id, actor }
  if (change) {
    saveAlert(sql, change.alert)
    tell(step, event, {
      ...about,
      kind: change.kind,
      level: alert.level,
      note,
      before: TAKING.has(change.kind) ? holdersOf(user, alert) : null,
    })
    if (change.alert.status === 'RESOLVED' && after.openAlertId === alert.id)
      Object.assign(after, { openAlertId: null, openAlertLevel: null })
  } else {
    tell(step, event, { ...about, kind: 'NOTED', level: alert.level, note: notCarriedOut(payload) })
  }
  saveUser(sql, after)
  remember(sql, event, '0', alert.id)
  return applied(n, alert.id, change !== null)
}

/** An alert that was resolved long ago goes, with its history. */
function ended(step: Step, event: EventOf<'acted'>): Judged {
  const { sql, n } = step
  const { alertId, due } = event.payload
  const user = loadUser(sql, event.user)
  if (!user) return { type: 'conflict', n }
  const before = knownBefore(step, event)
  if (before) return before
  const alert = loadAlert(sql, alertId, event.user)
  if (alert?.status !== 'RESOLVED' || due === null || alert.resolved?.until !== due) return { type: 'conflict', n }
  meetPolicies(step, user, event.acceptedAt)
  sql.run('DELETE FROM alerts WHERE id = ?', alertId)
  // Whoever was kept for their alerts alone expires after the last of them.
  const strippedAt = countAlerts(sql, event.user) > 0 ? user.strippedAt : null
  saveUser(sql, { ...touched(user, n, event.acceptedAt), strippedAt })
  remember(sql, event, '0', alertId)
  return applied(n, alertId, true)
}

/** A counselor is to look after the user, and their unresolved alert. */
export function assigned(step: Step, event: EventOf<'assigned'>): Judged {
  const { sql, n } = step
  const { counselor, actor, note } = event.payload
  const user = loadUser(sql, event.user)
  if (!user) return { type: 'conflict', n }
  const before = knownBefore(step, event)
  if (before) return before
  meetPolicies(step, user, event.acceptedAt)
  const alert = user.openAlertId === null ? null : loadAlert(sql, user.openAlertId, user.userId)
  if (alert) {
    const version = alert.version + (alert.assignee === counselor ? 0 : 1)
    // Whoever had it until then has it no more, also if it was escalated to them.
    const until = [user.counselor, alert.assignee].filter((sub) => sub !== counselor)
    const escalation = { ...alert.escalation, to: alert.escalation.to.filter((sub) => !until.includes(sub)) }
    saveAlert(sql, { ...alert, assignee: counselor, version, acknowledged: renewed(alert, event.acceptedAt, step), escalation })
    tell(step, event, { alertId: alert.id, kind: 'ASSIGNED', level: alert.level, actor, note, before: holdersOf(user, alert) })
  }
  saveUser(sql, { ...touched(user, n, event.acceptedAt), counselor })
  remember(sql, event, '0', alert?.id ?? null)
  return applied(n, alert?.id ?? null, true)
}

/** What may take an alert from somebody. */
const TAKING: ReadonlySet<AlertEventKind> = new Set(['ACKNOWLEDGED', 'RESOLVED'])

const holdersOf = ({ counselor }: UserRecord, { status, assignee, acknowledged, escalation }: RiskAlert): Holders => ({
  counselor,
  assignee,
  acknowledgedBy: (status === 'ACKNOWLEDGED' && acknowledged?.by) || null,
  escalatedTo: escalation.to,
})

interface Change {
  alert: RiskAlert
  kind: AlertEventKind
}

/** What an action makes of an alert; null where it comes too late. */
function changeOf(alert: RiskAlert, { acceptedAt: at, payload }: EventOf<'acted'>, step: Step): Change | null {
  const { action, version, actor, resolution, to, due } = payload
  if (version !== null && version !== alert.version) return null
  const { status, acknowledged, escalation, assignee } = alert
  const { triage } = newestLimits(step.policies)
  const isOpen = status !== 'RESOLVED'
  switch (action) {
    case 'NOTE':
      return { kind: 'NOTED', alert: actor === assignee ? { ...alert, acknowledged: renewed(alert, at, step) } : alert }
    case 'ACKNOWLEDGE': {
      if (!isOpen || actor === null) return null
      const isNew = status !== 'ACKNOWLEDGED' || assignee !== actor
      const until = acknowledgedUntil(triage, alert.level, at)
      return {
        kind: 'ACKNOWLEDGED',
        alert: {
          ...alert,
          status: 'ACKNOWLEDGED',
          assignee: actor,
          acknowledged: isNew || !acknowledged ? { by: actor, at, until } : { ...acknowledged, until: Math.max(until, acknowledged.until) },
          // Whoever else was called on need not care for it any more.
          escalation: { ...escalation, to: isNew ? escalation.to.filter((sub) => sub === actor) : escalation.to, next: null },
          version: alert.version + (isNew ? 1 : 0),
        },
      }
    }
    case 'RESOLVE': {
      if (!isOpen || actor === null) return null
      const resolved = { by: actor, at, resolution: resolution ?? '', until: resolvedUntil(newestLimits(step.policies), at) }
      return {
        kind: 'RESOLVED',
        alert: { ...alert, status: 'RESOLVED', resolved, escalation: { ...escalation, next: null }, version: alert.version + 1 },
      }
    }
    case 'ESCALATE': {
      if (due === null ? !isOpen : status !== 'OPEN' || escalation.next !== due) return null
      const taken = { since: escalation.since, step: escalation.step + 1 }
      const next = status === 'OPEN' ? nextEscalation(triage, alert.level, taken) : null
      return { kind: 'ESCALATED', alert: { ...alert, escalation: { ...taken, to: [...new Set([...escalation.to, ...to])], next } } }
    }
    case 'LAPSE':
      if (status !== 'ACKNOWLEDGED' || acknowledged?.until !== due) return null
      return { kind: 'LAPSED', alert: { ...alert, ...waiting(triage, alert.level, at, escalation.to), version: alert.version + 1 } }
    case 'EXPIRE':
      return null
  }
}

/** An acknowledgement that is in force holds on from now. */
function renewed({ status, level, acknowledged }: RiskAlert, at: number, { policies }: Step): RiskAlert['acknowledged'] {
  if (status !== 'ACKNOWLEDGED') return acknowledged
  const until = acknowledgedUntil(newestLimits(policies).triage, level, at)
  return acknowledged && { ...acknowledged, until: Math.max(until, acknowledged.until) }
}

/** The words in which an action that came too late stays in the history. */
const notCarriedOut = ({ action, note, resolution }: Pick<AlertAction, 'action' | 'note' | 'resolution'>): string =>
  [`not carried out: ${action}`, resolution, note].filter((text) => text !== null).join('; ')

/** Null where nothing is known of it from before. Every instance says what is due: nothing is lost with what comes twice of that. */
function knownBefore(step: Step, event: EventOf<'acted' | 'assigned'>): Judged | null {
  const known = remembered(step.sql, event)
  if (!known) return null
  if (!isSame(known, event)) return { type: 'duplicate', n: step.n, alertId: known.alertId }
  const judged = cameBefore(step, event, known)
  return judged.type === 'applied' ? { ...judged, kept: isCarriedOut(event, step.told) } : judged
}

/** Whether an event did what it was meant to, from the alert events that it brought about. */
export const isCarriedOut = (event: Event, told: readonly AlertEvent[]): boolean =>
  event.kind === 'acted'
    ? event.payload.action === 'NOTE' || event.payload.action === 'EXPIRE' || told.some(({ kind }) => kind !== 'NOTED')
    : event.kind === 'assigned' || event.kind === 'adopted'

const applied = (n: number, alertId: string | null, kept: boolean): Judged => ({ type: 'applied', n, kept, alertId, removed: null })
