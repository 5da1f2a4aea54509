import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import type { Head, UserCopy } from '../../src/store/copy.ts'
import { createDataSet, inspect } from '../../src/store/redis/inspect.ts'
import { packUsers } from '../../src/store/redis/pack.ts'
import { packLog } from '../../src/store/redis/pack-log.ts'
import { beginSeed, finishSeed, seedLog, seedUsers } from '../../src/store/redis/seed.ts'
import { chainOf } from '../../src/store/rules.ts'
import { Replica } from '../../src/store/sqlite/replica/replica.ts'
import { HOUR, NOW, Origin } from '../helpers/events.ts'
import { tempDir } from '../helpers/temp.ts'
import { snapshot } from './contract/harness.ts'
import { identity, lease, SEEDED, seedFrom, TwoDatabases, writeMuch } from './redis.joined.ts'

/** Filling a Redis with what another store holds. */

/** Marks have no order. */
const sorted = (head: Head): Head => ({ ...head, tombstones: [...head.tombstones].sort(), expiries: [...head.expiries].sort() })

const databases = new TwoDatabases()
databases.use()

describe('what is seeded is what was copied', () => {
  test('every copy, the head, the log and every answer are the same, and go on the same', async () => {
    const store = await databases.open()
    const origin = await writeMuch(store)
    const twice = { user: 'a', id: 'twice', query: 'q', response: 'r' }
    await store.append([origin.recorded(twice), { ...origin.recorded(twice), formerly: '1 elsewhere' }])
    await seedFrom(store, await databases.connection(1))
    const seeded = await databases.open(1)
    const all = { after: '', limit: 100 }
    const before = await store.copies(all)
    expect(before.copies.length).toBeGreaterThan(10)
    expect(before.damaged).toEqual([])
    expect(await seeded.copies(all)).toEqual(before)
    expect(sorted(await seeded.head())).toEqual(sorted(await store.head()))
    expect(await snapshot(seeded, NOW)).toEqual(await snapshot(store, NOW))
    const next = [
      origin.recorded({ user: 'a', acceptedAt: NOW + HOUR, occurredAt: NOW - HOUR, riskLevel: 'IMMINENT' }),
      origin.recorded({ user: 'new', acceptedAt: NOW + HOUR }),
      origin.cleared('x:profile', NOW + HOUR),
      origin.erased('__proto__', NOW + HOUR),
      origin.erased('b', NOW + HOUR),
    ]
    expect(await seeded.append(next)).toEqual(await store.append(next))
    expect(await seeded.copies(all)).toEqual(await store.copies(all))
    expect(await snapshot(seeded, NOW + HOUR)).toEqual(await snapshot(store, NOW + HOUR))
    const [swept, expected] = [await seeded.sweep(NOW + 40 * DAY_MS), await store.sweep(NOW + 40 * DAY_MS)]
    expect(swept).toEqual({ ...expected, expiredUsers: expect.arrayContaining([...expected.expiredUsers]) })
  })

  test.each([true, false])(
    'what the log says of somebody who is not among them goes with their erasure; recorded again: %s',
    async (isBack) => {
      const [dir, store] = [tempDir(), await databases.open()]
      onTestFinished(dir.remove)
      const here = new Replica(join(dir.path, 'here.db'))
      onTestFinished(() => here.close())
      const said = new Origin('said')
      await store.append([said.recorded({ user: 'known' }), said.recorded({ user: 'a', riskLevel: 'HIGH' }), said.assigned('a', 'SECRET')])
      here.beginRebuild({ ...here.seedHead('', 0), positions: {} })
      const { entries } = await store.log({ epoch: store.epoch, n: 0 }, 10)
      let chain = ''
      here.applyEntries(
        [entries[2]].flatMap((entry) => {
          if (!entry) return []
          chain = chainOf(chain, entry.origin, entry.seq)
          return { ...entry, n: 1, chain }
        }),
      )
      const redis = await databases.connection(1)
      const head = here.seedHead('filled', 10)
      const seed = { ...lease(), dataSetId: head.dataSetId }
      await beginSeed(redis, seed)
      await seedLog(redis, seed.token, packLog(here.seedLog(0, 10)))
      await finishSeed(redis, seed.token, head)
      const [filled, later] = [await databases.open(1), new Origin('later')]
      const held = async () => JSON.stringify(await databases.other.xrange('xinyi:log', '-', '+'))
      expect(await held()).toContain('SECRET')
      if (isBack) await filled.append([later.recorded({ user: 'a' })])
      await filled.append([later.erased('a')])
      await filled.forget()
      expect(await held()).not.toContain('SECRET')
    },
  )

  test('what the predecessor reads is the same, and nothing of what was there before is left', async () => {
    const store = await databases.open()
    await writeMuch(store)
    await (await databases.open(1)).append([new Origin().recorded({ user: 'stranger', riskLevel: 'HIGH', topics: ['t'] })])
    await databases.other.set('another program', 'stays')
    const other = await databases.connection(1)
    await seedFrom(store, other, await inspect(other))
    const legacy = async (redis: typeof databases.redis) => {
      const keys = (await redis.keys('user:*')).sort()
      const dumps = keys.map(async (key) => {
        const type = await redis.type(key)
        if (type === 'hash') return [key, await redis.hgetall(key)]
        return [key, type === 'list' ? await redis.lrange(key, 0, -1) : (await redis.smembers(key)).sort()]
      })
      return Promise.all(dumps)
    }
    expect(await legacy(databases.other)).toEqual(await legacy(databases.redis))
    expect(await databases.other.keys('*stranger*')).toEqual([])
    expect((await databases.other.keys('*')).length - (await databases.redis.keys('*')).length).toBe(1)
  })

  test('what is seeded again replaces what was seeded before, also when it is gone by then', async () => {
    const store = await databases.open()
    const origin = await writeMuch(store)
    const first = await store.copies({ after: '', limit: 100 })
    await store.append([
      origin.recorded({ user: 'a', acceptedAt: NOW + 1, topics: ['new'], riskLevel: 'HIGH' }),
      origin.cleared('x:profile', NOW + 1),
      origin.erased('b', NOW + 1),
    ])
    const redis = await databases.connection(1)
    const seed = lease()
    await beginSeed(redis, seed)
    await seedUsers(redis, seed.token, packUsers(first.copies, SEEDED))
    const entries = (await store.log({ epoch: store.epoch, n: 0 }, 10_000)).entries
    await seedLog(redis, seed.token, packLog(entries))
    await seedLog(redis, seed.token, packLog(entries))
    const { copies } = await store.copies({ users: ['b', ...first.copies.map(({ user }) => user)] })
    await seedUsers(redis, seed.token, packUsers(copies, SEEDED))
    await finishSeed(redis, seed.token, await store.head())
    expect(await snapshot(await databases.open(1), NOW)).toEqual(await snapshot(store, NOW))
    expect(await databases.other.keys('*:b:*')).toEqual([])
  })

  test('the replica in SQLite holds the same of everybody, and what is seeded from there answers the same', async () => {
    const store = await databases.open()
    const dir = tempDir()
    onTestFinished(() => dir.remove())
    const replica = new Replica(join(dir.path, 'xinyi.db'))
    onTestFinished(() => replica.close())
    await writeMuch({
      async append(events) {
        const appended = await store.append(events)
        const { entries } = await store.log({ epoch: store.epoch, n: replica.facts().n }, 1_000)
        expect(replica.applyEntries(entries)).toBe(entries.length)
        return appended
      },
    })
    const { copies } = await store.copies({ after: '', limit: 100 })
    const states = (of: readonly UserCopy[]) => of.map(({ user, state }) => [user, state])
    expect(states(replica.copies(replica.nextUsers('', 100)))).toEqual(states(copies))

    const redis = await databases.connection(1)
    const seed = lease()
    await beginSeed(redis, seed)
    const head = replica.seedHead('next epoch', 1_000)
    await seedUsers(redis, seed.token, packUsers(replica.copies(replica.nextUsers('', 100)), { ...SEEDED, ...head }))
    await seedLog(redis, seed.token, packLog(replica.seedLog(head.trimmed, 1_000)))
    await finishSeed(redis, seed.token, head)
    const seeded = await databases.open(1)
    expect(sorted(await seeded.head())).toEqual(sorted({ ...head, dataSetId: 'set' }))
    expect(await seeded.chainAt([0, 1, 100, head.n])).toEqual(await store.chainAt([0, 1, 100, head.n]))
    expect({ ...(await snapshot(seeded, NOW)), log: null }).toEqual({ ...(await snapshot(store, NOW)), log: null })
  })

  test.each(['cleared', 'erased'] as const)(
    'what a user was seeded with is not undone by what was %s before and comes to the log after',
    async (kind) => {
      const store = await databases.open()
      const origin = new Origin()
      const events = [origin.recorded(), origin[kind]('u'), origin.recorded({ acceptedAt: NOW + 1 })]
      await store.append(events)
      const { copies } = await store.copies({ users: ['u'] })
      const redis = await databases.connection(1)
      const seed = lease()
      await beginSeed(redis, seed)
      await seedUsers(redis, seed.token, packUsers(copies, SEEDED))
      await finishSeed(redis, seed.token, { ...(await store.head()), epoch: 'next', n: 0, chain: '', positions: {} })
      const seeded = await databases.open(1)
      // As whoever pushes them has them.
      const { entries } = await store.log({ epoch: store.epoch, n: 0 }, 10)
      const lost = new Origin(origin.name)
      const again = entries.map(({ event }) => event ?? lost.voided())
      const { outcomes } = await seeded.append(again)
      expect(outcomes.map(({ type }) => type)).toEqual([kind === 'erased' ? 'erased' : 'applied', 'applied', 'applied'])
      const [after] = (await seeded.copies({ users: ['u'] })).copies
      expect(after).toMatchObject({ state: { conversations: [{ id: events[2]?.id }], totalChats: copies[0]?.state?.totalChats } })
    },
  )

  test('an erasure in a seeded store leaves no word of the erased in the log', async () => {
    const store = await databases.open()
    const origin = new Origin()
    await store.append([origin.recorded({ id: 'a', query: 'a secret' }), origin.recorded({ user: 'v', id: 'a' })])
    await seedFrom(store, await databases.connection(1))
    const seeded = await databases.open(1)
    await seeded.append([origin.recorded({ id: 'b', query: 'a secret' }), origin.erased('u')])
    expect(JSON.stringify(await databases.other.xrange('xinyi:log', '-', '+'))).not.toContain('a secret')
    const { entries } = await seeded.log({ epoch: seeded.epoch, n: 0 }, 10)
    expect(entries.map(({ outcome }) => outcome)).toEqual(['erased', 'applied', 'erased', 'applied'])
  })

  test('nor of what counselors noted about them, or another system had of them', async () => {
    const store = await databases.open()
    const origin = new Origin()
    const [raised] = (await store.append([origin.recorded({ riskLevel: 'HIGH' })])).outcomes
    const alertId = (raised?.type === 'applied' && raised.alertId) || ''
    await store.append([
      origin.assigned('u', 'li', NOW, 'wang', 'a secret'),
      origin.acted('u', { alertId, action: 'NOTE', actor: 'li', note: 'a secret' }),
      origin.adopted('u', { topics: ['a secret'] }),
    ])
    await seedFrom(store, await databases.connection(1))
    const seeded = await databases.open(1)
    expect(JSON.stringify(await databases.other.xrange('xinyi:log', '-', '+')).split('a secret').length).toBeGreaterThan(3)
    await seeded.append([origin.erased('u')])
    expect(JSON.stringify(await databases.other.xrange('xinyi:log', '-', '+'))).not.toContain('a secret')
  })
})

