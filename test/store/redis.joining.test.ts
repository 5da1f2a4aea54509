import { describe, expect, onTestFinished, test } from 'vitest'
import { connectRedis } from '../../src/store/redis/connect.ts'
import { createDataSet, inspect, warningsOf } from '../../src/store/redis/inspect.ts'
import { RedisStore } from '../../src/store/redis/store.ts'
import { chainOf } from '../../src/store/rules.ts'
import { HOUR, NOW, Origin } from '../helpers/events.ts'
import { startRedis } from '../helpers/redis.ts'
import { identity, TwoDatabases } from './redis.joined.ts'

/** What a store in Redis offers to one that joins it with another: where its log stands, epochs, fences, and what a connection leads to. */

const DAY = 24 * HOUR
const databases = new TwoDatabases()
databases.use()

describe('the chain of the log', () => {
  test('follows from origins and numbers alone; it is told at every index that the log reaches, erased ones too', async () => {
    const store = await databases.open()
    const [a, b] = [new Origin('a origin'), new Origin('b')]
    const events = [
      a.recorded({ id: 'x' }),
      b.recorded({ user: 'v', id: 'y' }),
      a.recorded({ id: 'x' }),
      b.voided(),
      a.recorded({ user: 'v', acceptedAt: NOW + 1 }),
      b.erased('u'),
    ]
    for (const event of events.slice(0, 3)) await store.append([event])
    await store.append(events.slice(3))
    const chains: string[] = []
    for (const { origin, seq } of events) chains.push(chainOf(chains.at(-1) ?? '', origin, seq))
    expect(await store.chainAt([0, 1, 2, 3, 4, 5, 6, 7])).toEqual(['', ...chains, null])
    const { entries } = await store.log({ epoch: store.epoch, n: 0 }, 10)
    expect(entries.map(({ origin, seq, chain, outcome, settled }) => [origin, seq, chain, outcome, settled])).toEqual(
      events.map(({ origin, seq }, i) => [
        origin,
        seq,
        chains[i],
        ['erased', 'applied', 'duplicate', 'erased', 'applied', 'applied'][i],
        true,
      ]),
    )
    expect((await store.head()).chain).toBe(chains.at(-1))
  })

  test('it is told at what was trimmed last, and not before', async () => {
    const store = await databases.open()
    const origin = new Origin()
    await store.append([
      ...[40, 39, 38].map((days) => origin.recorded({ acceptedAt: NOW - days * DAY })),
      origin.recorded({ user: 'v', acceptedAt: NOW }),
      origin.erased('u', NOW),
    ])
    const chains = await store.chainAt([1, 2, 3, 4, 5])
    await store.sweep(NOW + 29 * DAY)
    await store.sweep(NOW + 31 * DAY)
    expect(await store.chainAt([1, 2, 3, 4, 5])).toEqual([null, null, null, null, chains[4]])
    expect(await store.head()).toMatchObject({ n: 5, trimmed: 5, trimmedChain: chains[4] })
    expect(await databases.redis.exists('xinyi:holes')).toBe(0)
  })
})

describe('positions', () => {
  test('they tell up to where each origin is in the log; lost ones are raised, and none is lowered', async () => {
    const store = await databases.open()
    const [a, b] = [new Origin('a'), new Origin('b')]
    await store.append([a.recorded(), a.recorded(), b.recorded()])
    expect(await store.positions()).toEqual({ a: 2, b: 1 })
    await databases.redis.hset('xinyi:positions', 'b', 4)
    await databases.redis.hdel('xinyi:positions', 'a')
    await store.raise({ positions: { a: 2, b: 1 } })
    expect(await store.positions()).toEqual({ a: 2, b: 4 })
    expect((await store.append([a.recorded()])).outcomes).toMatchObject([{ type: 'applied', n: 4 }])
  })
})

