import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { seededEpoch } from '../../src/store/copy.ts'
import { MINUTE, NOW, Origin } from '../helpers/events.ts'
import { inCharge, inFallback, newDataFile } from '../helpers/joined.ts'
import type { FaultProxy } from '../helpers/proxy.ts'
import { backUp, eventually, restartFrom, world } from './one.ts'

describe('Redis forgets', () => {
  test('everything, by a restart: it is filled again', async () => {
    const w = await world()
    await w.server.kill()
    await w.record('warm')
    await w.server.restart()
    await w.record('warm')
    await w.expectHealed()
  })

  test('everything, while nobody is there: the next start fills it again', async () => {
    const w = await world()
    await w.settled()
    await w.store.close()
    await w.server.kill()
    await w.server.restart()
    await w.open()
    await w.record('warm')
    await w.expectHealed()
  })

  test('the last minute, by a restart from an older copy: it gets that back', async () => {
    const w = await world({ persistence: 'rdb' })
    await backUp(w, 'older.rdb')
    await w.record('warm', 3)
    await w.record('later', 2)
    await restartFrom(w, 'older.rdb')
    await w.record('warm')
    await w.expectHealed()
  })

  test('the last minute, by a restart from a copy that lacks a user, and whose change stream was trimmed: it gets both back at once', async () => {
    const w = await world({ persistence: 'rdb' })
    await w.record('warm', 20)
    await w.settled()
    await w.admin((redis) =>
      redis.multi().xtrim('xinyi:log', 'MAXLEN', 2).del('user:warm:profile', 'user:warm:conversations', 'xinyi:user:warm:seen').exec(),
    )
    await backUp(w, 'older.rdb')
    await w.record('later', 3)
    await w.settled()
    await restartFrom(w, 'older.rdb')
    await w.record('warm')
    await w.expectHealed({ log: false })
  })

  test('what it was filled without, and had got since: it gets that back', async () => {
    const w = await world({ persistence: 'rdb' })
    await w.settled()
    await w.store.close()
    const epoch = seededEpoch(true)
    const n = Number(await w.admin((redis) => redis.hget('xinyi:meta', 'n')))
    await w.admin((redis) => redis.multi().hset('xinyi:meta', 'epoch', epoch).rpush('xinyi:lineage', JSON.stringify({ epoch, n })).exec())
    await backUp(w, 'older.rdb')
    await w.open()
    await w.record('warm')
    await w.settled()
    await w.store.close()
    // Its log may well go on behind that: whoever filled it knew what came later.
    const later = await w.admin((redis) =>
      Promise.all(['xinyi:log', 'xinyi:meta'].map(async (key) => [key, await redis.dumpBuffer(key)] as const)),
    )
    await restartFrom(w, 'older.rdb')
    await w.admin((redis) => Promise.all(later.map(([key, value]) => redis.restore(key, 0, value, 'REPLACE'))))
    await w.open()
    const { reconciliation } = await w.until(inCharge)
    expect(reconciliation).toMatchObject({ pushed: 1, repaired: 0 })
    await w.expectHealed({ log: false })
  })

  test('the same minute twice, and what was put right in between: it gets that back', async () => {
    const w = await world({ persistence: 'rdb' })
    await backUp(w, 'older.rdb')
    for (let i = 0; i < 2; i += 1) {
      await w.record('warm', 2)
      await restartFrom(w, 'older.rdb')
      await w.record(`user ${i}`)
      await w.settled()
    }
    await w.expectHealed()
  })

  test('the last minute, while nobody is there: the next start gives it back', async () => {
    const w = await world({ persistence: 'rdb' })
    await backUp(w, 'older.rdb')
    await w.record('warm', 3)
    await w.settled()
    await w.store.close()
    await restartFrom(w, 'older.rdb')
    await w.open()
    await w.record('warm')
    await w.expectHealed()
  })

  test('everything, without a disconnection (FLUSHALL): no read shows less, and it is filled again', async () => {
    const w = await world()
    await w.admin((redis) => redis.flushall())
    expect(await w.total('cold')).toEqual({ total: 2, served: 'SQLITE' })
    await w.record('warm')
    await w.expectHealed()
  })

  test('everything, and the next thing it is asked is a write (FLUSHALL): that is acknowledged, and it is filled again', async () => {
    const w = await world()
    await w.admin((redis) => redis.flushall())
    expect(await w.record('warm')).toMatchObject({ durability: 'JOURNAL' })
    await w.expectHealed()
  })

  test('keys of a user whom nobody holds any more: a clearing of them is refused, and holds up nobody else', async () => {
    const w = await world({ silent: true })
    await w.store.append([w.said('lost', { riskLevel: 'HIGH' })])
    await w.settled()
    await w.store.close()
    await w.admin((redis) => redis.del('user:lost:conversations'))
    await w.moveTo(newDataFile())
    await eventually(async () => (await w.store.status()).reconciliation?.finishedAt !== null)
    const { outcomes } = await w.store.append([w.origin.cleared('lost')])
    expect(outcomes).toMatchObject([{ type: 'conflict' }])
    await w.until((status) => inCharge(status) && status.pendingWrites === 0)
    expect(await w.record('warm')).toMatchObject({ durability: 'BOTH' })
  })

  test('who was erased or has expired, how long things are kept, and who has signed in: it is put back, and the erased stay erased', async () => {
    const w = await world()
    const late = new Origin()
    const before = late.recorded({ user: 'gone', acceptedAt: NOW - 2 * MINUTE })
    const li = { sub: 'li', name: '李', role: 'COUNSELOR' } as const
    await w.store.append([
      w.said('gone'),
      w.origin.erased('gone', NOW - MINUTE / 2),
      w.origin.policy({ conversations: 3, profileDays: 30 }, NOW),
      new Origin().recorded({ user: 'lapsed', acceptedAt: NOW - 31 * DAY_MS, occurredAt: NOW - 31 * DAY_MS }),
      w.origin.expired('lapsed', NOW),
      w.origin.joined(li),
    ])
    await w.settled()
    const keys = ['xinyi:tombstones', 'xinyi:expiries', 'xinyi:policies', 'xinyi:staff']
    await w.admin((redis) => redis.del(...keys))
    await eventually(() => w.admin(async (redis) => (await redis.exists(...keys)) === keys.length))
    expect((await w.store.append([before])).outcomes).toMatchObject([{ type: 'dead' }])
    expect(await w.store.staff()).toEqual([{ at: NOW, ...li }])
    await w.expectHealed()
  })

  test('the change stream (XTRIM): nothing is pushed or filled for that, and recording goes on', async () => {
    const w = await world()
    await w.settled()
    await w.admin((redis) => redis.xtrim('xinyi:log', 'MAXLEN', 0))
    await w.record('warm', 3)
    await w.expectHealed({ log: false })
  })

  test('the change stream (XTRIM): whoever follows the log is led on from the log in SQLite, and nothing is left out', async () => {
    const w = await world()
    await w.settled()
    const { epoch } = await w.store.status()
    await w.admin((redis) => redis.xtrim('xinyi:log', 'MAXLEN', 1))
    const { entries } = await w.store.log({ epoch, n: 1 }, 10)
    expect(entries.map(({ event }) => event?.id)).toEqual([2, 3, 4].map((seq) => `${w.origin.name} ${seq}`))
  })

  /** The tail, which needs two more round trips, has not got it when it is gone. */
  const sayAndTrim = async (w: Awaited<ReturnType<typeof world>> & { proxy: FaultProxy }) => {
    w.proxy.slow(100)
    await w.record('warm', 3)
    await w.admin((redis) => redis.xtrim('xinyi:log', 'MAXLEN', 0))
    w.proxy.heal()
    await w.record('warm')
    await w.settled()
  }

  test('the change stream, before SQLite has taken over anything of it: everyone is taken over anew', async () => {
    const w = await world({ proxied: true, silent: true })
    await sayAndTrim(w)
    await w.expectHealed({ log: false })
  })

  test('the change stream, beyond what SQLite has taken over of it: everyone is taken over anew', async () => {
    const w = await world({ proxied: true })
    await w.settled()
    await sayAndTrim(w)
    await w.expectHealed({ log: false })
  })

  test('the change stream, while SQLite serves: what waited is pushed, and everyone is taken over anew', async () => {
    const w = await world({ proxied: true })
    await w.settled()
    w.proxy.cut()
    await w.until(inFallback)
    await w.record('warm', 3)
    await w.admin((redis) => redis.xtrim('xinyi:log', 'MAXLEN', 0))
    w.proxy.heal()
    await w.expectHealed({ log: false })
  })
})
