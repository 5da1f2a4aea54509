import { copyFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import type { Event } from '../../src/store/store.ts'
import { NOW, type Origin, type Said } from '../helpers/events.ts'
import { inCharge, inFallback, newDataFile, until } from '../helpers/joined.ts'
import { behindTheirBacks, chatsOf, expectAllEqual, healed, heldReplica, ownRedis, proxyTo, type Site, site, totalOf } from './several.ts'

/** A and B hold the same, each alone: Redis is dead. */
async function apart(bob: Said = {}) {
  const server = await ownRedis()
  const [proxyA, proxyB] = [await proxyTo(server), await proxyTo(server)]
  const held = heldReplica()
  const a = await site({ url: proxyA.url, path: held.path, seams: { replica: held.replica } })
  const b = await site({ url: proxyB.url })
  await healed(server, [a, b])
  await a.tell(a.origin.policy({ profileDays: 10 }))
  await a.record('ann', ['a1', 'a2'], { riskLevel: 'HIGH', topics: ['exams'] })
  await b.record('bob', ['b1'], bob)
  await healed(server, [a, b])
  for (const { store } of [a, b]) await store.pin('sqlite')
  await server.kill()
  return { server, proxyA, proxyB, held, a, b }
}

const seeding = (server: Awaited<ReturnType<typeof ownRedis>>) =>
  behindTheirBacks(server, (redis) => redis.hexists('xinyi:meta', 'seeding'))

test('when the instance that fills Redis dies half-way, another one takes over, and nothing is lost', async () => {
  const { server, proxyA, proxyB, held, a, b } = await apart()
  proxyB.cut()
  await a.record('ann', ['a3'])
  await b.record('bob', ['b2'])
  await server.restart()
  const reached = held.before('packedLog')
  await a.store.pin('auto')
  await reached
  expect(await seeding(server)).toBe(1)
  proxyA.cut()
  proxyB.heal()
  await b.store.pin('auto')
  await until(b.store, inCharge)
  held.goOn()
  proxyA.heal()
  await healed(server, [a, b])
  expect(await chatsOf(b.store, 'ann')).toEqual(['a1', 'a2', 'a3'])
  expect(await chatsOf(a.store, 'bob')).toEqual(['b1', 'b2'])
  await expectAllEqual(server, [a, b])
})

test('what is recorded, cleared and erased while Redis is being filled comes after that, and once', async () => {
  const { server, held, a, b } = await apart()
  await server.restart()
  const reached = held.before('packedUsers')
  await a.store.pin('auto')
  await reached
  await a.record('ann', ['a3'])
  await a.tell(a.origin.cleared('ann'))
  await a.record('ann', ['a4'])
  await a.record('new', ['n1'])
  // By now everybody is copied; what comes next is only in the journal.
  held.goOn()
  const copied = held.before('packedLog')
  await copied
  await a.record('ann', ['a5'])
  await a.tell(a.origin.erased('bob', NOW + 1))
  await a.record('bob', ['b2'], { acceptedAt: NOW + 2 })
  held.goOn()
  await until(a.store, inCharge)
  await b.store.pin('auto')
  await healed(server, [a, b])
  for (const { store } of [a, b]) {
    expect(await chatsOf(store, 'ann')).toEqual(['a4', 'a5'])
    expect(await totalOf(store, 'ann')).toBe(5)
    expect(await chatsOf(store, 'bob')).toEqual(['b2'])
    expect(await chatsOf(store, 'new')).toEqual(['n1'])
  }
  await expectAllEqual(server, [a, b])
})

const GONE: [string, (origin: Origin) => Event][] = [
  ['is erased', (origin) => origin.erased('bob', NOW + 1)],
  ['expires', (origin) => origin.expired('bob', NOW + 1)],
]
const GOING = GONE.flatMap(([name, gone]) => [
  { name, gone, isBack: false },
  { name: `${name}, and is there again,`, gone, isBack: true },
])
test.each(GOING)('what somebody had said who $name while Redis is being filled is not in its log', async ({ gone, isBack }) => {
  const { server, held, a, b } = await apart({ occurredAt: NOW - 12 * DAY_MS })
  await server.restart()
  const reached = held.before('packedUsers')
  await a.store.pin('auto')
  await reached
  expect(await a.tell(gone(a.origin))).toMatchObject([{ type: 'applied' }])
  if (isBack) await a.record('bob', ['b2'], { acceptedAt: NOW + 2 })
  held.goOn()
  await until(a.store, inCharge)
  await b.store.pin('auto')
  await healed(server, [a, b])
  const log = await behindTheirBacks(server, async (redis) => JSON.stringify(await redis.xrange('xinyi:log', '-', '+')))
  expect(log).toContain('query a1')
  expect(log).not.toContain('query b1')
  expect(await chatsOf(b.store, 'bob')).toEqual(isBack ? ['b2'] : [])
})

test('an instance that stands still while it fills Redis, and wakes when another has done so, does no harm', async () => {
  const { server, held, a, b } = await apart()
  await server.restart()
  const reached = held.before('packedLog')
  await a.store.pin('auto')
  await reached
  await b.store.pin('auto')
  await until(b.store, inCharge)
  await b.record('bob', ['b2', 'b3'])
  await b.record('new', ['b4'])
  held.goOn()
  await healed(server, [a, b])
  expect(await chatsOf(a.store, 'bob')).toEqual(['b1', 'b2', 'b3'])
  expect(await chatsOf(a.store, 'new')).toEqual(['b4'])
  await expectAllEqual(server, [a, b])
})

test('an instance that comes later and holds more than the one that filled Redis loses nothing of it', async () => {
  const { server, a, b } = await apart()
  const old = newDataFile()
  await a.store.close()
  await copyFile(a.instance.path, old)
  await server.restart()
  await b.store.pin('auto')
  await until(b.store, inCharge)
  await b.record('ann', ['b2'], { riskLevel: 'HIGH' })
  await b.record('new', ['b3'])
  await healed(server, [b])
  await b.store.pin('sqlite')
  await server.kill()
  await server.restart()
  const late = await site({ url: server.url, path: old })
  await until(late.store, inCharge)
  await late.record('ann', ['late'])
  await b.store.pin('auto')
  await healed(server, [late, b])
  expect(await chatsOf(late.store, 'ann')).toEqual(['a1', 'a2', 'b2', 'late'])
  expect(await totalOf(b.store, 'ann')).toBe(4)
  expect(await chatsOf(late.store, 'new')).toEqual(['b3'])
  await expectAllEqual(server, [late, b])
})

test('whoever was erased stays erased when Redis is filled from a file that is older than the erasure', async () => {
  const { server, a, b } = await apart()
  const old = newDataFile()
  await a.store.close()
  await copyFile(a.instance.path, old)
  await b.tell(b.origin.erased('ann', NOW + 1))
  await server.restart()
  const late = await site({ url: server.url, path: old })
  await until(late.store, inCharge)
  await b.store.pin('auto')
  await healed(server, [late, b])
  for (const { store } of [late, b]) expect(await chatsOf(store, 'ann')).toEqual([])
  await expectAllEqual(server, [late, b])
})

test('a data directory copied with what was pending, and started beside the original, counts that once', async () => {
  const server = await ownRedis()
  const proxy = await proxyTo(server)
  const first: Site = await site({ url: proxy.url })
  await healed(server, [first])
  await first.record('ann', ['a1'])
  proxy.cut()
  await until(first.store, inFallback)
  await first.record('ann', ['a2', 'a3'], { riskLevel: 'HIGH', topics: ['exams'] })
  await first.store.close()
  const path = newDataFile()
  await copyFile(first.instance.path, path)
  proxy.heal()
  const [original, copy] = await Promise.all([first.reopen({ url: proxy.url }), site({ url: server.url, path })])
  await Promise.all([original.record('ann', ['o1']), copy.record('ann', ['c1'])])
  await healed(server, [original, copy])
  expect(await chatsOf(original.store, 'ann')).toEqual(['a1', 'a2', 'a3', 'c1', 'o1'])
  expect(await totalOf(copy.store, 'ann')).toBe(5)
  await expectAllEqual(server, [original, copy])
})

test('who was told of a repeat finds its user, though Redis is gone the next moment and the user was not taken over before', async () => {
  const server = await ownRedis()
  const a = await site({ url: server.url })
  await healed(server, [a])
  await a.record('ann', ['a1', 'a2'])
  const held = heldReplica()
  const reached = held.before('noteRevs')
  const b = await site({ url: server.url, path: held.path, seams: { replica: held.replica } })
  await reached
  const repeat = b.origin.recorded({ user: 'ann', id: 'a2' })
  expect(await b.tell(repeat)).toMatchObject([{ type: 'duplicate' }])
  await expect.poll(async () => (await held.replica.facts()).journalSize).toBe(0)
  await server.kill()
  expect(await chatsOf(b.store, 'ann')).toEqual(['a2'])
  held.goOn()
  await server.restart()
  await healed(server, [a, b])
  for (const { store } of [a, b]) {
    expect(await chatsOf(store, 'ann')).toEqual(['a1', 'a2'])
    expect(await totalOf(store, 'ann')).toBe(2)
  }
  await expectAllEqual(server, [a, b])
})
