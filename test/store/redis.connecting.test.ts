import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connectRedis } from '../../src/store/redis/connect.ts'
import { createDataSet, inspect, warningsOf } from '../../src/store/redis/inspect.ts'
import { RedisStore } from '../../src/store/redis/store.ts'
import { HOUR, Origin } from '../helpers/events.ts'
import { startRedis } from '../helpers/redis.ts'
import { identity, TwoDatabases } from './redis.joined.ts'

/** What a connection to Redis leads to, and how it ends. */

const _DAY = 24 * HOUR
const databases = new TwoDatabases()
databases.use()

describe('what a connection leads to', () => {
  test('nothing, then a data set, which is made only once', async () => {
    const redis = await databases.connection()
    expect(await inspect(redis)).toEqual({ state: 'empty' })
    const fresh = identity()
    await createDataSet(redis, fresh)
    await createDataSet(redis, identity())
    const found = { state: 'ready', identity: fresh, n: 0, trimmed: 0, lineage: [{ epoch: fresh.epoch, n: 0 }] }
    expect(await inspect(redis)).toEqual(found)
    await databases.redis.del('xinyi:lineage')
    expect(await inspect(redis)).toEqual(found)
  })

  test('what is not ours, with a sentence', async () => {
    const redis = await databases.connection()
    const sentence = async () => {
      const found = await inspect(redis)
      await databases.redis.flushall()
      return found.state === 'foreign' ? found.sentence : found.state
    }
    await databases.redis.set('user:x:profile', 'x')
    expect(await sentence()).toMatch(/belong to another program/)
    await databases.redis.hset('xinyi:users', 'x', '{}')
    expect(await sentence()).toMatch(/has lost xinyi:meta/)
    await databases.redis.hset('xinyi:meta', { format: 9, epoch: 'x' })
    expect(await sentence()).toMatch(/format 9, .* newer version/)
    await databases.redis.hset('xinyi:meta', { format: 2, epoch: 'x' })
    expect(await sentence()).toMatch(/damaged/)
  })

  test('a data set of the version before is taken over; whoever still writes for that one is stale', async () => {
    const store = await databases.open()
    const origin = new Origin()
    await store.append([origin.recorded()])
    await databases.redis.del('xinyi:lineage')
    await databases.redis.hdel('xinyi:meta', 'chain', 'trimmedChain')
    await databases.redis.hset('xinyi:meta', 'format', 1)
    const later = await databases.open()
    expect((await store.append([origin.recorded()])).outcomes).toEqual([{ type: 'stale' }])
    expect(await later.head()).toMatchObject({
      n: 1,
      chain: '',
      lineage: [
        { epoch: store.epoch, n: 0 },
        { epoch: later.epoch, n: 1 },
      ],
    })
    expect((await later.log({ epoch: store.epoch, n: 0 }, 9)).entries).toHaveLength(1)
  })

  for (const [word, ...arrange] of [
    ['OOM', 'CONFIG SET maxmemory 1'],
    ['READONLY', 'REPLICAOF 127.0.0.1 1'],
    ['NOPERM', 'ACL SETUSER default -set'],
  ] as const) {
    test(`a server that takes no writes (${word}) is not used, though it would answer reads`, async () => {
      const own = await startRedis()
      onTestFinished(() => own.kill())
      const redis = await connectRedis({ url: own.url })
      await createDataSet(redis, identity())
      for (const line of arrange) {
        const [command = '', ...args] = line.split(' ')
        await redis.call(command, ...args)
      }
      await expect(inspect(redis)).rejects.toMatchObject({ code: word, message: word })
      redis.disconnect()
    })
  }

  test('warnings: eviction, nothing on disk, another clock; none where there is nothing to warn of, or nothing is told', async () => {
    const own = await startRedis()
    onTestFinished(() => own.kill())
    const redis = await connectRedis({ url: own.url })
    onTestFinished(() => redis.disconnect())
    expect(await warningsOf(redis, Date.now)).toEqual([expect.stringMatching(/keeps nothing on disk/)])
    await redis.config('SET', 'save', '3600 1')
    expect(await warningsOf(redis, Date.now)).toEqual([])
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
    expect(await warningsOf(redis, Date.now)).toEqual([])
    await redis.config('SET', 'maxmemory', '100mb')
    expect(await warningsOf(redis, Date.now)).toEqual([expect.stringMatching(/allkeys-lru/)])
    await redis.call('ACL', 'SETUSER', 'default', '-config', '-info')
    expect(await warningsOf(redis, Date.now)).toEqual([])
    expect(await warningsOf(redis, () => Date.now() - 5_000)).toEqual([expect.stringMatching(/5 seconds apart/)])
  })
})

