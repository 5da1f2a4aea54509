// 100,000 users in both stores, and what each question of a dashboard costs there.
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { Redis } from 'ioredis'
import * as z from 'zod'
import { RISK_LEVELS, USER_ORDERS } from '../src/model.ts'
import { openRedisStore } from '../src/store/redis/open.ts'
import { openSqliteStore } from '../src/store/sqlite/store.ts'
import type { Event, ReadRequest, Store, UserFilter } from '../src/store/store.ts'
import { Origin } from '../test/helpers/events.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { tempDir } from '../test/helpers/temp.ts'

const PlanRows = z.array(z.object({ detail: z.string() }))
const BATCH = 100
const ROUNDS = 3
const TRIES = 20
const COUNSELORS = 50
const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

const userOf = (i: number): string => `user-${String(i).padStart(6, '0')}`

/** Users of whom 1 in 20 is at risk and has an alert, and half are looked after; their last conversations spread over 30 days. */
function* events(users: number, now: number): Generator<Event> {
  const origin = new Origin('bench')
  for (let i = 0; i < users; i += 1) {
    const user = userOf(i)
    const riskLevel = i % 20 === 0 ? (RISK_LEVELS[2 + ((i / 20) % 3)] ?? 'HIGH') : 'LOW'
    const acceptedAt = now - ((i * 7919) % users) * ((30 * DAY_MS) / users)
    yield origin.recorded({ user, riskLevel, acceptedAt, topics: [`topic-${i % 30}`], query: 'q', response: 'r' })
    if (i % 2 === 0) yield origin.assigned(user, `counselor-${(i / 2) % COUNSELORS}`, acceptedAt + 1)
  }
}

async function fill(store: Store, users: number, now: number): Promise<void> {
  let batch: Event[] = []
  for (const event of events(users, now)) {
    batch.push(event)
    if (batch.length === BATCH) {
      const full = batch
      await patiently(() => store.append(full))
      batch = []
    }
  }
  await store.append(batch)
}

const FILTERS: Record<string, (now: number) => UserFilter> = {
  'no filter': () => ({}),
  'minRisk: HIGH': () => ({ minRisk: 'HIGH' }),
  'minRisk: LOW (everybody)': () => ({ minRisk: 'LOW' }),
  'attention: WATCH': () => ({ attention: 'WATCH' }),
  'attention: NONE': () => ({ attention: 'NONE' }),
  'attention: NEEDS_ATTENTION (nobody)': () => ({ attention: 'NEEDS_ATTENTION' }),
  'topics: two': () => ({ topics: ['topic-3', 'topic-4'] }),
  'activeSince: a day': (now) => ({ activeSince: now - DAY_MS }),
  'search: one in 1,000': () => ({ search: 'user-0420' }),
  'search: everybody': () => ({ search: 'user-' }),
  'hasOpenAlert: true': () => ({ hasOpenAlert: true }),
  'hasOpenAlert: false': () => ({ hasOpenAlert: false }),
  'counselorId (Counselor.users)': () => ({ counselor: 'counselor-7' }),
  'unassigned: true': () => ({ unassigned: true }),
  'minRisk: MEDIUM, unassigned: false, two topics': () => ({ minRisk: 'MEDIUM', unassigned: false, topics: ['topic-0', 'topic-20'] }),
}
const page = { take: 'first', limit: 50 } as const

function questions(now: number): [string, readonly ReadRequest[]][] {
  const middle = { ...page, after: [now - 15 * DAY_MS, userOf(50_000)] } as const
  return [
    ...Object.entries(FILTERS).map(([label, filterAt]): [string, readonly ReadRequest[]] => {
      const filter = filterAt(now)
      return [
        `users, ${label}`,
        USER_ORDERS.flatMap((order) => [page, middle].map((page) => ({ kind: 'users', order, filter, page }) as const)),
      ]
    }),
    ['riskAlerts', [{ kind: 'alerts', page }]],
    ['riskAlerts, status: OPEN, minLevel: HIGH', [{ kind: 'alerts', status: ['OPEN'], minLevel: 'HIGH', page }]],
    ['riskAlerts, assigneeId', [{ kind: 'alerts', assignee: 'counselor-10', page }]],
    ['riskAlerts, unassigned: true', [{ kind: 'alerts', unassigned: true, page }]],
    ['topics', [{ kind: 'topics', page }]],
    ['Topic.users', [{ kind: 'topicUsers', name: 'topic-3', page }]],
    ['overview', [{ kind: 'overview' }]],
  ]
}

