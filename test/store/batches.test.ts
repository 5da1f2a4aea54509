import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { Replica } from '../../src/store/sqlite/replica/replica.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { AlertAction, Appended, Event, LogEntry, Outcome, Store } from '../../src/store/store.ts'
import { HOUR, NOW, Origin, type Said } from '../helpers/events.ts'
import { emptyRedis } from '../helpers/stores.ts'
import { tempDir } from '../helpers/temp.ts'
import { ALL, snapshot } from './contract/harness.ts'

const user = fc.constantFrom('a', 'a', 'a', '\u{10000}')
const id = fc.constantFrom('1', '2', '3', '4', '\uff61')
const counselor = fc.constantFrom('li', 'wang', null)
const few = fc.constantFrom(0, 1, 2, 3)
const ago = fc.constantFrom(0, 0, 0, 1, HOUR, DAY_MS + 1, 4 * DAY_MS, 9 * DAY_MS)
const topics = fc.uniqueArray(fc.constantFrom('t', 'u', '\uff61'), { maxLength: 2 })
const had = fc.record({
  totalChats: few,
  totalRiskAlerts: few,
  createdAt: fc.constantFrom(null, NOW - DAY_MS),
  lastActiveAt: fc.constantFrom(null, NOW - HOUR),
  topics,
})
const limits = fc.record({
  conversations: few,
  conversationsDays: few,
  emotions: few,
  emotionsDays: few,
  profileDays: fc.constantFrom(0, 1, 1, 2),
  alertsDays: few,
})
const action = fc.constantFrom<AlertAction['action']>('ACKNOWLEDGE', 'RESOLVE', 'RESOLVE', 'ESCALATE', 'NOTE', 'LAPSE', 'EXPIRE')
const removal = fc.constantFrom('cleared' as const, 'expired' as const, 'erased' as const, 'erased before' as const)
const plain: Said = { query: 'one', response: '', topics: ['t'] }
const said = fc.constantFrom<Said>(
  ...[plain, plain, plain, { ...plain, query: 'two' }, { ...plain, topics: ['t', '\uff61'] }, { ...plain, source: 'sqlite' }],
  { ...plain, riskLevel: 'MEDIUM', topics: [] },
  { ...plain, riskLevel: 'HIGH', raisesLate: true },
  { ...plain, riskLevel: 'IMMINENT', topics: ['u'] },
  { ...plain, riskLevel: 'HIGH', raisesLate: true, countsOnly: true },
  { ...plain, source: 'sqlite', countsOnly: true },
)

const act = fc.oneof(
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('recorded' as const), user, id, ago, said }) },
  { weight: 4, arbitrary: fc.record({ kind: removal, user }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('acted' as const), user, action, actor: counselor, isDue: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('assigned' as const), user, counselor }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('adopted' as const), user, id, had }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('policy' as const), limits }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('joined' as const, 'void' as const, 'gap' as const) }) },
)
/** Mostly forward, sometimes by more than the week for which ids are known. */
const pause = fc.constantFrom(0, 0, 0, 1, 1, HOUR, HOUR, DAY_MS, 8 * DAY_MS, -HOUR)
const isLast = fc.constantFrom(true, false, false, false, false)
const history = fc
  .array(fc.record({ act, pause, isLast }), { minLength: 2, maxLength: 40, size: 'max' })
  .map((steps) => steps.map((step, i) => ({ ...step, clock: steps.slice(0, i + 1).reduce((at, { pause }) => at + pause, NOW) })))
type Step = typeof history extends fc.Arbitrary<(infer T)[]> ? T : never