describe('a connection', () => {
  test('that is lost is the end of its store, which says so and never comes back by itself', async () => {
    const own = await startRedis({ port: 'free' })
    onTestFinished(() => own.kill())
    const redis = await connectRedis({ url: own.url })
    const fresh = identity()
    await createDataSet(redis, fresh)
    const store = new RedisStore(redis, fresh, { localTimeZone: 'UTC', target: { url: own.url } })
    onTestFinished(() => store.close())
    expect(await store.ping(500)).toBe(true)
    const changed = store.statusChanged(new AbortController().signal)
    await own.kill()
    expect(await store.lost).toMatch(/^[\w ]+$/)
    await changed
    await expect(store.append([new Origin().recorded({ query: 'a secret' })])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect((await store.status()).redis).toMatchObject({ reachable: false })
    expect(await store.ping(500)).toBe(false)
  })

  test('a closed one is lost, too', async () => {
    const store = await databases.open()
    await store.close()
    expect(await store.lost).toBe('closed')
  })

  test('what fails says no word of what was said', async () => {
    const own = await startRedis({ port: 'free' })
    onTestFinished(() => own.kill())
    const redis = await connectRedis({ url: own.url })
    await createDataSet(redis, identity())
    const store = new RedisStore(redis, identity(), { localTimeZone: 'UTC', target: { url: own.url } })
    onTestFinished(() => store.close())
    const event = new Origin().recorded({ query: 'a secret', user: 'a secret' })
    own.freeze()
    const error = await store.append([event]).catch((thrown: unknown) => thrown)
    own.thaw()
    const { inspect: show } = await import('node:util')
    expect(show(error, { depth: 20, showHidden: true })).not.toContain('a secret')
    expect(error).toMatchObject({ cause: { code: 'timed out' } })
  })

  test('that can not be made is refused with a word: nobody there, another protocol, a wrong password', async () => {
    await expect(connectRedis({ url: 'redis://:hush@127.0.0.1:1' })).rejects.toThrow(/^ECONNREFUSED$/)
    const own = await startRedis({ port: 'free' })
    onTestFinished(() => own.kill())
    const admin = await connectRedis({ url: own.url })
    await admin.config('SET', 'requirepass', 'right')
    admin.disconnect()
    const withPassword = (password: string) => ({ url: own.url.replace('redis://', `redis://:${password}@`) })
    await expect(connectRedis(withPassword('hush'))).rejects.toThrow(/^WRONGPASS$/)
    await expect(connectRedis({ url: own.url }).then(inspect)).rejects.toThrow(/^NOAUTH$/)
    const redis = await connectRedis(withPassword('right'))
    expect(await inspect(redis)).toEqual({ state: 'empty' })
    redis.disconnect()
    await expect(connectRedis(withPassword('right'), AbortSignal.abort())).rejects.toThrow(/^aborted$/)
  })
})

describe('how long an answer may take', () => {
  const PATIENCE_MS = 50
  const own = async () => {
    const server = await startRedis()
    onTestFinished(() => server.remove())
    const redis = await connectRedis({ url: server.url, commandTimeoutMs: PATIENCE_MS })
    onTestFinished(() => redis.disconnect())
    return { server, redis }
  }

  test('one that has come is taken, though this process was busy for longer than that', async () => {
    const { redis } = await own()
    for (let i = 0; i < 3; i += 1) {
      const answer = redis.ping()
      const end = performance.now() + 3 * PATIENCE_MS
      while (performance.now() < end);
      expect(await answer).toBe('PONG')
    }
    expect(redis.status).toBe('ready')
  })

  test('so is a long one, of which not all fits into the socket', async () => {
    const { redis } = await own()
    const long = 'x'.repeat(2_000_000)
    await redis.set('long', long)
    for (let i = 0; i < 3; i += 1) {
      const answer = redis.get('long')
      await setImmediate()
      const end = performance.now() + 3 * PATIENCE_MS
      while (performance.now() < end);
      expect((await answer)?.length).toBe(long.length)
    }
  })

  test('one that does not come is given up, and a connection on which nothing comes is cut', async () => {
    const { server, redis } = await own()
    server.freeze()
    const cut = new Promise<void>((resolve) => void redis.once('end', resolve))
    await expect(redis.ping()).rejects.toThrow('Command timed out')
    await cut
    server.thaw()
  })
})