describe('who may seed', () => {
  test('only one at a time; until it is done nobody else can read or write', async () => {
    const redis = await databases.connection()
    const store = await databases.open()
    const origin = new Origin()
    await store.append([origin.recorded()])
    const seed = lease(await inspect(redis))
    expect(await beginSeed(redis, seed)).toBe(true)
    expect(await inspect(redis)).toEqual({ state: 'seeding', dataSetId: 'set', leaseHeld: true, rollback: '' })
    expect(await beginSeed(redis, lease(await inspect(redis)))).toBe(false)
    expect((await store.append([origin.recorded()])).outcomes).toEqual([{ type: 'stale' }])
    await expect(store.read([{ kind: 'overview' }], NOW)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause: { code: 'STALE' } })
    await expect(store.log({ epoch: store.epoch, n: 0 }, 1)).rejects.toMatchObject({ cause: { code: 'STALE' } })
    expect(await store.fork('other', 0)).toBe(false)
  })

  test('whoever lost the lease writes nothing more, and another takes over what is half done', async () => {
    const store = await databases.open()
    await writeMuch(store)
    const { copies } = await store.copies({ after: '', limit: 100 })
    const redis = await databases.connection(1)
    const slow = { ...lease(), leaseMs: 300 }
    await beginSeed(redis, slow)
    await seedUsers(redis, slow.token, packUsers(copies.slice(0, 3), SEEDED))
    await expect.poll(() => inspect(redis)).toMatchObject({ state: 'seeding', leaseHeld: false })
    expect(await beginSeed(redis, lease()), 'it is not empty any more').toBe(false)
    const refused = { code: 'LEASE' }
    await expect(seedUsers(redis, slow.token, packUsers(copies, SEEDED))).rejects.toMatchObject(refused)
    await seedFrom(store, redis, await inspect(redis))
    const whole = await snapshot(store, NOW)
    expect(await snapshot(await databases.open(1), NOW)).toEqual(whole)
    await expect(seedUsers(redis, slow.token, packUsers(copies, SEEDED))).rejects.toMatchObject(refused)
    await expect(finishSeed(redis, slow.token, await store.head())).rejects.toMatchObject(refused)
    expect(await snapshot(await databases.open(1), NOW)).toEqual(whole)
  })

  test('a data set that another begins while one looks is not taken for one that has lost its head', async () => {
    const [redis, other] = [await databases.connection(), await databases.connection()]
    const exists = redis.exists.bind(redis)
    vi.spyOn(redis, 'exists').mockImplementationOnce(async (...keys) => {
      await createDataSet(other, identity())
      return exists(...keys)
    })
    expect(await inspect(redis)).toMatchObject({ state: 'ready', n: 0 })
  })

  test('every step prolongs the lease', async () => {
    const redis = await databases.connection()
    const seed = { ...lease(), leaseMs: 60_000 }
    await beginSeed(redis, seed)
    await databases.redis.pexpire('xinyi:lease', 5_000)
    await seedUsers(redis, seed.token, packUsers([{ user: 'nobody', state: null, erasedAt: null, expiredAt: null }], SEEDED))
    expect(await databases.redis.pttl('xinyi:lease')).toBeGreaterThan(50_000)
  })

  test('a seed is not begun over anything else than what was seen', async () => {
    const redis = await databases.connection()
    const empty = await inspect(redis)
    const store = await databases.open()
    const fresh = await inspect(redis)
    await store.append([new Origin().recorded()])
    await store.fork('another', 1)
    for (const over of [empty, fresh]) expect(await beginSeed(redis, lease(over))).toBe(false)
    expect((await store.status()).n).toBe(1)
    expect(await redis.exists('xinyi:lease')).toBe(0)
    expect(await beginSeed(redis, lease(await inspect(redis)))).toBe(true)
  })
})