export interface Cost {
  question: string
  /** Of the slowest of its orders and pages, in ms. */
  redisMs: number
  sqliteMs: number
  /** How many users Redis looked at, at most. */
  candidates: number
  /** How SQLite goes about it. */
  plan: string[]
}

/** What each question costs, over all orders and at the beginning and in the middle of them. */
export async function dashboardCosts(users: number): Promise<Cost[]> {
  const now = Date.now()
  const dir = tempDir()
  const server = await startRedis()
  const [redis, sqlite] = [await openRedisStore({ url: server.url }), await openSqliteStore({ path: join(dir.path, 'xinyi.db') })]
  const inspector = new Redis(server.url)
  const prepared = watchPrepared()
  try {
    // One after the other: SQLite holds the thread up, and Redis would seem not to answer.
    for (const store of [redis, sqlite]) await fill(store, users, now)
    const costs: Cost[] = []
    for (const [question, requests] of questions(now)) {
      const cost: Cost = { question, redisMs: 0, sqliteMs: 0, candidates: 0, plan: [] }
      for (const request of requests) {
        const before = await recordsRead(inspector)
        await patiently(() => redis.read([request], now))
        cost.candidates = Math.max(cost.candidates, (await recordsRead(inspector)) - before - 1)
        cost.redisMs = Math.max(cost.redisMs, await timeOf(() => redis.read([request], now)))
        prepared.clear()
        await sqlite.read([request], now)
        cost.plan = [...new Set([...cost.plan, ...prepared.plans()])]
        cost.sqliteMs = Math.max(cost.sqliteMs, await timeOf(() => sqlite.read([request], now)))
      }
      costs.push(cost)
    }
    return costs
  } finally {
    prepared.restore()
    inspector.disconnect()
    await Promise.all([redis.close(), sqlite.close()])
    await server.stop()
    dir.remove()
  }
}

/** On a busy machine Redis may take longer than a server waits for it; what is sent again is known by its number. */
async function patiently<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act()
    } catch (error) {
      if (tries === TRIES) throw error
    }
  }
}

async function timeOf(act: () => Promise<unknown>): Promise<number> {
  const took: number[] = []
  for (let i = 0; i < ROUNDS; i += 1) {
    await patiently(async () => {
      const began = performance.now()
      await act()
      took.push(performance.now() - began)
    })
  }
  return Math.min(...took)
}

/** How many users' records were ever read in this Redis: each is one HGET, and each question has one more. */
async function recordsRead(redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats')
  return Number(/^cmdstat_hget:calls=(\d+)/m.exec(stats)?.[1] ?? 0)
}

/** `SCAN users USING INDEX users_by_activity` as `scan users_by_activity`; null for what goes through no table. */
function stepOf(detail: string): string | null {
  const [, how, table, index] = /^(SEARCH|SCAN) (\w+)(?: USING (?:COVERING )?(?:INDEX (\w+)|PRIMARY KEY))?/.exec(detail) ?? []
  return how && table !== 'CONSTANT' ? `${how.toLowerCase()} ${index ?? table}` : null
}

/** Takes note of the statements that SQLite is given. */
function watchPrepared() {
  const { prepare } = Database.prototype
  const seen = new Map<string, Database.Database>()
  Database.prototype.prepare = function (this: Database.Database, sql: string) {
    seen.set(sql, this)
    return prepare.call(this, sql)
  } as typeof prepare
  const planOf = (sql: string, db: Database.Database): string[] => {
    const statement = prepare.call(db, `EXPLAIN QUERY PLAN ${sql}`)
    const nulls = Array.from({ length: sql.split('?').length - 1 }, () => null)
    return PlanRows.parse(statement.all(nulls)).flatMap(({ detail }) => stepOf(detail) ?? [])
  }
  return {
    clear: () => seen.clear(),
    plans: () => [...seen].flatMap(([sql, db]) => planOf(sql, db)),
    restore: () => {
      Database.prototype.prepare = prepare
    },
  }
}
