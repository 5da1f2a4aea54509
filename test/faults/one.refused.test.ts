import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { StartError } from '../../src/errors.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { spawnTied } from '../helpers/children.ts'
import { Origin } from '../helpers/events.ts'
import { type Instance, inCharge, newDataFile, openInstance, until } from '../helpers/joined.ts'
import { type RedisOptions, type RedisServer, startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { tamper } from '../store/sqlite.files.ts'
import { eventually, withRedis, world } from './one.ts'

async function redisServer(options: RedisOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options)
  onTestFinished(() => server.remove())
  return server
}

async function expectRefused(opening: Promise<unknown>, sentence: RegExp): Promise<void> {
  const error = await opening.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(StartError)
  expect(String(error)).toMatch(sentence)
}

const canProtect = (() => {
  const dir = tempDir()
  const could = ['+i', '-i'].every((flag) => spawnSync('chattr', [flag, dir.path], { stdio: 'ignore' }).status === 0)
  dir.remove()
  return could
})()

const NOWHERE = '/nowhere/redis.sock'

describe('a data directory that can not be used is refused with a sentence', () => {
  /** A file with something in it, closed. */
  async function dataFile(): Promise<string> {
    const path = newDataFile()
    const { store } = await openInstance({ url: NOWHERE, path })
    await store.append([new Origin().recorded()])
    await store.close()
    return path
  }

  test('one that another process holds, which goes on undisturbed', async () => {
    const w = await world()
    await w.store.close()
    const program = new URL('./one.child.ts', import.meta.url).pathname
    const child = spawnTied(process.execPath, [program, JSON.stringify({ url: w.url, path: w.path })], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child, 'message')
    await expectRefused(w.open(), /is in use by another process\. Stop that one/)
    const answer = once(child, 'message')
    child.send('warm')
    expect(await answer).toEqual(['BOTH', undefined])
    child.kill('SIGKILL')
    await once(child, 'exit')
    w.told.set('warm', 3)
    await w.open()
    await w.expectHealed()
  })

  test('one whose file has 0 bytes', async () => {
    const path = await dataFile()
    writeFileSync(path, '')
    await expectRefused(openInstance({ url: NOWHERE, path, threaded: true }), /is empty, so what it held is lost\. Put back a backup/)
    expect(statSync(path).size, 'and it is left as it is').toBe(0)
  })

  test('one with a damaged page', async () => {
    const path = await dataFile()
    const bytes = readFileSync(path)
    bytes.fill(0xff, 4_096 * 4, 4_096 * 9)
    writeFileSync(path, bytes)
    await expectRefused(openInstance({ url: NOWHERE, path, threaded: true }), /is damaged \(.*Put back a backup/)
  })

  test('one that a newer version wrote', async () => {
    const path = await dataFile()
    tamper(path, 'PRAGMA user_version = 99')
    await expectRefused(openInstance({ url: NOWHERE, path, threaded: true }), /was written by a newer Xinyi/)
  })

  test.skipIf(!canProtect)('one that can only be read (skipped where chattr does nothing)', async () => {
    const path = await dataFile()
    execFileSync('chattr', ['+i', path])
    onTestFinished(() => void execFileSync('chattr', ['-i', path]))
    await expectRefused(
      openInstance({ url: NOWHERE, path, threaded: true }),
      /can't be read and written by this account.*Give it to the account/,
    )
  })

  test('one that belongs to another program', async () => {
    const path = await dataFile()
    tamper(path, 'PRAGMA application_id = 0')
    await expectRefused(openInstance({ url: NOWHERE, path, threaded: true }), /is a database of another program/)
  })
})

describe('a Redis that is not ours is refused with a sentence, and left as it is', () => {
  /** Everything in it, as it is stored. */
  const dumpOf = (server: RedisServer) =>
    withRedis(server.socket, async (redis) => {
      const keys = (await redis.keys('*')).sort()
      return Promise.all(keys.map(async (key) => [key, (await redis.dumpBuffer(key))?.toString('hex')]))
    })

  test('one with another data set', async () => {
    const [w, server] = [await world(), await redisServer()]
    const other = await openInstance({ url: server.url })
    await until(other.store, inCharge)
    await other.store.append([new Origin().recorded({ user: 'theirs' })])
    await other.store.close()
    await w.store.close()
    const before = await dumpOf(server)
    await expectRefused(w.open({ url: server.url }), /holds another data set than the data directory\. Point REDIS_URL/)
    expect(await dumpOf(server)).toEqual(before)
  })

  test("one with the predecessor's user:* keys", async () => {
    const server = await redisServer()
    await withRedis(server.socket, (redis) => redis.rpush('user:old:conversations', '{"query":"?"}'))
    const before = await dumpOf(server)
    await expectRefused(openInstance({ url: server.url }), /holds user:\* keys but no data-set id.*REDIS_URL/)
    expect(await dumpOf(server)).toEqual(before)
  })

  test('a cluster node', async () => {
    const server = await redisServer({ port: 'free', args: ['--cluster-enabled', 'yes'] })
    await withRedis(server.socket, async (redis) => {
      await redis.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
      await eventually(async () => (await redis.cluster('INFO')).includes('cluster_state:ok'))
    })
    await expectRefused(openInstance({ url: server.url }), /is a cluster node, and a data set needs a single server/)
  })

  test('one of a newer format', async () => {
    const w = await world()
    await w.store.close()
    await w.admin((redis) => redis.hset('xinyi:meta', 'format', '99'))
    await expectRefused(w.open(), /data set of format 99.*newer version/)
  })

  test('another data set that comes while the service runs: it stays with SQLite, and says so once', async () => {
    const w = await world()
    const other = await redisServer()
    const theirs = await openInstance({ url: other.url })
    await until(theirs.store, inCharge)
    await theirs.store.close()
    const meta = await withRedis(other.socket, (redis) => redis.hgetall('xinyi:meta'))
    await w.admin((redis) => redis.multi().flushall().hset('xinyi:meta', meta).exec())
    await w.record('warm')
    await w.until((status) => /another data set/.test(status.redis?.lastError ?? ''))
    expect(await w.total('warm')).toEqual({ total: 3, served: 'SQLITE' })
    await w.record('warm')
    expect(w.lines.filter(({ msg }) => msg.includes('another data set'))).toHaveLength(1)
    expect(await w.admin((redis) => redis.hgetall('xinyi:meta'))).toEqual(meta)
  })
})

describe('a start says what an operator should put right', () => {
  const saidBy = async (options: RedisOptions, setting: Record<string, string> = {}, clock?: () => number): Promise<string> => {
    const server = await redisServer(options)
    await withRedis(server.socket, (redis: Redis) => Promise.all(Object.entries(setting).map((each) => redis.config('SET', ...each))))
    const instance: Instance = await openInstance({ url: server.url, ...(clock && { clock }) })
    await until(instance.store, inCharge)
    return instance.lines.map(({ msg }) => msg).join('\n')
  }

  test('that Redis may evict what was recorded', async () => {
    const setting = { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' }
    expect(await saidBy({}, setting)).toMatch(/may evict keys.*maxmemory-policy allkeys-lru.*noeviction/)
  })

  test('that Redis keeps nothing on disk', async () => {
    expect(await saidBy({})).toMatch(/keeps nothing on disk.*appendonly/)
  })

  test('that the clocks are apart', async () => {
    expect(await saidBy({}, {}, () => Date.now() - 3_600_000)).toMatch(/clocks of Redis and of this machine are 3[56]\d\d seconds apart/)
  })

  test('nothing, where all is well', async () => {
    expect(await saidBy({ persistence: 'aof' }, {}, Date.now)).not.toMatch(/evict|on disk|clocks/)
  })

  test('each of it once, not at every reconnection', async () => {
    const w = await world()
    for (let i = 0; i < 3; i += 1) {
      await w.admin((redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'))
      await w.record('warm')
      await w.until(inCharge)
    }
    expect(w.lines.filter(({ msg }) => msg.includes('keeps nothing on disk'))).toHaveLength(1)
  })
})

test('a data directory of the embedded store goes on, joined to a Redis that is empty', async () => {
  const path = newDataFile()
  const embedded = await openSqliteStore({ path })
  await embedded.append([new Origin().recorded({ user: 'warm' })])
  await embedded.close()
  const server = await redisServer()
  const { store } = await openInstance({ url: server.url, path })
  await until(store, inCharge)
  expect(await store.read([{ kind: 'user', userId: 'warm' }], Date.now())).toMatchObject({ served: 'REDIS', answers: [{ totalChats: 1 }] })
})
