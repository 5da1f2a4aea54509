import { hash } from 'node:crypto'
import { z } from 'zod'
import { type AlertEventKind, type RiskLevel, riskRank } from '../../model.ts'
import { Rank } from './rows.ts'
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
  const before = user.openAlertLevel ?? step.sql.get(LevelRow, 'SELECT level FROM alerts WHERE id = ?', id)?.level ?? 0
  const level = Math.max(before, riskRank(riskLevel))
  const found = step.sql.run(
    'UPDATE alerts SET occurrences = occurrences + 1, last_seen_at = max(last_seen_at, ?), level = ?, version = version + ? WHERE id = ?',
    event.occurredAt,
    level,
    level > before ? 1 : 0,
    id,
  )
  if (found === 0) return null
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

const LevelRow = z.object({ level: Rank })
const NextPlace = z.object({ place: z.int() })

/** Adds to the alert's history, and to what the log entry carries. */
function tell(step: Step, event: EventOf<'recorded'>, alertId: string, kind: AlertEventKind, level: RiskLevel): void {
  const { sql, told } = step
  const id = hash('sha1', `${event.id}\0${alertId}\0${kind}\0${told.length}`)
  told.push({ id, alertId, kind, at: event.acceptedAt, actor: null, note: null, level })
  const next = sql.get(NextPlace, 'SELECT ifnull(max(place) + 1, 0) AS place FROM alert_events WHERE alert_id = ?', alertId)
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
