import { hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { NOW, Origin } from '../helpers/events.ts'
import { inCharge, until } from '../helpers/joined.ts'
import { aheadOfTime, behindTheirBacks, chatsOf, expectAllEqual, healed, heldReplica, ownRedis, type Site, site } from './several.ts'

/**
 * Cut off from each other, two instances have taken the same key, at two times. Redis has had it from A; B, which has brought its own in
 * vain, is held up before it takes over what Redis has. Others of whom both know are before them in the order.
 */
async function decidedFor(others = 0) {
  const server = await ownRedis()
  const held = heldReplica()
  const a = await site({ url: server.url })
  const b = await site({ url: server.url, path: held.path, seams: { replica: held.replica } })
  for (let i = 0; i < others; i += 1) await a.record(`a${i}`, [`first ${i}`])
  await a.record('zoe', ['z1'], { occurredAt: NOW - 10, acceptedAt: NOW - 10 })
  await healed(server, [a, b])
  for (const { store } of [a, b]) await store.pin('sqlite')
  const said = { query: 'the same', response: 'the same' }
  await a.record('zoe', ['key'], said)
  await b.record('zoe', ['key'], { ...said, acceptedAt: NOW + 5 })
  await a.store.pin('auto')
  await until(a.store, inCharge)
  const takingOver = held.before('dirtyUsers')
  await b.store.pin('auto')
  await takingOver
  return { server, held, a, b }
}

async function timeOf({ store }: Site): Promise<number | undefined> {
  const { answers } = await store.read([{ kind: 'conversation', userId: 'zoe', id: 'key' }], NOW)
  return answers[0]?.occurredAt
}

test('whose keys Redis has lost is put back as Redis had decided, not as an instance has them that has yet to take that over', async () => {
  const { server, held, a, b } = await decidedFor()
  const own = ['tally', 'seen', 'ids', 'alerts'].map((name) => `xinyi:user:zoe:${name}`)
  const old = ['profile', 'conversations', 'emotions', 'topics'].map((name) => `user:zoe:${name}`)
  await behindTheirBacks(server, (redis) => redis.del(...own, ...old))
  held.goOn()
  await healed(server, [a, b])
  expect(await timeOf(a)).toBe(NOW)
  expect(await timeOf(b)).toBe(NOW)
  await expectAllEqual(server, [a, b])
})

test('an instance does not say that the stores agree before it has compared everybody with a Redis that another one has filled', async () => {
  const { server, held, a, b } = await decidedFor(60)
  // Both have this at the same place of the log.
  await a.record('zoe', ['z2'], { acceptedAt: NOW + 20 })
  await until(a.store, (status) => inCharge(status) && status.n === status.settled.n)
  await a.store.pin('sqlite')
  await server.kill()
  await server.restart()
  held.goOn()
  await until(b.store, inCharge)
  await a.store.pin('auto')
  await healed(server, [a, b])
  expect(await timeOf(a)).toBe(await timeOf(b))
  await expectAllEqual(server, [a, b])
})

test('whose keys Redis has lost is not put back by an instance that Redis can not tell any more what it has missed, but by another', async () => {
  const server = await ownRedis()
  const [a, b] = [await site({ url: server.url }), await site({ url: server.url })]
  await a.record('zoe', ['z1'])
  await healed(server, [a, b])
  await b.store.pin('sqlite')
  await a.record('zoe', ['z2', 'z3'])
  await until(a.store, (status) => inCharge(status) && status.n === status.settled.n)
  await a.store.pin('sqlite')
  await b.record('zoe', ['z4'])
  const old = ['profile', 'conversations', 'emotions', 'topics'].map((name) => `user:zoe:${name}`)
  await behindTheirBacks(server, (redis) =>
    redis
      .multi()
      .xtrim('xinyi:log', 'MAXLEN', 0)
      .del(...old)
      .exec(),
  )
  await b.store.pin('auto')
  await until(b.store, ({ mode, redis }) => mode === 'PRIMARY' || redis?.lastError === 'users are lost that others may put back')
  await a.store.pin('auto')
  await healed(server, [a, b])
  for (const { store } of [a, b]) expect(await chatsOf(store, 'zoe')).toEqual(['z1', 'z2', 'z3', 'z4'])
  await expectAllEqual(server, [a, b])
})

/**
 * Redis has lost zoe's keys, and nobody has her whole: A holds z2, z3 and what was done about their alert besides, B holds z4. `wait` ends the
 * time that each leaves to the other.
 */
async function wholeNowhere() {
  const server = await ownRedis()
  const held = heldReplica()
  const a = await site({ url: server.url })
  const b = await site({ url: server.url, path: held.path, seams: { replica: held.replica } })
  await a.record('zoe', ['z1'])
  await healed(server, [a, b])
  for (const { store } of [a, b]) await store.pin('sqlite')
  await a.record('zoe', ['z2', 'z3'], { riskLevel: 'HIGH' })
  const alertId = hash('sha1', 'zoe\0' + '0\0' + '0')
  const noted = a.origin.acted('zoe', { alertId, action: 'NOTE', actor: 'wang', note: 'called her' }, NOW + 2)
  await a.tell(noted, a.origin.assigned('zoe', 'li', NOW + 3))
  await b.record('zoe', ['z4'], { riskLevel: 'HIGH' })
  const inTurn = async ({ store }: Site) => {
    await store.pin('auto')
    await until(store, inCharge)
  }
  await inTurn(a)
  await a.store.pin('sqlite')
  await behindTheirBacks(server, (redis) => redis.xtrim('xinyi:log', 'MAXLEN', 0))
  // It has brought its own, and not yet taken over what the other had.
  const takingOver = held.before('dirtyUsers')
  await inTurn(b)
  await takingOver
  const old = ['profile', 'conversations', 'emotions', 'topics'].map((name) => `user:zoe:${name}`)
  await behindTheirBacks(server, (redis) =>
    redis
      .multi()
      .xtrim('xinyi:log', 'MAXLEN', 0)
      .del(...old)
      .exec(),
  )
  const wait = aheadOfTime()
  held.goOn()
  await inTurn(a)
  const isWanted = (redis: Redis) => redis.sismember('xinyi:wanted', 'zoe')
  while (!(await behindTheirBacks(server, isWanted))) await setImmediate()
  return { server, held, a, b, wait: () => wait(16_000) }
}

/** What is counted of zoe. */
async function countsOf({ store }: Site) {
  const page = { take: 'first', limit: 10 } as const
  const { answers } = await store.read(
    [
      { kind: 'user', userId: 'zoe' },
      { kind: 'userAlerts', userId: 'zoe', page },
    ],
    NOW + 20,
  )
  const [user, alerts] = answers
  return [user?.totalChats, user?.totalRiskAlerts, alerts?.items.map(({ value }) => value.occurrences)]
}

/** What was done about her alert. */
async function careOf({ store }: Site) {
  const page = { take: 'first', limit: 20 } as const
  const { answers } = await store.read([{ kind: 'userAlerts', userId: 'zoe', page }], NOW + 20)
  const [alert] = answers[0].items.map(({ value }) => value)
  const { answers: told } = await store.read([{ kind: 'alertHistory', alertId: alert?.id ?? '', page }], NOW + 20)
  return { assignee: alert?.assignee, notes: told[0]?.items.flatMap(({ value }) => value.note ?? []) }
}

test('whom nobody has whole when Redis loses their keys is put back by one, and the others record again what they hold besides', async () => {
  const { server, a, b, wait } = await wholeNowhere()
  wait()
  await healed(server, [a, b])
  for (const each of [a, b]) {
    expect(await chatsOf(each.store, 'zoe')).toEqual(['z1', 'z2', 'z3', 'z4'])
    expect(await countsOf(each)).toEqual([4, 3, [3]])
    expect(await careOf(each)).toEqual({ assignee: 'li', notes: ['called her'] })
  }
  await expectAllEqual(server, [a, b])
})

test('what others hold besides counts, and its alert too, though it was cleared before it could be recorded again', async () => {
  const { server, a, b, wait } = await wholeNowhere()
  await b.store.pin('sqlite')
  await b.tell(b.origin.cleared('zoe', NOW + 12))
  await b.store.pin('auto')
  wait()
  await healed(server, [a, b])
  for (const each of [a, b]) {
    expect(await chatsOf(each.store, 'zoe')).toEqual([])
    expect(await countsOf(each)).toEqual([4, 3, [3]])
  }
  await expectAllEqual(server, [a, b])
})

test('what is cleared at the very moment at which it is recorded again is not listed', async () => {
  const { server, held, a, b, wait } = await wholeNowhere()
  const takingOver = held.before('dirtyUsers')
  await takingOver
  wait()
  await healed(server, [a])
  held.goOn()
  const recordingAgain = held.before('beginOrigin')
  await recordingAgain
  await a.tell(a.origin.cleared('zoe', NOW + 12))
  held.goOn()
  await healed(server, [a, b])
  for (const each of [a, b]) {
    expect(await chatsOf(each.store, 'zoe')).toEqual([])
    expect(await countsOf(each)).toEqual([4, 3, [3]])
  }
  await expectAllEqual(server, [a, b])
})

test('what comes to nothing when it is recorded again is not brought for ever', async () => {
  const server = await ownRedis()
  const { path, replica } = heldReplica()
  const acted = new Origin('another').acted('zoe', { alertId: 'gone', action: 'NOTE', actor: 'wang', note: 'n' })
  const finding = new Proxy(replica, {
    get: (_, name) => (name === 'forgottenBy' ? async () => [acted] : Reflect.get(replica, name)),
  })
  const a = await site({ url: server.url, path, seams: { replica: finding } })
  await a.record('zoe', ['z1'])
  await replica.markDirty(['zoe'])
  while ((await replica.dirtyAmong(['zoe'])).length > 0) await setImmediate()
  await healed(server, [a])
  const again = a.instance.lines.filter(({ msg }) => msg.endsWith('it is recorded again'))
  expect(again).toHaveLength(1)
})
