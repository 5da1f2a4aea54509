import { hash } from 'node:crypto'
import { z } from 'zod'
import {
  ALERT_EVENT_KINDS,
  type AlertEvent,
  type AlertEventKind,
  DAY_MS,
  isRisky,
  type RiskAlert,
  type RiskLevel,
  riskRank,
} from '../../model.ts'
import type { Event } from '../store.ts'
import { dueAt, waiting } from '../triage.ts'
import { ALERT, ALERT_EVENT, AlertEventRow, AlertRow, levelOf } from './rows.ts'
import type { Sql } from './sql.ts'
import { type EventOf, expiryOf, newestLimits, type Step, tombstoneOf } from './state.ts'
import type { UserRecord } from './users.ts'

/** A signal so soon after an alert was resolved reopens that. */
const REOPENED_FOR_MS = DAY_MS
/** What was recorded later than this raises no alert, even where it is asked for. */
const LATE_MS = 7 * DAY_MS

/** A sign of risk raises the user's alert, or adds to the unresolved one. Answers its id; the record is changed in place. */
export function signal(step: Step, user: UserRecord, event: EventOf<'recorded'>, level: RiskLevel, note: string | null = null): string {
  return addTo(step, user, event, { level, note }) ?? raise(step, user, event, { level, note })
}

/** What happened days before it was recorded raises an alert only where that was asked for, and nobody is escalated to. Null: it does not. */
export function lateSignal(step: Step, user: UserRecord, event: EventOf<'recorded'>): string | null {
  const { acceptedAt, occurredAt, payload } = event
  const isAskedFor = payload.raisesLate && isRisky(payload.riskLevel) && acceptedAt - occurredAt <= LATE_MS
  if (!isAskedFor || user.openAlertId !== null || lastResolved(step.sql, user, acceptedAt)) return null
  return raise(step, user, event, { level: payload.riskLevel, note: null }, { isEscalated: false })
}

interface Sign {
  level: RiskLevel
  note: string | null
}

function addTo(step: Step, user: UserRecord, event: EventOf<'recorded'>, { level, note }: Sign): string | null {
  const { sql, policies } = step
  const alert = user.openAlertId === null ? lastResolved(sql, user, event.acceptedAt) : loadAlert(sql, user.openAlertId, user.userId)
  if (!alert) return null
  // All of it is written, so that what could not be read can be read again.
  const before = levelOf(user.openAlertLevel ?? riskRank(alert.level))
  const isHigher = riskRank(level) > riskRank(before)
  const isReopened = alert.status === 'RESOLVED' || (isHigher && alert.status === 'ACKNOWLEDGED')
  const after: RiskAlert = {
    ...alert,
    level: isHigher ? level : before,
    occurrences: alert.occurrences + 1,
    lastSeenAt: Math.max(alert.lastSeenAt, event.occurredAt),
  }
  if (isHigher || isReopened) {
    const to = alert.status === 'RESOLVED' ? [] : alert.escalation.to
    Object.assign(after, { ...waiting(newestLimits(policies).triage, after.level, event.acceptedAt, to), version: alert.version + 1 })
  }
  saveAlert(sql, after)
  user.openAlertId = alert.id
  user.openAlertLevel = riskRank(after.level)
  tell(step, event, { alertId: alert.id, kind: 'OCCURRED', level, note })
  if (isHigher) tell(step, event, { alertId: alert.id, kind: 'LEVEL_RAISED', level })
  if (isReopened) tell(step, event, { alertId: alert.id, kind: 'REOPENED', level: after.level })
  return alert.id
}

/** The user's newest alert, if it was resolved only just before. */
function lastResolved(sql: Sql, { userId }: UserRecord, at: number): RiskAlert | null {
  const newest = sql.get(AlertRow, `SELECT ${ALERT} FROM alerts WHERE user_id = ? ORDER BY number DESC LIMIT 1`, userId)
  return newest?.status === 'RESOLVED' && newest.resolved && at - newest.resolved.at <= REOPENED_FOR_MS ? newest : null
}

function raise(step: Step, user: UserRecord, event: EventOf<'recorded'>, { level, note }: Sign, { isEscalated = true } = {}): string {
  const { query, response, riskLevel, countsOnly } = event.payload
  const { occurredAt, acceptedAt } = event
  const id = alertIdOf(step, user)
  const begin = waiting(newestLimits(step.policies).triage, level, acceptedAt)
  insertAlert(step.sql, {
    id,
    userId: user.userId,
    level,
    occurrences: 1,
    raisedAt: acceptedAt,
    lastSeenAt: occurredAt,
    conversationId: event.id,
    trigger: countsOnly ? null : { occurredAt, query, response, riskLevel },
    version: 1,
    assignee: user.counselor,
    ...begin,
    escalation: { ...begin.escalation, next: isEscalated ? begin.escalation.next : null },
  })
  user.openAlertId = id
  user.openAlertLevel = riskRank(level)
  user.alertsRaised += 1
  tell(step, event, { alertId: id, kind: 'RAISED', level, note })
  return id
}

