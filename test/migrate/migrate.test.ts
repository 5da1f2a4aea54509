import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test, vi } from 'vitest'
import { exportAll, type Target } from '../../src/commands/export.ts'
import { migrate } from '../../src/commands/migrate.ts'
import { verify } from '../../src/commands/verify.ts'
import { DATABASE_NAME, loadConfig } from '../../src/config.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Slice } from '../../src/store/store.ts'
import { startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { type Person, people, stamp, writeRedis, writeSqlite } from './predecessor.ts'

/** A data set of the test's own that keeps everything, and a place for the predecessor's stores. */
function given(env: Record<string, string> = {}) {
  vi.spyOn(console, 'log').mockReturnValue()
  const dir = tempDir()
  onTestFinished(dir.remove)
  const keepAll = { RETAIN_CONVERSATIONS_DAYS: '0', RETAIN_EMOTIONS_DAYS: '0', RETAIN_PROFILE_DAYS: '0' }
  const config = loadConfig({ DATA_DIR: join(dir.path, 'data'), MEMORY_STORAGE_BACKEND: 'sqlite', LOG_LEVEL: 'silent', ...keepAll, ...env })
  const [path, quarantine] = [join(dir.path, 'memories.db'), join(dir.path, 'quarantine.jsonl')]
  const from = { from: `sqlite:${path}`, quarantine }
  return {
    path,
    run: (options: { and?: string; dryRun?: boolean; sourceTz?: string; from?: string } = {}) => migrate(config, { ...from, ...options }),
    verify: (options: { and?: string; against?: string } = {}) => verify(config, { against: from.from, ...options }),
    quarantined: () =>
      existsSync(quarantine)
        ? readFileSync(quarantine, 'utf8')
            .trimEnd()
            .split('\n')
            .map((line): { where: string; reason: string } => JSON.parse(line))
        : [],
    export: (to: Target, place: string) => exportAll(config, { to, place }),
    /** What is kept of somebody, straight from the file. */
    async user(userId: string) {
      const store = openSqliteStore({ path: join(config.dataDir, DATABASE_NAME) })
      const page = { limit: 1_000, take: 'first' } as const
      const asked = [
        { kind: 'user', userId },
        { kind: 'userTopics', userId },
        { kind: 'conversations', userId, page },
        { kind: 'emotions', userId, page },
      ] as const
      try {
        const { answers } = await (await store).read(asked, Date.now())
        const [user, topics, conversations, emotions] = answers
        const values = <T>({ items }: Slice<T>) => items.map(({ value }) => value)
        return user && { ...user, topics, conversations: values(conversations), emotions: values(emotions) }
      } finally {
        await (await store).close()
      }
    },
  }
}

async function legacyRedis(some: readonly Person[]): Promise<{ redis: Redis; url: string }> {
  const server = await startRedis()
  const redis = new Redis(server.url)
  onTestFinished(() => redis.disconnect())
  await writeRedis(redis, some)
  return { redis, url: `redis:${server.url}` }
}

test('everything that the predecessor kept and counted arrives, and a second run changes nothing', async () => {
  const it = given()
  const some = people(40, 1)
  writeSqlite(it.path, some).close()
  const first = await it.run()
  const kept = some.flatMap(({ turns }) => turns).length
  expect(first).toMatchObject({
    in: { users: 40, conversations: kept },
    out: { users: 40, recorded: kept, alreadyKnown: 0 },
    quarantined: {},
  })
  expect(first.in.chatsCounted).toBe(some.reduce((sum, { totalChats }) => sum + totalChats, 0))
  expect(await it.verify()).toMatchObject({ users: 40, conversations: kept, differences: 0 })
  const user = await it.user(some[3]?.userId ?? '')
  expect(user).toMatchObject({ totalChats: some[3]?.totalChats, totalRiskAlerts: some[3]?.totalRiskAlerts })
  expect(user?.emotions).toHaveLength(Math.min(10, some[3]?.totalChats ?? 0))
  expect(await it.run()).toMatchObject({ out: { users: 40, recorded: 0, alreadyKnown: kept } })
  expect(await it.user(some[3]?.userId ?? '')).toEqual(user)
})

test('a run after the source has grown adds what is new, and only that', async () => {
  const it = given()
  const db = writeSqlite(it.path, people(3, 2))
  await it.run()
  const [{ userId, totalChats }] = people(1, 2) as [Person]
  const time = stamp(Date.UTC(2026, 8, 1))
  db.prepare('UPDATE users SET total_chats = total_chats + 2, last_active = ? WHERE user_id = ?').run(time, userId)
  db.prepare("INSERT INTO conversations (user_id, timestamp, query, response, risk_level) VALUES (?, ?, '新的', '好', 'low')").run(
    userId,
    time,
  )
  db.close()
  expect(await it.run()).toMatchObject({ out: { recorded: 1 } })
  expect(await it.user(userId)).toMatchObject({ totalChats: totalChats + 2 })
  expect(await it.verify()).toMatchObject({ differences: 0 })
})

test('of users in both stores turns are taken once, and counters are not added up', async () => {
  const it = given()
  const some = people(12, 3)
  writeSqlite(it.path, some.slice(0, 9)).close()
  const { url } = await legacyRedis(some.slice(3))
  const report = await it.run({ and: url })
  expect(report).toMatchObject({ in: { users: 12 }, merged: { users: 6 }, quarantined: {} })
  expect(report.in.chatsCounted).toBe(some.reduce((sum, { totalChats }) => sum + totalChats, 0))
  expect(await it.verify({ and: url })).toMatchObject({ users: 12, differences: 0 })
})

test('where the two stores hold different turns of a user, their counters are added up', async () => {
  const it = given()
  const [one, other] = people(2, 4) as [Person, Person]
  writeSqlite(it.path, [one]).close()
  const { url } = await legacyRedis([{ ...other, userId: one.userId }])
  await it.run({ and: url })
  expect(await it.user(one.userId)).toMatchObject({ totalChats: one.totalChats + other.totalChats })
})

test('times that name no zone are those of the zone that is named', async () => {
  const it = given()
  const [person] = people(1, 5) as [Person]
  writeSqlite(it.path, [{ ...person, turns: person.turns.slice(-1), points: [] }]).close()
  await it.run({ sourceTz: 'Europe/Berlin' })
  const [turn] = (await it.user(person.userId))?.conversations ?? []
  expect(turn?.occurredAt).toBe(Date.parse(`${person.turns.at(-1)?.timestamp.slice(0, 23)}Z`) - 2 * 3_600_000)
})

test('a dry run reads everything and changes nothing', async () => {
  const it = given()
  writeSqlite(it.path, people(5, 6)).close()
  expect(await it.run({ dryRun: true })).toMatchObject({ dryRun: true, in: { users: 5 }, out: { users: 0 } })
  expect(await it.user(people(1, 6)[0]?.userId ?? '')).toBeNull()
})

test('what the retention does not keep is counted all the same, and told', async () => {
  const it = given({ RETAIN_CONVERSATIONS_DAYS: '30' })
  const some = people(4, 7)
  writeSqlite(it.path, some).close()
  const report = await it.run()
  expect(report.out.beyondRetention).toBe(report.out.recorded)
  expect(await it.user(some[0]?.userId ?? '')).toMatchObject({ totalChats: some[0]?.totalChats, conversations: [] })
  expect(await it.verify()).toMatchObject({ differences: 0, beyondRetention: report.out.recorded })
})

test('what can not be read in SQLite is put aside with its reason, and stops nothing', async () => {
  const it = given()
  const [person] = people(1, 8) as [Person]
  const db = writeSqlite(it.path, [person])
  const turn = db.prepare('INSERT INTO conversations (user_id, timestamp, query, response) VALUES (?, ?, ?, ?)')
  const time = stamp(Date.UTC(2026, 6, 1))
  for (const row of [
    [person.userId, 'yesterday', 'q', 'r'],
    [person.userId, null, 'q', 'r'],
    [person.userId, '2099-01-01T00:00:00', 'q', 'r'],
    [person.userId, time, '', 'r'],
    [person.userId, time, Buffer.from('q'), 'r'],
    [person.userId, time, 'q'.repeat(1_000_001), 'r'],
    [person.userId, time, 'q', 7],
    ['orphan', time, 'q', 'r'],
    ['anonymous', time, 'q', 'r'],
    ['', time, 'q', 'r'],
    [null, time, 'q', 'r'],
  ])
    turn.run(...row)
  db.exec(
    `INSERT INTO users VALUES ('bad', 'never', 'many', -1, '{"a"', 7, '[{"timestamp": "${time}", "score": NaN, "risk": "?"}, 3, {"timestamp": 5}]')`,
  )
  db.close()
  const report = await it.run()
  expect(report.quarantined).toEqual({
    ...{
      bad_timestamp: 5,
      future_timestamp: 1,
      empty_query: 1,
      too_large: 2,
      bad_number: 2,
      bad_json: 1,
      bad_shape: 1,
      nobody: 2,
      bad_user_id: 1,
    },
  })
  expect(it.quarantined()).toHaveLength(16)
  expect(await it.user('orphan')).toMatchObject({ totalChats: 1 })
  expect((await it.user('bad'))?.emotions).toMatchObject([{ score: null, riskLevel: 'UNKNOWN' }])
  expect(await it.verify()).toMatchObject({ differences: 0 })
})

test('keys of another type, garbage and lists of any size in Redis are put aside, and stop nothing', async () => {
  const it = given()
  const [person] = people(1, 9) as [Person]
  const { redis, url } = await legacyRedis([person])
  await redis.lpush(`user:${person.userId}:conversations`, 'garbage', '{"timestamp": "2026-07-01T00:00:00", "query": 1}')
  await redis.set('user:set:profile', 'x')
  await redis.set('user:set:conversations', 'x')
  await redis.hset('user:half:profile', { total_chats: '7', created_at: '\u0000' })
  await redis.rpush('user:long:conversations', 'x'.repeat(17 * 1024 * 1024))
  await redis.set('unrelated', 'x')
  const report = await it.run({ from: url })
  expect(report).toMatchObject({
    in: { users: 4 },
    quarantined: { bad_json: 1, bad_shape: 1, wrong_type: 2, bad_timestamp: 1, too_large: 1 },
  })
  expect(await it.user('half')).toMatchObject({ totalChats: 7 })
  expect(await it.verify({ against: url })).toMatchObject({ differences: 0 })
})

test.each([
  ['half of a SQLite file', (path: string) => truncateSync(path, 60_000), /is damaged/],
  ['a SQLite file with garbage in the middle', (path: string) => overwrite(path, 30_000), /is damaged/],
])('%s is refused with a sentence', async (_, damage, sentence) => {
  const it = given()
  writeSqlite(it.path, people(300, 10)).close()
  damage(it.path)
  await expect(it.run()).rejects.toThrow(sentence)
})

function overwrite(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes.fill(0xff, at, at + 30_000)
  writeFileSync(path, bytes)
}

test.each(['sqlite-legacy', 'redis-legacy'] as const)(
  'what was taken over can be written back as %s, and taken over from there as it was',
  async (to) => {
    const [it, other] = [given(), given()]
    const some = people(25, 11)
    writeSqlite(it.path, some).close()
    await it.run()
    const place = to === 'sqlite-legacy' ? other.path : (await legacyRedis([])).url
    expect(await it.export(to, place)).toEqual({ users: 25, conversations: some.flatMap(({ turns }) => turns).length })
    const from = to === 'sqlite-legacy' ? `sqlite:${place}` : place
    // The way back loses what lies below the millisecond; everything else is as it was.
    await other.run({ from })
    expect(await other.verify({ against: from })).toMatchObject({ users: 25, differences: 0 })
    // An id has the time as it stood.
    const withoutIds = (user: unknown) => JSON.parse(JSON.stringify(user, (key, value) => (key === 'id' ? undefined : value)))
    for (const { userId } of some.slice(0, 3)) expect(withoutIds(await other.user(userId))).toEqual(withoutIds(await it.user(userId)))
  },
)
