import { setImmediate } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { inCharge, until } from '../helpers/joined.ts'
import {
  aheadOfTime,
  behindTheirBacks,
  chatsOf,
  expectAllEqual,
  healed,
  heldReplica,
  ownRedis,
  type Site,
  site,
  totalOf,
} from './several.ts'

/**
 * B was cut off from A, whose log Redis does not tell any more; Redis has lost zoe's keys before B has taken her over, A is away, and B has put
 * her back as it had her. Meanwhile A has recorded z2 (HIGH), which was assigned, and had the history cleared. `others`: users before zoe in the order.
 */
async function putBackByB({ others = 0, after }: { others?: number; after?: (b: Site) => Promise<unknown> } = {}) {
  const server = await ownRedis()
  const held = heldReplica()
  const a = await site({ url: server.url })
  const b = await site({ url: server.url, path: held.path, seams: { replica: held.replica } })
  for (let i = 0; i < others; i += 1) await a.record(`a${i}`, ['1'])
  await a.record('zoe', ['z1'])
  await healed(server, [a, b])
  await b.store.pin('sqlite')
  await a.tell(a.origin.recorded({ user: 'zoe', id: 'z2', riskLevel: 'HIGH' }), a.origin.assigned('zoe', 'li', NOW + 11))
  await a.tell(a.origin.cleared('zoe', NOW + 12))
  await a.record('zoe', ['z3'], { acceptedAt: NOW + 13 })
  await a.record('amy', ['1', '2'])
  await until(a.store, (status) => inCharge(status) && status.n === status.settled.n)
  const before = await lookAt(a)
  await a.store.pin('sqlite')
  await b.record('amy', ['3'])
  await behindTheirBacks(server, (redis) => redis.xtrim('xinyi:log', 'MAXLEN', 1))
  const takingOver = held.before('dirtyUsers')
  await b.store.pin('auto')
  await until(b.store, inCharge)
  await takingOver
  const old = ['profile', 'conversations', 'emotions', 'topics'].map((name) => `user:zoe:${name}`)
  await behindTheirBacks(server, (redis) => redis.del(...old))
  const later = aheadOfTime()
  held.goOn()
  const isWanted = (redis: Redis) => redis.sismember('xinyi:wanted', 'zoe')
  while (!(await behindTheirBacks(server, isWanted))) await setImmediate()
  later(16_000)
  await healed(server, [b])
  expect(await chatsOf(b.store, 'zoe')).toEqual(['z1'])
  await after?.(b)
  return { server, held, a, b, before }
}

/** Waits until B has taken over what A has put back. */
async function allWhole({ server, held, a, b }: Omit<Awaited<ReturnType<typeof putBackByB>>, 'before'>): Promise<void> {
  while ((await held.replica.copies(['zoe'])).some(({ state }) => state?.patched)) await setImmediate()
  await healed(server, [a, b])
}

/** What counselors know of zoe. */
async function lookAt({ store }: Site) {
  const page = { take: 'first', limit: 10 } as const
  const { answers } = await store.read(
    [
      { kind: 'user', userId: 'zoe' },
      { kind: 'alerts', userId: 'zoe', page },
    ],
    NOW + 20,
  )
  return answers
}

test('whoever had somebody whole whom another put back without it, has them put back whole: alerts, assignments and what was cleared', async () => {
  const { server, held, a, b, before } = await putBackByB()
  await a.store.pin('auto')
  await until(a.store, inCharge)
  await allWhole({ server, held, a, b })
  for (const each of [a, b]) {
    expect(await chatsOf(each.store, 'zoe')).toEqual(['z3'])
    expect(await lookAt(each)).toEqual(before)
  }
  await expectAllEqual(server, [a, b])
})

test('so they are when more was recorded of them meanwhile, and at once: before Redis answers for them there', async () => {
  const { server, held, a, b } = await putBackByB({
    others: 200,
    after: (b) => b.record('zoe', ['z4'], { acceptedAt: NOW + 15, riskLevel: 'HIGH' }),
  })
  await a.store.pin('auto')
  await until(a.store, inCharge)
  expect(await chatsOf(a.store, 'zoe')).toEqual(['z3', 'z4'])
  await allWhole({ server, held, a, b })
  for (const { store } of [a, b]) {
    expect(await chatsOf(store, 'zoe')).toEqual(['z3', 'z4'])
    expect(await totalOf(store, 'zoe')).toBe(4)
  }
  await expectAllEqual(server, [a, b])
})

/** A, which has zoe whole, with her alert assigned, is away; another has put her back as she was before that. */
async function patchedWhileAway() {
  const server = await ownRedis()
  const a = await site({ url: server.url })
  const other = await openRedisStore({ url: server.url })
  onTestFinished(() => other.close())
  await a.record('zoe', ['z1'])
  await healed(server, [a])
  const early = (await other.copies({ users: ['zoe'] })).copies[0]
  if (!early?.state) throw new Error('zoe is there')
  await a.tell(a.origin.recorded({ user: 'zoe', id: 'z2', riskLevel: 'HIGH' }), a.origin.assigned('zoe', 'li', NOW + 11))
  await healed(server, [a])
  await a.store.pin('sqlite')
  await behindTheirBacks(server, (redis) => redis.del('user:zoe:conversations'))
  await other.restore({ ...early, state: { ...early.state, patched: true } }, { force: true })
  return { server, a, other, others: new Origin('others') }
}

const counselorAt = async ({ store }: Site) => (await store.read([{ kind: 'user', userId: 'zoe' }], NOW)).answers[0]?.counselor

test('whoever recorded of them while away still has them whole', async () => {
  const { server, a } = await patchedWhileAway()
  await a.record('zoe', ['z5'], { acceptedAt: NOW + 15, riskLevel: 'HIGH' })
  await a.store.pin('auto')
  await healed(server, [a])
  expect(await chatsOf(a.store, 'zoe')).toEqual(['z1', 'z2', 'z5'])
  expect(await counselorAt(a)).toBe('li')
  expect(await totalOf(a.store, 'zoe')).toBe(3)
  await expectAllEqual(server, [a])
})

test('so does whom others told of alerts that are other ones here', async () => {
  const { server, a, other, others } = await patchedWhileAway()
  await other.append([others.recorded({ user: 'zoe', id: 'z6', acceptedAt: NOW + 15, riskLevel: 'HIGH' })])
  await a.store.pin('auto')
  await healed(server, [a])
  expect(await chatsOf(a.store, 'zoe')).toEqual(['z1', 'z2', 'z6'])
  expect(await counselorAt(a)).toBe('li')
  await expectAllEqual(server, [a])
})

test('a key of another type where it is noted who is to be put back keeps nobody from Redis', async () => {
  const { server, a } = await patchedWhileAway()
  await behindTheirBacks(server, (redis) => redis.set('xinyi:patched', 'another'))
  await a.store.pin('auto')
  await healed(server, [a])
  expect(await chatsOf(a.store, 'zoe')).toEqual(['z1', 'z2'])
})
