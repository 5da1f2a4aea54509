import { expect, test } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { HOUR, NOW } from '../helpers/events.ts'
import { inFallback, newDataFile, until } from '../helpers/joined.ts'
import { freePort } from '../helpers/redis.ts'
import { behindTheirBacks, chatsOf, expectAllEqual, healed, heldReplica, ownRedis, proxyTo, site, totalOf } from './several.ts'

async function two() {
  const server = await ownRedis()
  const [proxyA, proxyB] = [await proxyTo(server), await proxyTo(server)]
  const [a, b] = [await site({ url: proxyA.url }), await site({ url: proxyB.url })]
  await healed(server, [a, b])
  return { server, proxyA, proxyB, a, b }
}

test('one Redis serves several instances, and both replicas equal it', async () => {
  const { server, a, b } = await two()
  await Promise.all([a.record('ann', ['a1', 'a2', 'a3'], { topics: ['sleep'] }), b.record('ann', ['b1', 'b2'], { riskLevel: 'HIGH' })])
  await b.record('bob', ['b3'])
  expect(await chatsOf(a.store, 'ann')).toEqual(['a1', 'a2', 'a3', 'b1', 'b2'])
  expect(await totalOf(b.store, 'ann')).toBe(5)
  await expectAllEqual(server, [a, b])
})

test('what an instance accepts while it is cut off reaches the other one when that heals', async () => {
  const { server, proxyB, a, b } = await two()
  await a.record('ann', ['a1'])
  proxyB.cut()
  await b.record('ann', ['b1', 'b2'], { riskLevel: 'HIGH', topics: ['exams'] })
  await b.record('only-b', ['b3'])
  await a.record('ann', ['a2'], { riskLevel: 'IMMINENT' })
  proxyB.heal()
  await healed(server, [a, b])
  expect(await chatsOf(a.store, 'ann')).toEqual(['a1', 'a2', 'b1', 'b2'])
  expect(await chatsOf(a.store, 'only-b')).toEqual(['b3'])
  await expectAllEqual(server, [a, b])
})

test('two instances that were cut off both bring what they accepted', async () => {
  const { server, proxyA, proxyB, a, b } = await two()
  await a.record('ann', ['a1'])
  proxyA.hang()
  proxyB.cut()
  await Promise.all([a.record('ann', ['a2', 'a3']), b.record('ann', ['b1', 'b2'])])
  proxyB.heal()
  proxyA.heal()
  await healed(server, [a, b])
  expect(await chatsOf(b.store, 'ann')).toEqual(['a1', 'a2', 'a3', 'b1', 'b2'])
  expect(await totalOf(a.store, 'ann')).toBe(5)
  await expectAllEqual(server, [a, b])
})

test('the same idempotency key at two instances that are cut off counts once', async () => {
  const { server, proxyA, proxyB, a, b } = await two()
  proxyA.cut()
  proxyB.cut()
  const said = { query: 'the same', response: 'the same', riskLevel: 'HIGH' as const, topics: ['exams'] }
  await a.record('ann', ['key'], said)
  await b.record('ann', ['key'], said)
  proxyA.heal()
  proxyB.heal()
  await healed(server, [a, b])
  expect(await totalOf(a.store, 'ann')).toBe(1)
  expect(await chatsOf(b.store, 'ann')).toEqual(['key'])
  await expectAllEqual(server, [a, b])
})

test('a user is erased while another instance, cut off, records: what was accepted before stays dead, what came after lives', async () => {
  const { server, proxyB, a, b } = await two()
  await a.record('ann', ['a1'])
  proxyB.cut()
  await until(b.store, inFallback)
  await b.record('ann', ['before'], { acceptedAt: NOW + HOUR })
  await a.tell(a.origin.erased('ann', NOW + 2 * HOUR))
  await b.record('ann', ['after'], { acceptedAt: NOW + 3 * HOUR })
  proxyB.heal()
  await healed(server, [a, b])
  expect(await chatsOf(a.store, 'ann')).toEqual(['after'])
  expect(await totalOf(b.store, 'ann')).toBe(1)
  await expectAllEqual(server, [a, b])
})

test('an erasure that an instance took while it was cut off removes what the other one recorded before', async () => {
  const { server, proxyB, a, b } = await two()
  await a.record('ann', ['a1'])
  proxyB.cut()
  await until(b.store, inFallback)
  await b.tell(b.origin.erased('ann', NOW + 2 * HOUR))
  await a.record('ann', ['a2'], { acceptedAt: NOW + HOUR })
  proxyB.heal()
  await healed(server, [a, b])
  expect(await chatsOf(a.store, 'ann')).toEqual([])
  await expectAllEqual(server, [a, b])
})