async function eventOf({ act, clock }: Step, origin: Origin, store: Store): Promise<Event> {
  switch (act.kind) {
    case 'recorded':
      return origin.recorded({ ...act.said, user: act.user, id: act.id, acceptedAt: clock, occurredAt: clock - act.ago })
    case 'acted':
      return aboutAlert(act, clock, origin, store)
    case 'assigned':
      return origin.assigned(act.user, act.counselor, clock)
    case 'adopted':
      return origin.adopted(act.user, act.had, clock, act.id)
    case 'policy':
      return origin.policy(act.limits, clock)
    case 'joined':
      return origin.joined({ sub: 'li', name: 'Li', role: 'COUNSELOR' }, clock)
    case 'void':
      return origin.voided(clock)
    case 'gap':
      return { ...origin.voided(clock), seq: origin.seq-- + 1 }
    case 'expired':
      return origin.expired(act.user, clock + 3 * DAY_MS)
    case 'erased before':
      return { ...origin.erased(act.user, clock), payload: { reason: 'asked for', upTo: NOW - 9 * DAY_MS } } as Event
    default:
      return origin[act.kind](act.user, clock)
  }
}

/** About the newest alert, as often as not when something is due. */
async function aboutAlert(act: Extract<Step['act'], { kind: 'acted' }>, clock: number, origin: Origin, store: Store): Promise<Event> {
  const { answers } = await store.read([{ kind: 'userAlerts', userId: act.user, page: ALL }], clock)
  const alert = answers[0].items.at(-1)?.value
  const deadline = alert?.resolved?.until ?? alert?.acknowledged?.until ?? alert?.escalation.next ?? null
  const due = act.isDue || act.action === 'LAPSE' || act.action === 'EXPIRE' ? deadline : null
  const what = { alertId: alert?.id ?? 'ab', action: act.action, actor: due ? null : act.actor, due, to: due ? [] : ['li'] }
  return origin.acted(act.user, what, due ?? clock)
}

/** What a store deleted physically is its own affair. */
const comparable = (outcome: Outcome): Outcome =>
  outcome.type === 'applied' && outcome.removed ? { ...outcome, removed: { ...outcome.removed, redisKeys: null, sqliteRows: 0 } } : outcome

const outcomesOf = (answers: readonly Appended[]): Outcome[] => answers.flatMap(({ outcomes }) => outcomes)

/** A user's record has an object in it, of which the order says nothing. */
const legible = (value: string): unknown => (value.startsWith('{"rev"') ? JSON.parse(value) : value)

/** Everything in Redis, without the order of what has none. */
async function keysIn(redis: Redis): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>()
  for (const key of (await redis.keys('*')).sort()) {
    const type = await redis.type(key)
    const values = {
      string: () => redis.get(key),
      list: () => redis.lrange(key, 0, -1),
      set: async () => (await redis.smembers(key)).sort(),
      zset: () => redis.zrange(key, 0, '-1', 'WITHSCORES'),
      stream: () => redis.xrange(key, '-', '+'),
      hash: async () =>
        Object.entries(await redis.hgetall(key))
          .map(([name, value]) => [name, legible(value)])
          .sort(),
    }[type]
    found.set(key, [type, await values?.(), await redis.pexpiretime(key)])
  }
  return found
}

