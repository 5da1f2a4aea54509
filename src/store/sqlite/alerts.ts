import { hash } from 'node:crypto'
import { z } from 'zod'
import { type AlertEvent, type AlertEventKind, type RiskLevel, riskRank } from '../../model.ts'
import { AlertEventRow, countFrom, Rank, Status, Time } from './rows.ts'
import type { Sql } from './sql.ts'
import { type EventOf, expiryOf, type Step, tombstoneOf } from './state.ts'
import type { UserRecord } from './users.ts'

/** A risky conversation raises the user's alert, or adds to the unresolved one. Answers its id; the record is changed in place. */
export function signal(step: Step, user: UserRecord, event: EventOf<'recorded'>): string {
  return addTo(step, user, event) ?? raise(step, user, event)
}

function addTo(step: Step, user: UserRecord, event: EventOf<'recorded'>): string | null {
  const { openAlertId: id } = user
  const { riskLevel } = event.payload
  if (id === null) return null
  const alert = step.sql.get(
    OpenAlert,
    'SELECT level, status, occurrences, last_seen_at AS lastSeenAt, version FROM alerts WHERE id = ? AND user_id = ?',
    id,
    user.userId,
  )
  if (!alert) return null
  const before = user.openAlertLevel ?? alert.level
  const level = Math.max(before, riskRank(riskLevel))
  // All of it, so that what could not be read can be read again.
  step.sql.run(
    'UPDATE alerts SET level = ?, status = ?, occurrences = ?, last_seen_at = ?, version = ? WHERE id = ?',
    level,
    alert.status,
    alert.occurrences + 1,
    Math.max(alert.lastSeenAt, event.occurredAt),
    alert.version + (level > before ? 1 : 0),
    id,
  )
  user.openAlertLevel = level
  tell(step, event, id, 'OCCURRED', riskLevel)
  if (level > before) tell(step, event, id, 'LEVEL_RAISED', riskLevel)
  return id
}

function raise(step: Step, user: UserRecord, event: EventOf<'recorded'>): string {
  const { query, response, riskLevel } = event.payload
  const { occurredAt, acceptedAt } = event
  const id = alertIdOf(step, user)
  step.sql.run(
    `INSERT OR REPLACE INTO alerts (id, user_id, level, status, occurrences, raised_at, last_seen_at, conversation_id, exchange, version)
     VALUES (?, ?, ?, 'OPEN', 1, ?, ?, ?, ?, 1)`,
    id,
    user.userId,
    riskRank(riskLevel),
    acceptedAt,
    occurredAt,
    event.id,
    JSON.stringify({ occurredAt, query, response, riskLevel }),
  )
  user.openAlertId = id
  user.openAlertLevel = riskRank(riskLevel)
  user.alertsRaised += 1
  tell(step, event, id, 'RAISED', riskLevel)
  return id
}

/** The same wherever this alert is raised: it follows from the user, their last erasure or expiry, and how many alerts there were since. */
function alertIdOf(step: Step, user: UserRecord): string {
  const since = Math.max(tombstoneOf(step) ?? 0, expiryOf(step) ?? 0)
  return hash('sha1', `${user.userId}\0${since}\0${user.alertsRaised}`)
}

const OpenAlert = z.object({
  level: Rank.catch(0),
  status: Status,
  occurrences: countFrom(1),
  lastSeenAt: Time.catch(0),
  version: countFrom(1),
})
const NextPlace = z.object({ place: z.int() })

const eventIdOf = (event: EventOf<'recorded'>, alertId: string, kind: AlertEventKind, ordinal: number): string =>
  hash('sha1', `${event.id}\0${alertId}\0${kind}\0${ordinal}`)

/** The alert events that an event brought about when it was applied. */
export function eventsToldOf(sql: Sql, event: EventOf<'recorded'>, alertId: string): AlertEvent[] {
  const ids = [
    eventIdOf(event, alertId, 'RAISED', 0),
    eventIdOf(event, alertId, 'OCCURRED', 0),
    eventIdOf(event, alertId, 'LEVEL_RAISED', 1),
  ]
  return sql.all(
    AlertEventRow,
    'SELECT id, alert_id AS alertId, kind, at, actor, note, level FROM alert_events WHERE alert_id = ? AND id IN (?, ?, ?) ORDER BY place',
    alertId,
    ...ids,
  )
}

/** Adds to the alert's history, and to what the log entry carries. */
function tell(step: Step, event: EventOf<'recorded'>, alertId: string, kind: AlertEventKind, level: RiskLevel): void {
  const { sql, told } = step
  const id = eventIdOf(event, alertId, kind, told.length)
  told.push({ id, alertId, kind, at: event.acceptedAt, actor: null, note: null, level })
  const next = sql.get(
    NextPlace,
    'SELECT ifnull(max(place) + 1, 0) AS place FROM alert_events WHERE alert_id = ? AND place < 1e15',
    alertId,
  )
  sql.run(
    'INSERT INTO alert_events (alert_id, place, id, kind, at, level) VALUES (?, ?, ?, ?, ?, ?)',
    alertId,
    next?.place ?? 0,
    id,
    kind,
    event.acceptedAt,
    riskRank(level),
  )
}
