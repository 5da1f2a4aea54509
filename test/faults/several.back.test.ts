import { expect, test } from 'vitest'
import { NOW } from '../helpers/events.ts'
import { inAgreement, inCharge, inFallback, until } from '../helpers/joined.ts'
import {
  behindTheirBacks,
  chatsOf,
  epochAfter,
  epochsOf,
  expectAllEqual,
  healed,
  heldReplica,
  ownRedis,
  proxyTo,
  restartFrom,
  type Site,
  savedCopy,
  site,
  totalOf,
} from './several.ts'

async function two() {
  const server = await ownRedis({ persistence: 'rdb' })
  const [a, b] = [await site({ url: server.url }), await site({ url: server.url })]
  await healed(server, [a, b])
  return { server, a, b }
}

const epochNow = async ({ store }: Site) => (await store.status()).epoch

test('two instances that repair at once a Redis restored from an older copy lose nothing, and count nothing twice', async () => {
  const { server, a, b } = await two()
  await a.record('ann', ['a1'], { riskLevel: 'HIGH' })
  await b.record('cold', ['b1'])
  const copy = await savedCopy(server)
  await Promise.all([a.record('ann', ['a2', 'a3'], { topics: ['exams'] }), b.record('ann', ['b2', 'b3'], { riskLevel: 'HIGH' })])
  await b.record('new', ['b4'])
  await healed(server, [a, b])
  await restartFrom(server, copy)
  await healed(server, [a, b])
  expect(await chatsOf(a.store, 'ann')).toEqual(['a1', 'a2', 'a3', 'b2', 'b3'])
  expect(await totalOf(b.store, 'ann')).toBe(5)
  expect(await chatsOf(a.store, 'new')).toEqual(['b4'])
  await expectAllEqual(server, [a, b])
})

test('what is written while Redis is away that then comes back older is kept, whoever took it', async () => {
  const { server, a, b } = await two()
  await a.record('ann', ['a1'])
  const copy = await savedCopy(server)
  await a.record('ann', ['a2'])
  await b.record('ann', ['b2'])
  await server.kill()
  await Promise.all([a.record('ann', ['a3']), b.record('ann', ['b3'])])
  await server.restart()
  await restartFrom(server, copy)
  await healed(server, [a, b])
  expect(await chatsOf(b.store, 'ann')).toEqual(['a1', 'a2', 'a3', 'b2', 'b3'])
  await expectAllEqual(server, [a, b])
})

test('whoever follows the log at an instance that can not compare it with an older one is led back to all that is new there', async () => {
  const server = await ownRedis({ persistence: 'rdb' })
  const [proxy, held] = [await proxyTo(server), heldReplica()]
  const a = await site({ url: proxy.url, path: held.path, seams: { replica: held.replica } })
  const b = await site({ url: server.url })
  await a.record('ann', ['a1'])
  await healed(server, [a, b])
  const copy = await savedCopy(server)
  await b.store.pin('sqlite')
  await b.record('bob', ['b1'])
  // The log is trimmed behind what the other one has of it, which takes everybody over anew, and is held up.
  await a.store.pin('sqlite')
  const c = await site({ url: server.url })
  await until(c.store, inCharge)
  await c.record('cat', ['c1', 'c2', 'c3'])
  await c.store.close()
  await behindTheirBacks(server, (redis) => redis.xtrim('xinyi:log', 'MAXLEN', 0))
  const takingOver = held.before('replaceUsers')
  await a.store.pin('auto')
  await takingOver
  const { settled } = await a.store.status()
  proxy.cut()
  await until(a.store, inFallback)
  await restartFrom(server, copy)
  await b.store.pin('auto')
  await until(b.store, inCharge)
  proxy.heal()
  await until(a.store, inCharge)
  held.goOn()
  await healed(server, [a, b])
  const { entries } = await a.store.log(settled, 100)
  expect(entries.map(({ event }) => event?.id)).toContain('b1')
})