/** Everything in a data file. */
function rowsIn(path: string): Map<string, string[]> {
  const db = new Database(path, { readonly: true })
  const tables = db.prepare<[], { name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").all()
  const rowsOf = (name: string) => db.prepare(`SELECT * FROM "${name}"`).all()
  const found = new Map(
    tables.map(({ name }) => [
      name,
      rowsOf(name)
        .map((row) => JSON.stringify(row))
        .sort(),
    ]),
  )
  db.close()
  return found
}

/** What a replica has in common with a store that orders the log itself. */
const same = (rows: Map<string, string[]>) =>
  new Map([...rows].filter(([name]) => !['meta', 'lineage', 'tombstones', 'expiries', 'unnoted', 'log'].includes(name)))

/** In batches that end where `isLast` says so. */
function batches<T>(all: readonly T[], isLast: (i: number) => boolean): T[][] {
  const found: T[][] = [[]]
  for (const [i, each] of all.entries()) {
    found.at(-1)?.push(each)
    if (isLast(i)) found.push([])
  }
  return found.filter(({ length }) => length > 0)
}

async function appendAll<T extends Appended>(
  store: { append(events: readonly Event[]): Promise<T> },
  of: readonly (readonly Event[])[],
): Promise<T[]> {
  const answers: T[] = []
  for (const batch of of) answers.push(await store.append(batch))
  return answers
}

type Logged = Appended & { entries: readonly (LogEntry | null)[] }
const entriesOf = (answers: readonly Logged[]) => answers.flatMap(({ entries }) => entries)

const runs = Number(process.env.XINYI_PROPERTY_RUNS ?? 30)

test(
  'events that are appended at once leave what they leave one by one, in every key and every row',
  async () => {
    const dir = tempDir()
    const { url } = await emptyRedis()
    const redis = new Redis(url)
    const inRedis = await openRedisStore({ url, commandTimeoutMs: 10_000 })
    onTestFinished(async () => {
      await inRedis.close()
      redis.disconnect()
      dir.remove()
    })
    const begun = await Promise.all((await redis.keys('*')).map(async (key) => [key, await redis.dumpBuffer(key)] as const))
    const empty = join(dir.path, 'empty.db')
    await (await openSqliteStore({ path: empty })).close()
    let files = 0
    const dataFile = (): string => {
      files += 1
      const path = join(dir.path, `${files}.db`)
      copyFileSync(empty, path)
      return path
    }
    const freshRedis = async () => {
      await redis.flushall()
      for (const [key, value] of begun) await redis.restore(key, 0, value ?? '')
    }
    const inSqlite = async (batches: Event[][], now: number) => {
      const path = dataFile()
      const store = await openSqliteStore({ path })
      const answers = await appendAll(store, batches)
      const shot = await snapshot(store, now)
      await store.close()
      return { outcomes: outcomesOf(answers), shot, rows: rowsIn(path) }
    }
    const agree = async (steps: readonly Step[]) => {
      const now = steps.at(-1)?.clock ?? NOW
      await freshRedis()
      const origin = new Origin('A')
      const [events, entries, answers]: [Event[], LogEntry[], Logged[]] = [[], [], []]
      for (const step of steps) {
        const event = await eventOf(step, origin, inRedis)
        events.push(event)
        answers.push(await inRedis.append([event]))
        // As a replica gets them that is close behind: an erasure takes the contents of those before it away.
        entries.push(...(await inRedis.log({ epoch: inRedis.epoch, n: entries.at(-1)?.n ?? 0 }, 10)).entries)
      }
      const [shot, keys] = [await snapshot(inRedis, now), await keysIn(redis)]
      const outcomes = outcomesOf(answers)
      const isLast = (i: number) => steps[i]?.isLast ?? true
      await freshRedis()
      const batched = await appendAll(inRedis, batches(events, isLast))
      expect(outcomesOf(batched), 'outcomes of Redis').toEqual(outcomes)
      expect(entriesOf(batched), 'log entries of Redis').toEqual(entriesOf(answers))
      expect(await keysIn(redis), 'keys in Redis').toEqual(keys)
      expect(await snapshot(inRedis, now), 'answers of Redis').toEqual(shot)
      const one = await inSqlite(
        events.map((event) => [event]),
        now,
      )
      expect(await inSqlite(batches(events, isLast), now), 'SQLite').toEqual(one)
      expect(one.shot, 'answers of SQLite').toEqual(shot)
      expect(one.outcomes.map(comparable), 'outcomes of SQLite').toEqual(outcomes.map(comparable))
      const path = dataFile()
      const replica = new Replica(path)
      replica.adoptEpoch({ epoch: inRedis.epoch, lineage: [] })
      for (const batch of batches(entries, isLast)) expect(replica.applyEntries(batch)).toBe(batch.length)
      replica.close()
      expect(same(rowsIn(path)), 'replica').toEqual(same(one.rows))
    }
    await fc.assert(fc.asyncProperty(history, agree), { numRuns: runs })
  },
  runs * 5_000,
)
