import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { Replica } from '../../src/store/sqlite/replica/replica.ts'
import { MINUTE, NOW, Origin } from '../helpers/events.ts'
import { inAgreement, inCharge } from '../helpers/joined.ts'
import { backUp, eventually, restartFrom, type World, world } from './one.ts'

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

  test('what is written right behind the write that meets a user whose lists are gone has its place in Redis, too', async () => {
    const w = await world()
    await w.settled()
    await w.admin((redis) => redis.del(lists))
    const users = ['cold', 'warm', 'cold', 'warm']
    const written = await Promise.all(users.map((user) => w.record(user)))
    expect(written.map(({ durability }) => durability)).toEqual(users.map(() => 'BOTH'))
    expect(await w.total('cold')).toEqual({ total: 4, served: 'REDIS' })
    await w.expectHealed()
  })

  test('a user whose lists are gone is put back although nobody asks for them', async () => {
    const w = await world()
    await w.settled()
    await w.admin((redis) => redis.del(lists))
    await w.until((status) => (status.reconciliation?.repaired ?? 0) > 0)
    await w.expectHealed()
  })

  test.each(['conversations', 'emotions'])('a user whose %s are there twice, in another order, is put right, once', async (list) => {
    const w = await world()
    await w.record('cold')
    await w.settled()
    await w.admin(async (redis) => {
      const elements = await redis.lrange(`user:cold:${list}`, '0', '-1')
      await redis.rpush(`user:cold:${list}`, ...elements)
    })
    await w.until((status) => (status.reconciliation?.repaired ?? 0) > 0 && inAgreement(status))
    expect((await w.store.status()).reconciliation).toMatchObject({ repaired: 1, pulled: 0 })
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
