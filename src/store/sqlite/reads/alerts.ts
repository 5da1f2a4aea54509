import { z } from 'zod'
import {
  ALERT_LEVELS,
  ALERT_STATUSES,
  type AlertCount,
  type AlertEvent,
  type AlertStatus,
  DAY_MS,
  type Overview,
  type RiskAlert,
  type RiskLevel,
} from '../../../model.ts'
import { alertOrder, compareKeys } from '../../rules.ts'
import type { Page, Reads, Slice } from '../../store.ts'
import { type Ordering, slice, walkMatching } from '../pages.ts'
import { ALERT, ALERT_EVENT, AlertEventRow, AlertRow, UnsureTime } from '../rows.ts'
import type { Fragment, Sql } from '../sql.ts'
import type { Moment } from './lists.ts'
import type { Sight } from './view.ts'

export const alert = (sql: Sql, { alertId }: Reads['alert']['ask']): RiskAlert | null =>
  sql.get(AlertRow, `SELECT ${ALERT} FROM alerts WHERE id = ?`, alertId)

export function alerts(sql: Sql, { page, ...filter }: Reads['alerts']['ask'], { sight }: Moment): Slice<RiskAlert> {
  const { status, minLevel, assignee, unassigned } = filter
  const where: Fragment[] = []
  if (minLevel !== undefined) where.push({ sql: 'place < ?', params: [endOfLevel(minLevel)] })
  if (assignee !== undefined) where.push({ sql: 'assignee = ?', params: [assignee] })
  if (unassigned !== undefined) where.push({ sql: `assignee IS ${unassigned ? '' : 'NOT '}NULL`, params: [] })
  if (sight) return alertsInSight(sql, { status, where, page }, sight)
  if (status === undefined) return slice(sql, mostSevereFirst(where), page, where.length === 0)
  const slices = [...new Set(status)].map((one) => slice(sql, mostSevereFirst([ofStatus([one]), ...where]), page, false))
  return merged(slices, page)
}

interface Narrowed {
  status: readonly AlertStatus[] | undefined
  where: readonly Fragment[]
  page: Page
}

/** Those of the people in sight, where these are few enough; else those who own the alerts are looked at, in the order of these. */
function alertsInSight(sql: Sql, { status, where, page }: Narrowed, sight: Sight): Slice<RiskAlert> {
  if (sight.isWhole) {
    const from = { sql: `(${sight.people.sql}) CROSS JOIN alerts ON user_id = candidate`, params: sight.people.params }
    const ofPeople = { ...mostSevereFirst(status === undefined ? where : [ofStatus(status), ...where]), from }
    return slice(sql, ofPeople, page, status === undefined && where.length === 0)
  }
  const owned = `EXISTS (SELECT 1 FROM users WHERE users.user_id = walked.user_id AND (${sight.seen.sql}))`
  const walked = mostSevereFirst([...where, { sql: owned, params: sight.seen.params }])
  return walkMatching(sql, walked, page, status && [...new Set(status)].map((one) => ofStatus([one])))
}

const ofStatus = (status: readonly AlertStatus[]): Fragment => ({ sql: `status IN (${status.map(() => '?').join()})`, params: status })

/** Where the alerts of a level, and of those above it, end: the place where the next level below begins. */
const endOfLevel = (level: RiskLevel): number => alertOrder(level, 1e13)

/** One page out of the pages of several orderings that share their keys. */
function merged<T>(slices: readonly Slice<T>[], { take, limit }: Reads['alerts']['ask']['page']): Slice<T> {
  const all = slices.flatMap(({ items }) => items).sort((a, b) => compareKeys(a.key, b.key))
  const isCut = all.length > limit
  return {
    items: take === 'first' ? all.slice(0, limit) : all.slice(Math.max(0, all.length - limit)),
    hasPrevious: slices.some(({ hasPrevious }) => hasPrevious) || (isCut && take === 'last'),
    hasNext: slices.some(({ hasNext }) => hasNext) || (isCut && take === 'first'),
    total: null,
    resume: null,
  }
}