describe('epochs', () => {
  test('a fork begins a new one: whoever knows only the old one is stale, and forks nothing', async () => {
    const [one, other] = [await databases.open(), await databases.open()]
    const origin = new Origin()
    await one.append([origin.recorded(), origin.recorded()])
    const first = one.epoch
    expect(await one.fork('second', 1)).toBe(true)
    expect(one.epoch).toBe('second')
    expect(await other.fork('third', 1)).toBe(false)
    expect(other.epoch).toBe(first)
    expect((await other.append([origin.recorded()])).outcomes).toEqual([{ type: 'stale' }])
    const stale = { code: 'STORE_UNAVAILABLE', cause: { code: 'STALE' } }
    await expect(other.read([{ kind: 'overview' }], NOW)).rejects.toMatchObject(stale)
    await expect(other.chainAt([1])).rejects.toMatchObject(stale)
    await expect(other.copies({ users: [] })).rejects.toMatchObject(stale)
    await expect(other.raise({ positions: { a: 1 } })).rejects.toMatchObject(stale)
    expect((await one.append([origin.recorded()])).outcomes).toMatchObject([{ type: 'gap', position: 2 }])
    expect((await one.head()).lineage).toEqual([
      { epoch: first, n: 0 },
      { epoch: 'second', n: 1 },
    ])
  })

  test('epochs that the lineage has lost, because Redis has gone back, are known again after a fork', async () => {
    const store = await databases.open()
    const origin = new Origin()
    await store.append(Array.from({ length: 6 }, () => origin.recorded()))
    await store.fork('third', 4, [{ epoch: 'second', n: 2 }])
    expect((await store.log({ epoch: 'second', n: 6 }, 1)).entries).toMatchObject([{ n: 5 }])
    expect((await store.head()).lineage.map(({ epoch }) => epoch).slice(1)).toEqual(['second', 'third'])
  })

  test('a place in an earlier epoch is taken back to where the log forked from it, at any fork since', async () => {
    const store = await databases.open()
    const origin = new Origin()
    await store.append(Array.from({ length: 6 }, () => origin.recorded()))
    const first = store.epoch
    await store.fork('second', 5)
    await store.fork('third', 2)
    await store.fork('fourth', 4)
    const from = async (epoch: string, n: number) => (await store.log({ epoch, n }, 1)).entries[0]?.n
    expect(await from(first, 6)).toBe(3)
    expect(await from(first, 1)).toBe(2)
    expect(await from('second', 6)).toBe(3)
    expect(await from('third', 6)).toBe(5)
    expect(await from('fourth', 5)).toBe(6)
    expect(await store.log({ epoch: first, n: 0 }, 1)).toMatchObject({ epoch: 'fourth' })
    const expired = { code: 'CURSOR_EXPIRED' }
    await expect(store.log({ epoch: 'unknown', n: 1 }, 1)).rejects.toMatchObject(expired)
    await expect(store.logGrown({ epoch: 'unknown', n: 1 }, new AbortController().signal)).rejects.toMatchObject(expired)
    await store.logGrown({ epoch: first, n: 6 }, new AbortController().signal)
  })
})

describe('a fence', () => {
  test('an answer counts only where Redis has all that was acknowledged', async () => {
    const store = await databases.open()
    const origin = new Origin('a')
    await store.append([origin.recorded(), origin.recorded()])
    const ask = (seq: number) => store.read([{ kind: 'overview' }], NOW, undefined, [{ origin: 'a', seq }])
    expect(await ask(2)).toMatchObject({ served: 'REDIS', answers: [{ users: 1 }] })
    await expect(ask(3)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause: { code: 'BEHIND' } })
  })
})

describe('copies', () => {
  test('come in pages by the bytes of the ids, of one moment, with the place in the log; nobody is told as nobody', async () => {
    const store = await databases.open()
    const origin = new Origin('o')
    const users = ['\u{10000}', '\uff61', 'b', 'a', '']
    await store.append(users.map((user) => origin.recorded({ user, emotionScore: 0.1 + 0.2 })))
    await store.append([origin.erased('a', NOW + 1)])
    const ids: string[] = []
    for (let after: string | null = ''; after !== null; ) {
      const page = await store.copies({ after, limit: 2 })
      expect(page).toMatchObject({ n: 6, positions: { o: 6 }, damaged: [] })
      ids.push(...page.copies.map(({ user }) => user))
      after = page.last
    }
    expect(ids).toEqual(['', 'b', '\uff61', '\u{10000}'])
    expect((await store.copies({ users: ['a', 'nobody', 'b'] })).copies).toMatchObject([
      { user: 'a', state: null, erasedAt: NOW + 1 },
      { user: 'nobody', state: null, erasedAt: null, expiredAt: null },
      { user: 'b', state: { rev: 3, conversations: [{ emotionScore: 0.1 + 0.2 }] } },
    ])
  })
})

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
