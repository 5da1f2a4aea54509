import { join } from 'node:path'
import { Redis } from 'ioredis'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { migrate, undo } from '../../src/commands/migrate.ts'
import { verify } from '../../src/commands/verify.ts'
import { loadConfig } from '../../src/config.ts'
import { KeyBackup } from '../../src/migrate/backup.ts'
import { setAside } from '../../src/migrate/in-place.ts'
import { startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { people, writeRedis, writeSqlite } from './predecessor.ts'

// Each opens the whole service several times.
vi.setConfig({ testTimeout: 120_000 })

beforeEach(() => {
  vi.spyOn(console, 'log').mockReturnValue()
})

const SOME = people(12, 21)
const KEPT = SOME.flatMap(({ turns }) => turns).length

/** A Redis that the predecessor filled, with keys of each type, and what is not the predecessor's. */
async function given() {
  const dir = tempDir()
  const server = await startRedis()
  const redis = new Redis(server.url)
  onTestFinished(async () => {
    redis.disconnect()
    await server.stop()
    dir.remove()
  })
  await writeRedis(redis, SOME)
  await redis.expire(`user:${SOME[0]?.userId}:profile`, 1_000_000)
  await redis.set('user:string:profile', 'x'.repeat(3_000_000))
  await redis.zadd('user:sorted:topics', 1.5, 'a', 2, 'b')
  await redis.xadd('user:stream:emotions', '1-1', 'field', 'value')
  await redis.rpush('user:great:conversations', 'x'.repeat(2_000_000), '\u0000')
  await redis.set('unrelated', 'stays')
  const keepAll = { RETAIN_CONVERSATIONS_DAYS: '0', RETAIN_EMOTIONS_DAYS: '0', RETAIN_PROFILE_DAYS: '0' }
  const config = loadConfig({ DATA_DIR: join(dir.path, 'data'), REDIS_URL: server.url, LOG_LEVEL: 'silent', ...keepAll })
  const [backup, quarantine] = [join(dir.path, 'backup.db'), join(dir.path, 'quarantine.jsonl')]
  return {
    redis,
    config,
    backup,
    dir: dir.path,
    run: (options: { from?: string } = {}) => migrate(config, { inPlace: true, backup, quarantine, ...options }),
    verify: (options: { against?: string; and?: string } = {}) => verify(config, { against: `backup:${backup}`, ...options }),
  }
}

/** Every key that is there, with what is in it, whatever its type. */
async function everything(redis: Redis): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const key of (await redis.keys('*')).sort()) {
    const type = await redis.type(key)
    const parts = {
      hash: () => redis.hgetall(key),
      list: () => redis.lrange(key, 0, -1),
      set: async () => (await redis.smembers(key)).sort(),
      zset: () => redis.zrange(key, '0', '-1', 'WITHSCORES'),
      stream: () => redis.xrange(key, '-', '+'),
      string: () => redis.get(key),
    }
    const isKnown = (name: string): name is keyof typeof parts => name in parts
    found[key] = [isKnown(type) ? await parts[type]() : type, (await redis.pttl(key)) > 0]
  }
  return found
}

test('a Redis that the predecessor filled becomes ours: everybody arrives, the keys of others stay, and a second run changes nothing', async () => {
  const { redis, run, verify } = await given()
  const first = await run()
  expect(first).toMatchObject({
    in: { users: SOME.length + 4, conversations: KEPT },
    out: { recorded: KEPT },
    quarantined: { wrong_type: 3, too_large: 1, bad_json: 1 },
  })
  expect(await redis.exists('xinyi:meta')).toBe(1)
  expect(await redis.get('unrelated')).toBe('stays')
  expect(await redis.type('user:string:profile')).not.toBe('string')
  expect(await verify()).toMatchObject({ differences: 0, conversations: KEPT })
  expect(await run()).toMatchObject({ out: { recorded: 0, alreadyKnown: KEPT } })
})

test('the backup makes Redis what it was before, and only by force where data would go', async () => {
  const { redis, config, backup, run } = await given()
  const before = await everything(redis)
  await run()
  await expect(undo(config, backup, {})).rejects.toThrow(/holds data/)
  await undo(config, backup, { force: true })
  expect(await everything(redis)).toEqual(before)
})

test('going back before it has begun, or in the middle, takes nothing from what the predecessor still has in Redis', async () => {
  const { redis, config, backup } = await given()
  const before = await everything(redis)
  // Broken off when one key was copied, and another was taken out; others are in Redis alone.
  const broken = new KeyBackup(backup, { make: true })
  await broken.copy(redis, [Buffer.from('user:sorted:topics'), Buffer.from('user:stream:emotions')])
  await broken.close()
  await redis.del('user:stream:emotions')
  await redis.zadd('user:sorted:topics', 3, 'c')
  await undo(config, backup, { force: true })
  expect(await everything(redis)).toEqual({ ...before, 'user:sorted:topics': [['a', '1.5', 'b', '2', 'c', '3'], false] })
})

test('its other store, in SQLite, is merged with the Redis that is taken over', async () => {
  const { run, verify, dir, backup } = await given()
  const path = join(dir, 'memories.db')
  writeSqlite(path, SOME.slice(0, 5)).close()
  expect(await run({ from: `sqlite:${path}` })).toMatchObject({ merged: { users: 5 }, out: { recorded: KEPT } })
  expect(await verify({ against: `sqlite:${path}`, and: `backup:${backup}` })).toMatchObject({ differences: 0 })
})

test('cut short anywhere, it goes on where it was', async () => {
  const { redis, config, backup, run, verify } = await given()
  // Between the backup and the last removal: some keys are only in the backup.
  const copied = await setAside(config.redisTarget, backup)
  await copied.close()
  await writeRedis(redis, SOME.slice(0, 5))
  expect(await run()).toMatchObject({ out: { recorded: KEPT } })
  expect(await verify()).toMatchObject({ differences: 0 })
})

test('without the backup, a Redis that is ours already is left as it is', async () => {
  const { redis, run } = await given()
  await redis.hset('xinyi:meta', { dataSetId: 'ours' })
  const before = await redis.dbsize()
  await expect(run()).rejects.toThrow(/is not there/)
  expect(await redis.dbsize()).toBe(before)
})
