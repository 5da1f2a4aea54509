import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MINUTE, NOW } from '../helpers/events.ts'
import { inAgreement, inFallback } from '../helpers/joined.ts'
import { ALL } from '../store/contract/harness.ts'
import { type World, world } from './one.ts'

const SECRET = 'nobody may ever read this again'

const confide = (w: World) =>
  w.record('gone', 3, { query: `${SECRET} (asked)`, response: `${SECRET} (answered)`, riskLevel: 'HIGH', topics: [SECRET] })

async function erase(w: World, user = 'gone'): Promise<void> {
  const { outcomes } = await w.store.append([w.origin.erased(user, NOW - MINUTE + 1_000)])
  expect(outcomes).toMatchObject([{ type: 'applied' }])
  w.told.delete(user)
}

/** Neither Redis nor the data file has any of it, in any key, value or free page. */
async function expectNowhere(w: World): Promise<void> {
  const dump = await w.admin(async (redis) => {
    const keys = await redis.keys('*')
    const of = async (key: string): Promise<unknown> => {
      const type = await redis.type(key)
      if (type === 'hash') return redis.hgetall(key)
      if (type === 'list') return redis.lrange(key, 0, -1)
      if (type === 'zset') return redis.zrange(key, '0', '-1')
      if (type === 'set') return redis.smembers(key)
      return type === 'stream' ? redis.xrange(key, '-', '+') : redis.get(key)
    }
    return JSON.stringify(await Promise.all(keys.map(async (key) => [key, await of(key)])))
  })
  expect(dump.includes(SECRET), 'in Redis').toBe(false)
  expect(readFileSync(w.path).includes(SECRET), 'in SQLite').toBe(false)
  if (!w.told.has('gone')) expect(await w.admin((redis) => redis.keys('*:gone:*')), 'keys that name them').toEqual([])
}

test('a user who is erased while Redis is away stays erased, and nothing they said is anywhere', async () => {
  const w = await world({ proxied: true })
  await confide(w)
  await w.settled()
  w.proxy.cut()
  await w.until(inFallback)
  await confide(w)
  await erase(w)
  w.proxy.heal()
  await w.expectHealed()
  await expectNowhere(w)
})

test('a user who was only ever known while Redis was away, and erased then, never comes to Redis', async () => {
  const w = await world({ proxied: true })
  w.proxy.cut()
  await w.until(inFallback)
  await confide(w)
  await erase(w)
  w.proxy.heal()
  await w.expectHealed()
  await expectNowhere(w)
})

test('an erasure that Redis applied and did not answer is not undone', async () => {
  const w = await world({ proxied: true })
  await confide(w)
  w.proxy.dropReplies()
  await erase(w)
  w.proxy.heal()
  await w.expectHealed()
  await expectNowhere(w)
})

test('a Redis that is emptied after an erasure is filled without the erased, and with their tombstone', async () => {
  const w = await world()
  await confide(w)
  await erase(w)
  await w.settled()
  await w.admin((redis) => redis.flushall())
  await w.record('warm')
  await w.settled()
  const { outcomes } = await w.store.append([w.said('gone', { acceptedAt: NOW - MINUTE + 500 })])
  expect(outcomes).toMatchObject([{ type: 'dead' }])
  await w.expectHealed()
  await expectNowhere(w)
})

test('a Redis that goes back to before an erasure forgets the user again', async () => {
  const w = await world({ persistence: 'rdb' })
  await confide(w)
  await w.admin((redis) => redis.save())
  await erase(w)
  await w.settled()
  await w.server.kill()
  await w.server.restart()
  await w.record('warm')
  await w.expectHealed()
  await expectNowhere(w)
})

test('someone who comes back after an erasure begins anew, with Redis away in between', async () => {
  const w = await world({ proxied: true })
  await confide(w)
  w.proxy.cut()
  await w.until(inFallback)
  await erase(w)
  await w.record('gone', 1, { acceptedAt: NOW - MINUTE + 2_000 })
  w.proxy.heal()
  await w.expectHealed()
  await expectNowhere(w)
})

test('what was said after a clearing, all while Redis was away, stays though keys of the user were deleted there', async () => {
  const w = await world({ proxied: true })
  await w.settled()
  w.proxy.cut()
  await w.until(inFallback)
  await w.record('warm', 2)
  await w.store.append([w.origin.cleared('warm', NOW - MINUTE + 1_000)])
  const last = w.said('warm', { acceptedAt: NOW - MINUTE + 2_000 })
  await w.store.append([last])
  await w.admin((redis) => redis.del('user:warm:conversations'))
  w.proxy.heal()
  await w.until(inAgreement)
  for (const backend of ['REDIS', 'SQLITE'] as const) {
    if (backend === 'SQLITE') await w.store.pin('sqlite')
    const { answers, served } = await w.store.read([{ kind: 'conversations', userId: 'warm', page: ALL }], NOW)
    expect(served).toBe(backend)
    expect(answers[0].items.map(({ value }) => value.id)).toEqual([last.id])
  }
})