const mostSevereFirst = (where: readonly Fragment[]): Ordering<RiskAlert> => ({
  columns: ALERT,
  from: { sql: 'alerts', params: [] },
  where,
  sort: 'place',
  id: 'id',
  descending: false,
  row: AlertRow,
})

export function userAlerts(sql: Sql, { userId, status, page }: Reads['userAlerts']['ask']): Slice<RiskAlert> {
  const where: Fragment[] = [{ sql: 'user_id = ?', params: [userId] }]
  if (status !== undefined) where.push(ofStatus(status))
  return slice(sql, { ...mostSevereFirst(where), sort: 'raised_at', descending: true }, page, status === undefined)
}

export const alertHistory = (sql: Sql, { alertId, page }: Reads['alertHistory']['ask']): Slice<AlertEvent> =>
  slice(
    sql,
    {
      columns: ALERT_EVENT,
      from: { sql: 'alert_events', params: [] },
      where: [{ sql: 'alert_id = ?', params: [alertId] }],
      sort: 'place',
      id: 'id',
      descending: false,
      row: AlertEventRow,
    },
    page,
    true,
  )

export const dueAlerts = (sql: Sql, { until, limit }: Reads['dueAlerts']['ask']): RiskAlert[] =>
  sql.all(AlertRow, `SELECT ${ALERT} FROM alerts WHERE due <= ? ORDER BY due, id LIMIT ?`, until, limit)

const OverviewRow = z.object({
  users: z.int(),
  activeUsers: z.int(),
  openAlerts: z.int(),
  unassignedHigh: z.int(),
  oldestOpenRaisedAt: UnsureTime,
})

export const overview = (sql: Sql, _: Reads['overview']['ask'], { now, sight }: Moment): Overview => {
  const since = now - DAY_MS
  return OverviewRow.parse((sight ? overviewOf(sql, sight.people, since) : overviewOfAll(sql, since))[0])
}

const CountRow = z.object({ count: z.int() })

export const alertCounts = (sql: Sql): AlertCount[] =>
  ALERT_LEVELS.flatMap((level) =>
    ALERT_STATUSES.map((status) => {
      const end = endOfLevel(level)
      const found = sql.get(
        CountRow,
        'SELECT count(*) AS count FROM alerts WHERE status = ? AND place >= ? AND place < ?',
        status,
        end - 1e13,
        end,
      )
      return { level, status, count: found?.count ?? 0 }
    }),
  )

const overviewOf = (sql: Sql, people: Fragment, since: number): unknown[] =>
  sql.rows(
    `SELECT count(*) AS users, total(active_order >= ? AND last_active_at IS NOT NULL) AS activeUsers, total(status = 'OPEN') AS openAlerts,
       total(status IN ('OPEN', 'ACKNOWLEDGED') AND place < ? AND assignee IS NULL) AS unassignedHigh,
       min(iif(status = 'OPEN', raised_at, NULL)) AS oldestOpenRaisedAt
     FROM (${people.sql}) CROSS JOIN users ON users.user_id = candidate LEFT JOIN alerts ON alerts.id = open_alert_id`,
    since,
    endOfLevel('HIGH'),
    ...people.params,
  )

const overviewOfAll = (sql: Sql, since: number): unknown[] =>
  sql.rows(
    `SELECT (SELECT count(*) FROM users) AS users,
        (SELECT count(*) FROM users WHERE active_order >= ? AND last_active_at IS NOT NULL) AS activeUsers,
        (SELECT count(*) FROM alerts WHERE status = 'OPEN') AS openAlerts,
        (SELECT count(*) FROM alerts WHERE status IN ('OPEN', 'ACKNOWLEDGED') AND place < ? AND assignee IS NULL) AS unassignedHigh,
        (SELECT min(raised_at) FROM alerts WHERE status = 'OPEN') AS oldestOpenRaisedAt`,
    since,
    endOfLevel('HIGH'),
  )
