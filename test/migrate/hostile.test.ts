import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '../../src/commands/client.ts'
import { type MigrationReport, migrate } from '../../src/commands/migrate.ts'
import { verify } from '../../src/commands/verify.ts'
import { loadConfig } from '../../src/config.ts'
import { openLegacyRedis } from '../../src/migrate/redis-source.ts'
import { MigrationRun } from '../../src/migrate/run.ts'
import { startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { anyText } from '../helpers/texts.ts'
import { people, writeRedis } from './predecessor.ts'

// Each opens the whole service several times.
vi.setConfig({ testTimeout: 120_000 })

beforeEach(() => {
  vi.spyOn(console, 'log').mockReturnValue()
})

function given() {
  const dir = tempDir()
  onTestFinished(dir.remove)
  const keepAll = { RETAIN_CONVERSATIONS_DAYS: '0', RETAIN_EMOTIONS_DAYS: '0', RETAIN_PROFILE_DAYS: '0' }
  const config = loadConfig({ DATA_DIR: join(dir.path, 'data'), MEMORY_STORAGE_BACKEND: 'sqlite', LOG_LEVEL: 'silent', ...keepAll })
  const quarantine = join(dir.path, 'quarantine.jsonl')
  return {
    dir: dir.path,
    config,
    run: (from: string, { dryRun = false } = {}) => migrate(config, { from, quarantine, dryRun }),
    verify: (against: string) => verify(config, { against }),
    /** Where what was put aside stood. */
    places: () =>
      existsSync(quarantine)
        ? readFileSync(quarantine, 'utf8')
            .trimEnd()
            .split('\n')
            .map((line): string => JSON.parse(line).where)
        : [],
  }
}

async function someRedis() {
  const server = await startRedis({ persistence: 'aof', keepDir: true })
  const redis = new Redis(server.url)
  redis.on('error', () => {})
  onTestFinished(async () => {
    redis.disconnect()
    await server.remove()
  })
  return { server, redis, from: `redis:${server.url}` }
}

const time = fc.constantFrom('2026-07-01T00:00:00', '2026-07-01T00:00:00.000001', '2026-07-02 10:00:00', 'never', '', '9999-12-31T23:59:59')
const garbage = fc.oneof(
  anyText().map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .record(
      {
        timestamp: fc.oneof(time, fc.anything()),
        query: fc.oneof(fc.string(), fc.anything()),
        response: fc.oneof(fc.string(), fc.integer()),
      },
      { requiredKeys: [] },
    )
    .map((turn) => Buffer.from(JSON.stringify(turn, (_, value) => (typeof value === 'bigint' ? String(value) : value)) ?? 'undefined')),
  fc
    .record({
      timestamp: time,
      query: fc.string(),
      response: fc.string(),
      risk_level: fc.string(),
      emotion_score: fc.constantFrom(1, null, 'x'),
    })
    .map((turn) => Buffer.from(JSON.stringify(turn))),
  fc.constant(
    Buffer.from('{"timestamp": "2026-07-01T00:00:00", "query": "NaN", "response": "r", "emotion_score": NaN, "risk_level": "HIGH "}'),
  ),
)
const id = fc.oneof(
  anyText({ maxLength: 8 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom('', 'anonymous', 'user:x:profile', 'x'.repeat(600)).map((text) => Buffer.from(text)),
)
const type = fc.constantFrom('list', 'set', 'hash', 'string', 'zset')
const hostileKeys = fc.array(
  fc.record({
    id,
    suffix: fc.constantFrom('profile', 'conversations', 'topics', 'emotions'),
    type: fc.option(type),
    values: fc.array(garbage, { minLength: 1, maxLength: 6 }),
  }),
  { minLength: 30, maxLength: 60 },
)

const RIGHT: Record<string, string> = { profile: 'hash', conversations: 'list', emotions: 'list', topics: 'set' }
const FIELDS = ['created_at', 'last_active', 'total_chats', 'total_risk_alerts', 'user_id', '']

test('whatever Redis holds, each turn that is there is taken over or put aside, and the second time changes nothing', async () => {
  const { redis, from } = await someRedis()
  const it = given()
  let turns = 0
  await fc.assert(
    fc.asyncProperty(hostileKeys, async (keys) => {
      await redis.flushall()
      turns = 0
      for (const { id, suffix, type, values } of keys) {
        const name = Buffer.concat([Buffer.from('user:'), id, Buffer.from(`:${suffix}`)])
        const kind = type ?? RIGHT[suffix]
        if ((await redis.exists(name)) > 0) continue
        if (kind === 'list') await redis.rpush(name, ...values)
        else if (kind === 'set') await redis.sadd(name, ...values)
        else if (kind === 'hash') await redis.hset(name, ...values.flatMap((value, i) => [FIELDS[i] ?? 'more', value]))
        else if (kind === 'zset') await redis.zadd(name, ...values.flatMap((value, i) => [i, value]))
        else await redis.set(name, values[0] ?? '')
        // Ids that are no text are put aside as whole keys; what belongs to nobody as a whole user.
        const isSomebody = name.equals(Buffer.from(name.toString())) && !['', 'anonymous', 'x'.repeat(600)].includes(id.toString())
        if (kind === 'list' && suffix === 'conversations' && isSomebody) turns += values.length
      }
      const { in: found, quarantined } = await it.run(from, { dryRun: true })
      expect(found.conversations + sum(quarantined)).toBeGreaterThanOrEqual(turns)
    }),
    { numRuns: 20, seed: 7, endOnFailure: true },
  )
  // What was there last, in earnest.
  const report = await it.run(from)
  const aside = it.places().filter((where) => where.startsWith('conversations['))
  expect(report.in.conversations + aside.length).toBeGreaterThanOrEqual(turns)
  await expectKept(report, () => it.run(from))
})

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((all, count) => all + count, 0)

async function expectKept({ in: found, out, quarantined }: MigrationReport, again: () => Promise<MigrationReport>): Promise<void> {
  expect(out.recorded + out.alreadyKnown + (quarantined.refused ?? 0)).toBe(found.conversations)
  expect((await again()).out).toMatchObject({ recorded: 0, alreadyKnown: out.recorded + out.alreadyKnown })
}

const cell = fc.oneof(
  time,
  fc.string(),
  fc.constantFrom('high', '[]', '["焦虑", 1]', '[{"timestamp": "2026-07-01T00:00:00", "score": Infinity}]', '{'),
  fc.integer({ min: -5, max: 9 }),
  fc.double(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
)
/** Some of it text of which the bytes are none. */
const hostileRows = (columns: number) =>
  fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 30, maxLength: 60 })

test('whatever the columns of SQLite hold, each turn that is there is taken over or put aside, and the second time changes nothing', async () => {
  const it = given()
  const path = join(it.dir, 'hostile.db')
  let expected = 0
  await fc.assert(
    fc.asyncProperty(hostileRows(7), hostileRows(7), fc.boolean(), async (users, turns, isUtf16) => {
      rmSync(path, { force: true })
      const db = new Database(path)
      db.pragma('synchronous = OFF')
      db.pragma('journal_mode = MEMORY')
      if (isUtf16) db.pragma("encoding = 'UTF-16le'")
      db.exec(`CREATE TABLE users (user_id, created_at, total_chats, total_risk_alerts, common_topics, last_active, emotion_trend);
        CREATE TABLE conversations (id INTEGER PRIMARY KEY, user_id, timestamp, query, response, risk_level, emotion_score, references_count)`)
      for (const row of users) db.prepare('INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)').run(row)
      const turn = db.prepare('INSERT INTO conversations VALUES (NULL, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?)')
      for (const row of turns) turn.run(row)
      db.close()
      const { in: found, quarantined } = await it.run(`sqlite:${path}`, { dryRun: true })
      // What belongs to nobody in particular is put aside as a whole user.
      expected = turns.filter(([userId]) => userId !== '').length
      expect(found.conversations + sum(quarantined)).toBeGreaterThanOrEqual(expected)
    }),
    { numRuns: 20, seed: 7, endOnFailure: true },
  )
  const report = await it.run(`sqlite:${path}`)
  const aside = it.places().filter((where) => where.startsWith('conversations'))
  expect(report.in.conversations + aside.length).toBeGreaterThanOrEqual(expected)
  await expectKept(report, () => it.run(`sqlite:${path}`))
})

test('of a list longer than any that the predecessor wrote the first 10,000 are taken over, and all others put aside', async () => {
  const it = given()
  const { redis, from } = await someRedis()
  const turn = (i: number) => JSON.stringify({ timestamp: '2026-07-01T00:00:00', query: `q${i}`, response: 'r' })
  await redis.rpush('user:long:emotions', ...Array.from({ length: 12_000 }, (_, i) => turn(i)))
  const report = await it.run(from)
  expect(it.places()).toHaveLength(report.quarantined.too_many ?? 0)
  expect(report.in.emotions + it.places().length).toBe(12_000)
  expect(report.in.emotions).toBeGreaterThanOrEqual(10_000)
  expect(await it.verify(from)).toMatchObject({ differences: 0 })
})

test('a Redis that goes away half-way is told with a sentence; the same command goes on from there, and nothing counts twice', async () => {
  const it = given()
  const { server, redis, from } = await someRedis()
  const some = people(400, 5)
  await writeRedis(redis, some)
  const client = await connect(it.config)
  const source = await openLegacyRedis({ url: server.url }, { timeZone: 'Asia/Shanghai', now: Date.now() })
  let killed: Promise<void> | undefined
  const kill = (count: number) => {
    if (count === 150) killed = server.kill()
  }
  const run = new MigrationRun({ client, quarantine: null, onUser: kill })
  await expect(run.run([source])).rejects.toThrow(/does not go on .* Run the same command again/)
  await Promise.all([source.close(), client.close(), killed])
  await server.restart()
  const report = await it.run(from)
  const turns = some.flatMap(({ turns }) => turns).length
  expect(report.out).toMatchObject({ users: 400, recorded: turns - report.out.alreadyKnown })
  expect(report.out.alreadyKnown).toBeGreaterThan(0)
  expect(await it.verify(from)).toMatchObject({ users: 400, differences: 0 })
})