test('an instance past whose place the stream was trimmed while it slept is equal again', async () => {
  const { server, proxyB, a, b } = await two()
  await b.record('ann', ['b1', 'b2'], { riskLevel: 'HIGH' })
  await b.store.pin('sqlite')
  await b.store.close()
  await a.record('ann', ['a1', 'a2', 'a3'])
  await a.record('bob', ['a4'])
  await behindTheirBacks(server, (redis) => redis.xtrim('xinyi:log', 'MAXLEN', 1))
  const again = await b.reopen({ url: proxyB.url })
  await healed(server, [a, again])
  expect(await chatsOf(again.store, 'ann')).toEqual(['a1', 'a2', 'a3', 'b1', 'b2'])
  await expectAllEqual(server, [a, again])
})

test('an instance that slept from the beginning of a stream that was trimmed since is equal again', async () => {
  const { server, proxyB, a, b } = await two()
  await b.store.close()
  await a.record('ann', ['a1', 'a2', 'a3'])
  await behindTheirBacks(server, (redis) => redis.xtrim('xinyi:log', 'MAXLEN', 1))
  const again = await b.reopen({ url: proxyB.url })
  await healed(server, [a, again])
  expect(await chatsOf(again.store, 'ann')).toEqual(['a1', 'a2', 'a3'])
  await expectAllEqual(server, [a, again])
})

test('an instance whose place was trimmed off while it was cut off, and that has written itself, brings that and is equal', async () => {
  const { server, proxyB, a, b } = await two()
  await b.record('ann', ['b1'])
  await b.store.pin('sqlite')
  proxyB.cut()
  await b.store.pin('auto')
  await b.record('ann', ['b2'])
  await a.record('ann', ['a1', 'a2'])
  await behindTheirBacks(server, (redis) => redis.xtrim('xinyi:log', 'MAXLEN', 1))
  proxyB.heal()
  await healed(server, [a, b])
  expect(await chatsOf(a.store, 'ann')).toEqual(['a1', 'a2', 'b1', 'b2'])
  await expectAllEqual(server, [a, b])
})

test('an instance that is taking everybody over anew leaves it to another to put back whom Redis has lost', async () => {
  const server = await ownRedis()
  const held = heldReplica()
  const a = await site({ url: server.url })
  const b = await site({ url: server.url, path: held.path, seams: { replica: held.replica } })
  await a.record('ann', ['a1'])
  await healed(server, [a, b])
  await b.store.pin('sqlite')
  await a.record('ann', ['a2', 'a3'])
  // Leaving on request waits until SQLite has all of the log.
  await a.store.pin('sqlite')
  await a.store.pin('auto')
  await behindTheirBacks(server, (redis) => redis.xtrim('xinyi:log', 'MAXLEN', 0))
  const takingOver = held.before('noteRevs')
  await b.store.pin('auto')
  await takingOver
  await b.record('ann', ['b1'])
  const own = ['tally', 'seen', 'ids', 'alerts'].map((name) => `xinyi:user:ann:${name}`)
  const old = ['profile', 'conversations', 'emotions', 'topics'].map((name) => `user:ann:${name}`)
  await behindTheirBacks(server, (redis) => redis.del(...own, ...old))
  held.goOn()
  expect(await chatsOf(b.store, 'ann')).toContain('b1')
  await healed(server, [a, b])
  expect(await chatsOf(a.store, 'ann')).toEqual(['a1', 'a2', 'a3', 'b1'])
  await expectAllEqual(server, [a, b])
})

test('two instances that start without Redis make one data set of what both have, when it appears', async () => {
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  const [a, b] = [await site({ url, path: newDataFile() }), await site({ url, path: newDataFile() })]
  await a.record('ann', ['a1', 'a2'], { riskLevel: 'HIGH' })
  await b.record('ann', ['b1'])
  await b.record('bob', ['b2'])
  const server = await ownRedis({ port })
  // Nobody asks for the status: what cursors are sealed with is the same at both from the moment that Redis serves.
  await Promise.all([a, b].map(({ store }) => whenJoined(store)))
  expect(a.store.secret).toEqual(b.store.secret)
  await healed(server, [a, b])
  expect(await chatsOf(a.store, 'ann')).toEqual(['a1', 'a2', 'b1'])
  expect(await chatsOf(a.store, 'bob')).toEqual(['b2'])
  await expectAllEqual(server, [a, b])
})

async function whenJoined(store: Store): Promise<void> {
  const late = AbortSignal.timeout(10_000)
  for (; store.backend !== 'REDIS'; await store.statusChanged(late)) late.throwIfAborted()
}