/** The same wherever this alert is raised: it follows from the user, their last erasure or expiry, and how many alerts there were since. */
function alertIdOf(step: Step, user: UserRecord): string {
  const since = Math.max(tombstoneOf(step) ?? 0, expiryOf(step) ?? 0)
  return hash('sha1', `${user.userId}\0${since}\0${user.alertsRaised}`)
}

/** Null for one that is not there, or is of another user. */
export const loadAlert = (sql: Sql, id: string, userId: string): RiskAlert | null =>
  sql.get(AlertRow, `SELECT ${ALERT} FROM alerts WHERE id = ? AND user_id = ?`, id, userId)

export const orJson = (value: object | null): string | null => value && JSON.stringify(value)

export function saveAlert(sql: Sql, alert: RiskAlert): void {
  sql.run(
    `UPDATE alerts SET level = ?, status = ?, occurrences = ?, last_seen_at = ?, version = ?, assignee = ?, acknowledged = ?, resolved = ?,
     escalation = ?, due = ? WHERE id = ?`,
    ...[riskRank(alert.level), alert.status, alert.occurrences, alert.lastSeenAt, alert.version, alert.assignee],
    ...[orJson(alert.acknowledged), orJson(alert.resolved), JSON.stringify(alert.escalation), dueAt(alert), alert.id],
  )
  sql.run('DELETE FROM alert_calls WHERE alert_id = ?', alert.id)
  if (alert.status === 'RESOLVED') return
  const call = 'INSERT OR IGNORE INTO alert_calls (sub, alert_id, user_id) VALUES (?, ?, ?)'
  for (const sub of alert.escalation.to) sql.run(call, sub, alert.id, alert.userId)
}

export function insertAlert(sql: Sql, alert: RiskAlert): void {
  sql.run(
    'INSERT OR REPLACE INTO alerts (id, user_id, level, status, occurrences, raised_at, last_seen_at, conversation_id, exchange, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ...[alert.id, alert.userId, riskRank(alert.level), alert.status, alert.occurrences, alert.raisedAt, alert.lastSeenAt],
    ...[alert.conversationId, orJson(alert.trigger), alert.version],
  )
  saveAlert(sql, alert)
}

const NextPlace = z.object({ place: z.int() })

const eventIdOf = ({ id }: Event, alertId: string, kind: AlertEventKind, ordinal: number): string =>
  hash('sha1', `${id}\0${alertId}\0${kind}\0${ordinal}`)

/** One event brings about so many alert events at most. */
const MOST_TOLD = 3

/** The alert events that an event brought about when it was applied. */
export function eventsToldOf(sql: Sql, event: Event, alertId: string): AlertEvent[] {
  const ids = ALERT_EVENT_KINDS.flatMap((kind) => Array.from({ length: MOST_TOLD }, (_, i) => eventIdOf(event, alertId, kind, i)))
  return sql.all(
    AlertEventRow,
    `SELECT ${ALERT_EVENT} FROM alert_events WHERE alert_id = ? AND id IN (SELECT value FROM json_each(?)) ORDER BY place`,
    alertId,
    JSON.stringify(ids),
  )
}

/** Adds to the alert's history, and to what the log entry carries. */
export function tell(
  step: Step,
  event: Event,
  {
    actor = null,
    note = null,
    before = null,
    ...said
  }: Pick<AlertEvent, 'alertId' | 'kind' | 'level'> & Partial<Pick<AlertEvent, 'actor' | 'note' | 'before'>>,
): void {
  const { sql, told } = step
  const { alertId, kind, level } = said
  const id = eventIdOf(event, alertId, kind, told.length)
  told.push({ id, alertId, kind, at: event.acceptedAt, actor, note, level, before })
  const next = sql.get(
    NextPlace,
    'SELECT ifnull(max(place) + 1, 0) AS place FROM alert_events WHERE alert_id = ? AND place < 1e15',
    alertId,
  )
  sql.run(
    'INSERT INTO alert_events (alert_id, place, id, kind, at, actor, note, level, holders) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ...[alertId, next?.place ?? 0, id, kind, event.acceptedAt, actor, note, riskRank(level), orJson(before)],
  )
}