test('rollbacks that are repeated while two instances live end in agreement, with at most a new epoch of each instance for each', async () => {
  const { server, a, b } = await two()
  await a.record('ann', ['a0'])
  await b.record('bob', ['b0'])
  await healed(server, [a, b])
  const copies = [await savedCopy(server)]
  const before = await epochsOf(server)
  const rounds = [1, 2, 3, 4, 5]
  for (const round of rounds) {
    await Promise.all([a.record('ann', [`a${round}`]), b.record('ann', [`b${round}`])])
    copies.push(await savedCopy(server))
    // Now from before the repairs, now from between them.
    await restartFrom(server, copies[round % 2 === 0 ? 0 : round - 1] ?? Buffer.of())
    await Promise.all([a.record('bob', [`a${round}`]), b.record('bob', [`later${round}`])])
  }
  await healed(server, [a, b])
  const epochs = await epochsOf(server)
  expect(epochs - before).toBeLessThanOrEqual(2 * rounds.length)
  expect(await totalOf(a.store, 'ann')).toBe(1 + 2 * rounds.length)
  expect(await totalOf(b.store, 'bob')).toBe(1 + 2 * rounds.length)
  await expectAllEqual(server, [a, b])
})

test('a Redis that starts empty while two instances live is filled with everything of both', async () => {
  const server = await ownRedis()
  const [a, b] = [await site({ url: server.url }), await site({ url: server.url })]
  await healed(server, [a, b])
  const before = await epochNow(a)
  await Promise.all([a.record('ann', ['a1', 'a2'], { riskLevel: 'HIGH' }), b.record('ann', ['b1'], { topics: ['exams'] })])
  await healed(server, [a, b])
  await server.kill()
  await Promise.all([a.record('ann', ['a3']), b.record('bob', ['b2'])])
  await server.restart()
  await epochAfter([a, b], before)
  await healed(server, [a, b])
  expect(await chatsOf(b.store, 'ann')).toEqual(['a1', 'a2', 'a3', 'b1'])
  expect(await totalOf(a.store, 'ann')).toBe(4)
  expect(await chatsOf(a.store, 'bob')).toEqual(['b2'])
  await expectAllEqual(server, [a, b])
})

test('a Redis that is emptied under two instances without a disconnection is filled again, and what they write meanwhile is kept', async () => {
  const { server, a, b } = await two()
  await Promise.all([a.record('ann', ['a1', 'a2'], { riskLevel: 'HIGH' }), b.record('ann', ['b1'])])
  await healed(server, [a, b])
  const before = await epochNow(a)
  await behindTheirBacks(server, (redis) => redis.flushall())
  await Promise.all([a.record('ann', ['a3']), b.record('bob', ['b2'])])
  await epochAfter([a, b], before)
  await healed(server, [a, b])
  expect(await chatsOf(b.store, 'ann')).toEqual(['a1', 'a2', 'a3', 'b1'])
  expect(await chatsOf(a.store, 'bob')).toEqual(['b2'])
  await expectAllEqual(server, [a, b])
})

test('an older erasure is not undone by a Redis from before it, by a pull, or by keys that are put back', async () => {
  const { server, a, b } = await two()
  await a.record('ann', ['a1', 'a2'])
  await b.record('cold', ['b1'])
  await healed(server, [a, b])
  const copy = await savedCopy(server)
  await b.tell(b.origin.erased('ann', NOW + 1))
  await healed(server, [a, b])
  await restartFrom(server, copy)
  await healed(server, [a, b])
  for (const { store } of [a, b]) expect(await chatsOf(store, 'ann')).toEqual([])
  await expectAllEqual(server, [a, b])
})

test('an erasure outlives the seeding of an empty Redis, and a repeat of what was erased that arrives after that is dead', async () => {
  const server = await ownRedis()
  const proxy = await proxyTo(server)
  const [a, b] = [await site({ url: server.url }), await site({ url: proxy.url })]
  await healed(server, [a, b])
  await a.record('ann', ['a1'])
  await healed(server, [a, b])
  proxy.cut()
  await b.record('ann', ['before'])
  await a.tell(a.origin.erased('ann', NOW + 1))
  const before = await epochNow(a)
  await server.kill()
  await server.restart()
  await until(a.store, (status) => inAgreement(status) && status.epoch !== before)
  proxy.heal()
  await healed(server, [a, b])
  for (const { store } of [a, b]) expect(await chatsOf(store, 'ann')).toEqual([])
  await expectAllEqual(server, [a, b])
})
