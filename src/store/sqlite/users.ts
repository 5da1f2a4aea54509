import { z } from 'zod'
import { attentionOf } from '../../model.ts'
import { compareKeys, type Sources } from '../rules.ts'
import { Count, countFrom, json, levelOf, Rank, Time, UnsureTime, withCreation } from './rows.ts'
import type { Sql } from './sql.ts'

const Point = z.tuple([z.number(), z.string(), Rank])
type Point = z.infer<typeof Point>
const Counted = z.int().min(0)
const SourcesJson = z.record(z.string(), z.tuple([Counted, Counted, Counted, Counted]))

/** Field by field, so that one that can't be read never makes a new user of a known one. */
const UserRecordRow = z
  .object({
    userId: z.string(),
    /** Index of the last event applied. */
    rev: countFrom(0),
    createdAt: UnsureTime,
    lastActiveAt: UnsureTime,
    totalChats: countFrom(0),
    totalRiskAlerts: countFrom(0),
    /** The greatest acceptedAt applied. */
    acceptedAt: Time.catch(0),
    /** The least time of what was recorded, of acceptance or occurrence; 0 where that is not known. */
    oldestAt: Time.catch(0),
    /** The newest three points ever, newest first. */
    lastPoints: json(z.array(Point)).catch([]),
    alertsRaised: z.int().min(0).nullable().catch(null),
    openAlertId: z.string().nullable(),
    openAlertLevel: Rank.nullable().catch(null),
    strippedAt: UnsureTime,
    /** The newest UTC day on which the trend alone raised an alert. */
    trendDay: z.int().nullable().catch(null),
    counselor: z.string().nullable().catch(null),
    patched: z
      .int()
      .catch(1)
      .transform((flag) => flag !== 0),
    sources: json(SourcesJson)
      .nullable()
      .transform((sources): Sources => sources ?? {})
      .catch({}),
  })
  .transform(withCreation)
/** What the state machine knows of a user. */
export type UserRecord = z.infer<typeof UserRecordRow> & { alertsRaised: number }

const LOAD = `SELECT user_id AS userId, rev, created_at AS createdAt, last_active_at AS lastActiveAt, total_chats AS totalChats,
  total_risk_alerts AS totalRiskAlerts, accepted_at AS acceptedAt, oldest_at AS oldestAt, last_points AS lastPoints, alerts_raised AS alertsRaised,
  open_alert_id AS openAlertId, open_alert_level AS openAlertLevel, stripped_at AS strippedAt, trend_day AS trendDay, counselor, patched, sources
  FROM users WHERE user_id`

const SAVE = `INSERT INTO users (user_id, rev, created_at, last_active_at, total_chats, total_risk_alerts, accepted_at, oldest_at, last_points,
  alerts_raised, open_alert_id, open_alert_level, stripped_at, trend_day, counselor, patched, sources, current_risk, attention)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET rev = excluded.rev, created_at = excluded.created_at, last_active_at = excluded.last_active_at,
  total_chats = excluded.total_chats, total_risk_alerts = excluded.total_risk_alerts, accepted_at = excluded.accepted_at,
  oldest_at = excluded.oldest_at, last_points = excluded.last_points, alerts_raised = excluded.alerts_raised, open_alert_id = excluded.open_alert_id,
  open_alert_level = excluded.open_alert_level, stripped_at = excluded.stripped_at, trend_day = excluded.trend_day, counselor = excluded.counselor,
  patched = excluded.patched, sources = excluded.sources, current_risk = excluded.current_risk, attention = excluded.attention`

/** Null only for one who is not there. */
export function loadUser(sql: Sql, userId: string): UserRecord | null {
  const user = sql.get(UserRecordRow, `${LOAD} = ?`, userId)
  return user && { ...user, alertsRaised: user.alertsRaised ?? countAlerts(sql, userId) }
}

/** Those of them who are there, by their ids. */
export function loadUsers(sql: Sql, userIds: readonly string[]): Map<string, Omit<UserRecord, 'userId'>> {
  const found = sql.all(UserRecordRow, `${LOAD} IN (SELECT value FROM json_each(?))`, JSON.stringify(userIds))
  return new Map(
    found.map(({ userId, ...user }) => [userId, { ...user, alertsRaised: user.alertsRaised ?? countAlerts(sql, userId) }] as const),
  )
}

export const countAlerts = (sql: Sql, userId: string): number =>
  sql.get(Count, 'SELECT count(*) AS count FROM alerts WHERE user_id = ?', userId)?.count ?? 0

export const newUser = (userId: string, rev: number, occurredAt: number, acceptedAt: number): UserRecord => ({
  userId,
  rev,
  createdAt: occurredAt,
  lastActiveAt: occurredAt,
  totalChats: 0,
  totalRiskAlerts: 0,
  acceptedAt,
  oldestAt: Math.min(acceptedAt, occurredAt),
  lastPoints: [],
  alertsRaised: 0,
  openAlertId: null,
  openAlertLevel: null,
  strippedAt: null,
  trendDay: null,
  counselor: null,
  patched: false,
  sources: {},
})

export function saveUser(sql: Sql, user: UserRecord): void {
  const ranks = user.lastPoints.map(([, , rank]) => rank)
  sql.run(
    SAVE,
    user.userId,
    user.rev,
    user.createdAt,
    user.lastActiveAt,
    user.totalChats,
    user.totalRiskAlerts,
    user.acceptedAt,
    user.oldestAt,
    JSON.stringify(user.lastPoints),
    user.alertsRaised,
    user.openAlertId,
    user.openAlertLevel,
    user.strippedAt,
    user.trendDay,
    user.counselor,
    user.patched ? 1 : 0,
    Object.keys(user.sources).length > 0 ? JSON.stringify(user.sources) : null,
    Math.max(ranks[0] ?? 0, user.openAlertLevel ?? 0),
    attentionOf(ranks.map(levelOf)),
  )
}

/**
 * The users whom conversations change one after the other in one transaction: each is written once, and read no more. Whatever else is done to
 * the state has to find them written.
 */
export class OpenUsers {
  readonly #sql: Sql
  readonly #changed = new Map<string, UserRecord>()

  constructor(sql: Sql) {
    this.#sql = sql
  }

  load(userId: string): UserRecord | null {
    return this.#changed.get(userId) ?? loadUser(this.#sql, userId)
  }

  save(user: UserRecord): void {
    this.#changed.set(user.userId, user)
  }

  write(): void {
    for (const user of this.#changed.values()) saveUser(this.#sql, user)
    this.#changed.clear()
  }
}

/** The record as an event with this index and acceptedAt leaves it. It may be further on already, where it was taken over from Redis. */
export const touched = (user: UserRecord, rev: number, acceptedAt: number): UserRecord => ({
  ...user,
  rev: Math.max(user.rev, rev),
  acceptedAt: Math.max(user.acceptedAt, acceptedAt),
})

/** The newest three, with one more. */
export const withPoint = (points: readonly Point[], point: Point): Point[] =>
  [...points, point].sort((a, b) => compareKeys([b[0], b[1]], [a[0], a[1]])).slice(0, 3)
