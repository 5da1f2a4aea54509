import Database from 'better-sqlite3'
import { expect, test, vi } from 'vitest'
import { ALERT_STATUSES, ATTENTIONS, USER_ORDERS } from '../../src/model.ts'
import type { AlertFilter, ReadRequest, UserFilter } from '../../src/store/store.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { sqliteStore } from '../helpers/stores.ts'

const page = { take: 'first', limit: 50 } as const
const later = { ...page, after: [NOW, 'u1'] } as const

const USER_FILTERS: readonly UserFilter[] = [
  {},
  { minRisk: 'HIGH' },
  ...ATTENTIONS.map((attention) => ({ attention })),
  { topics: ['sleep', 'work'] },
  { activeSince: NOW },
  { search: 'u' },
  { hasOpenAlert: true },
  { counselor: 'c' },
  { unassigned: true },
  { minRisk: 'MEDIUM', hasOpenAlert: false, search: 'u' },
]
const ALERT_FILTERS: readonly AlertFilter[] = [
  {},
  ...ALERT_STATUSES.map((status) => ({ status: [status] })),
  { minLevel: 'HIGH' },
  { assignee: 'c' },
  { unassigned: true },
  { status: ['OPEN'], assignee: 'c' },
]
const QUESTIONS: readonly ReadRequest[] = [
  ...USER_ORDERS.flatMap((order) =>
    USER_FILTERS.flatMap((filter) => [page, later].map((page) => ({ kind: 'users', order, filter, page }) as const)),
  ),
  ...ALERT_FILTERS.flatMap((filter) => [page, later].map((page) => ({ kind: 'alerts', ...filter, page }) as const)),
  { kind: 'dueAlerts', until: NOW, limit: 100 },
  { kind: 'topics', page },
  { kind: 'topicUsers', name: 'sleep', page },
  { kind: 'topic', name: 'sleep' },
  { kind: 'overview' },
]

/** A walk through a table that nothing bounds; counting needs but the entries of an index. */
const isEndless = ({ sql, plan }: { sql: string; plan: readonly string[] }): boolean =>
  !/\bLIMIT\b/.test(sql) &&
  plan.some(
    (step) =>
      /^SCAN (users|alerts|conversations|emotions|user_topics|seen|log|journal)\b/.test(step) &&
      !(/count\(\*\)/.test(sql) && /COVERING INDEX/.test(step)),
  )

test('no question of a dashboard walks through all users or alerts, but to count them, in any order, with any filter and in any view', async () => {
  const prepare = vi.spyOn(Database.prototype, 'prepare')
  const { store } = await sqliteStore.open()
  const origin = new Origin()
  await store.append(Array.from({ length: 20 }, (_, i) => origin.recorded({ user: `u${i}`, riskLevel: 'HIGH', topics: ['sleep'] })))
  prepare.mockClear()
  for (const question of QUESTIONS) await store.read([question], NOW)
  const ofOne = QUESTIONS.filter(({ kind }) => kind !== 'dueAlerts')
  for (const question of ofOne) await store.read([question], NOW, { counselor: 'c' })
  const asked = prepare.mock.calls.map(([sql], i) => ({ sql, db: prepare.mock.contexts[i] as Database.Database }))
  prepare.mockRestore()
  expect(asked.length).toBeGreaterThan(40)
  const plans = asked.map(({ sql, db }) => {
    const rows = db.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
    return { sql, plan: rows.all(...Array.from({ length: sql.split('?').length - 1 }, () => null)).map(({ detail }) => detail) }
  })
  expect(plans.filter(isEndless)).toEqual([])
})
