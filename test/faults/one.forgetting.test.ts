import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { seededEpoch } from '../../src/store/copy.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { Replica } from '../../src/store/sqlite/replica/replica.ts'
import { MINUTE, NOW, Origin } from '../helpers/events.ts'
import { inAgreement, inCharge, inFallback, newDataFile } from '../helpers/joined.ts'
import type { FaultProxy } from '../helpers/proxy.ts'
import { eventually, type World, world } from './one.ts'

/** The copy that Redis would have been backed up as. */
async function backUp(w: World, name: string): Promise<void> {
  await w.admin((redis) => redis.save())
  copyFileSync(join(w.server.dir, 'dump.rdb'), join(w.server.dir, name))
}

async function restartFrom(w: World, name: string): Promise<void> {
  await w.server.kill()
  copyFileSync(join(w.server.dir, name), join(w.server.dir, 'dump.rdb'))
  await w.server.restart()
}

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

  test('who was erased, how long things are kept, and who has signed in: it is put back, and the erased stay erased', async () => {
    const w = await world()
    const late = new Origin()
    const before = late.recorded({ user: 'gone', acceptedAt: NOW - 2 * MINUTE })
    const li = { sub: 'li', name: '李', role: 'COUNSELOR' } as const
    await w.store.append([
      w.said('gone'),
      w.origin.erased('gone', NOW - MINUTE / 2),
      w.origin.policy({ conversations: 3 }, NOW),
      w.origin.joined(li),
    ])
    await w.settled()
    await w.admin((redis) => redis.del('xinyi:tombstones', 'xinyi:policies', 'xinyi:staff'))
    await eventually(() => w.admin(async (redis) => (await redis.exists('xinyi:tombstones', 'xinyi:policies', 'xinyi:staff')) === 3))
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

describe('single keys are deleted', () => {
  const lists = ['conversations', 'emotions', 'topics', 'profile'].map((name) => `user:cold:${name}`)

  test('a user whose lists are gone is put back by the read that meets that', async () => {
    const w = await world()
    await w.settled()
    await w.admin((redis) => redis.del(lists))
    expect(await w.total('cold')).toMatchObject({ total: 2 })
    await w.expectHealed()
  })

  test('a user whose lists are gone is put back by the write that meets that, and it counts on', async () => {
    const w = await world()
    await w.settled()
    await w.admin((redis) => redis.del(lists))
    await w.record('cold', 2)
    await w.expectHealed()
  })

  test('a user whose lists are gone is put back although nobody asks for them', async () => {
    const w = await world()
    await w.settled()
    await w.admin((redis) => redis.del(lists))
    await w.until((status) => (status.reconciliation?.repaired ?? 0) > 0)
    await w.expectHealed()
  })

  test('a user of whom nothing at all is left is put back by the read that meets that', async () => {
    const w = await world()
    await w.settled()
    await w.admin(async (redis) => {
      await redis.del(lists)
      await redis.hdel('xinyi:users', 'cold')
      const others = await redis.keys('xinyi:user:cold:*')
      if (others.length > 0) await redis.del(others)
    })
    expect(await w.total('cold')).toMatchObject({ total: 2 })
    await w.expectHealed()
  })

  test('a user who has yet to be taken over is put back by the only instance that has ever written, without waiting for others', async () => {
    const w = await world({ persistence: 'rdb' })
    await backUp(w, 'older.rdb')
    await w.record('cold', 2)
    await w.settled()
    await w.store.close()
    await restartFrom(w, 'older.rdb')
    const held = Promise.withResolvers<void>()
    await w.open({ seams: { holdReplay: held.promise } })
    await w.until(({ mode, pendingWrites }) => mode === 'REPLAYING' && pendingWrites === 0)
    await w.admin((redis) => redis.del(lists))
    held.resolve()
    await w.until(({ reconciliation }) => (reconciliation?.repaired ?? 0) > 0)
    await w.expectHealed()
  })

  /** Redis, which lacks keys of `cold`, has gone back, and on from there by what this instance wrote at another start, or by others; and it was about to take everybody over. */
  async function apart(w: World, { isAlone }: { isAlone: boolean }): Promise<void> {
    await w.admin((redis) => redis.del(lists))
    await backUp(w, 'older.rdb')
    await w.record('cold')
    await w.settled()
    await w.store.close()
    await restartFrom(w, 'older.rdb')
    const replica = new Replica(w.path)
    const { epoch, lineage } = replica.facts()
    replica.beginRebuild({ ...replica.seedHead(epoch, 0), lineage })
    const origin = new Origin('another start')
    const since = Array.from({ length: 9 }, (_, i) => origin.recorded({ user: 'warm', acceptedAt: NOW - MINUTE + i }))
    if (isAlone) {
      replica.beginOrigin('another start')
      replica.journal(since)
    }
    replica.close()
    const redis = await openRedisStore({ url: w.server.socket })
    await redis.append(since)
    await redis.close()
    w.told.set('warm', 11)
    await w.open()
  }

  test('a user who has something to be pushed is put back although the log there does not meet the one here', async () => {
    const w = await world({ persistence: 'rdb' })
    await apart(w, { isAlone: true })
    await w.expectHealed({ log: false })
  })

  test('while others are waited for, the log of Redis is not forked again with each try', async () => {
    const w = await world({ persistence: 'rdb' })
    await apart(w, { isAlone: false })
    const tries = () => w.lines.filter(({ because }) => because === 'users are lost that others may put back').length
    const forks = () => w.admin((redis) => redis.llen('xinyi:lineage'))
    await eventually(() => tries() > 0)
    const before = await forks()
    await eventually(() => tries() > 3)
    expect(await forks()).toBe(before)
  })

  test('xinyi:positions is deleted: nothing is counted twice, and recording goes on', async () => {
    const w = await world()
    await w.admin((redis) => redis.del('xinyi:positions'))
    await w.record('warm', 2)
    await w.record('warm', 2)
    await w.expectHealed()
  })

  test('xinyi:positions is deleted while the log here is behind: a clearing that Redis has already is not done again', async () => {
    const w = await world()
    await w.store.append([w.said('cleared'), w.origin.cleared('cleared'), w.said('cleared')])
    await w.settled()
    await w.store.close()
    const replica = new Replica(w.path)
    replica.rewind(replica.facts().n - 2)
    replica.close()
    await w.admin((redis) => redis.del('xinyi:positions'))
    await w.open()
    await w.until(inAgreement)
    expect(await w.admin((redis) => redis.llen('user:cleared:conversations'))).toBe(1)
    expect(await w.admin((redis) => redis.hvals('xinyi:positions'))).toEqual(['7'])
  })

  test('marks of the erased that differ between the stores become the later one, in both', async () => {
    const w = await world()
    await w.store.append([w.said('a'), w.said('b'), w.origin.erased('a'), w.origin.erased('b')])
    await w.settled()
    const marks = await w.admin((redis) => redis.hgetall('xinyi:tombstones'))
    const [earlier = '', later = ''] = Object.keys(marks)
    await w.admin((redis) => redis.hset('xinyi:tombstones', { [earlier]: 1, [later]: NOW + MINUTE }))
    await eventually(() => w.admin(async (redis) => (await redis.hget('xinyi:tombstones', earlier)) === marks[earlier]))
    await w.settled()
    await w.store.close()
    const replica = new Replica(w.path)
    expect(new Map(replica.marks().tombstones)).toEqual(
      new Map([...Object.entries({ ...marks, [later]: NOW + MINUTE })].map(([mark, at]) => [mark, Number(at)])),
    )
    replica.close()
  })

  test('xinyi:lineage is deleted: recording goes on', async () => {
    const w = await world({ proxied: true })
    await w.admin((redis) => redis.del('xinyi:lineage'))
    w.proxy.cut()
    await w.record('warm', 2)
    w.proxy.heal()
    await w.expectHealed()
  })

  test('xinyi:meta is deleted: Redis is left alone and the operator told, and once it is emptied it is filled', async () => {
    const w = await world()
    await w.admin((redis) => redis.del('xinyi:meta'))
    await w.record('warm', 2)
    await w.until((status) => /has lost xinyi:meta/.test(status.redis?.lastError ?? ''))
    expect(await w.total('warm')).toEqual({ total: 4, served: 'SQLITE' })
    await w.admin((redis) => redis.flushall())
    await w.until(inCharge)
    await w.expectHealed()
  })

  test('the dump is gone at a restart: Redis is filled again', async () => {
    const w = await world({ persistence: 'rdb' })
    await w.settled()
    await w.server.stop()
    rmSync(join(w.server.dir, 'dump.rdb'))
    await w.server.restart()
    await w.expectHealed()
  })
})
