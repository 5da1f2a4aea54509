import { expect, onTestFinished, test } from 'vitest'
import { catchUp } from '../../src/store/failover/catch-up.ts'
import { packUsers } from '../../src/store/redis/pack.ts'
import { packLog } from '../../src/store/redis/pack-log.ts'
import { beginSeed, finishSeed, seedLog, seedUsers } from '../../src/store/redis/seed.ts'
import type { RedisStore } from '../../src/store/redis/store.ts'
import type { Policy } from '../../src/store/rules.ts'
import { limits, NOW, Origin } from '../helpers/events.ts'
import { newDataFile } from '../helpers/joined.ts'
import { replicaHere } from '../helpers/this-thread.ts'
import { lease, SEEDED, TwoDatabases } from './redis.joined.ts'

/** Both stores hold the same policies, under the same indexes, whatever comes again. */

const databases = new TwoDatabases()
databases.use()

const capsOf = (policies: readonly Policy[]): number[][] => policies.map(({ n, limits }) => [n, limits.conversations])

async function joined(store: RedisStore) {
  const replica = replicaHere(newDataFile())
  onTestFinished(() => replica.close())
  await replica.beginRebuild(await store.head())
  return replica
}

test('where one that was applied ahead of the log became its end by a filling, and comes again behind a newer one', async () => {
  const store = await databases.open()
  const replica = await joined(store)
  const [ours, theirs, others] = [new Origin('ours'), new Origin('theirs'), new Origin('others')]
  const older = ours.policy({ conversations: 1 }, NOW - 5)
  await replica.journalAndApply([older])
  await store.append([theirs.recorded({ user: 'b' })])
  await catchUp(store, replica, () => {})
  await databases.redis.flushall()
  const head = await replica.seedHead('filled', 10)
  const connection = await databases.connection()
  const seed = { ...lease(), dataSetId: head.dataSetId }
  expect(await beginSeed(connection, seed)).toBe(true)
  await seedUsers(connection, seed.token, packUsers(await replica.copies(['b']), SEEDED))
  await seedLog(connection, seed.token, packLog(await replica.seedLog(head.trimmed, 10)))
  await finishSeed(connection, seed.token, head)
  await replica.settle(head)
  const filled = await databases.open()
  await filled.append([others.policy({ conversations: 9 }, NOW), { ...older, origin: 'again', seq: 1 }])
  await catchUp(filled, replica, () => {})
  const expected = [
    [2, 1],
    [3, 9],
  ]
  expect(capsOf((await filled.head()).policies)).toEqual(expected)
  expect(capsOf(await replica.policies())).toEqual(expected)
})

test('where two are of one moment, and the later one names more of the same', async () => {
  const store = await databases.open()
  const replica = await joined(store)
  const { triage } = limits({})
  const escalating = (...minutes: number[]) => ({
    triage: { ...triage, escalateAfterMinutes: { ...triage.escalateAfterMinutes, HIGH: minutes } },
  })
  await store.append([new Origin('ours').policy(escalating(15)), new Origin('theirs').policy(escalating(15, 60))])
  await catchUp(store, replica, () => {})
  expect((await store.head()).policies.map(({ n }) => n)).toEqual([1, 2])
  expect((await replica.policies()).map(({ n }) => n)).toEqual([1, 2])
})

test('where one of before there was triage comes again', async () => {
  const store = await databases.open()
  const { triage, ...before } = limits({ conversations: 1 })
  await databases.redis.rpush('xinyi:policies', JSON.stringify({ n: 0, at: NOW - 5, limits: before }))
  const replica = await joined(store)
  await store.append([new Origin('others').policy({ conversations: 9 }), new Origin('ours').policy({ conversations: 1 }, NOW - 5)])
  await catchUp(store, replica, () => {})
  const expected = [
    [0, 1],
    [1, 9],
  ]
  expect(capsOf((await store.head()).policies)).toEqual(expected)
  expect(capsOf(await replica.policies())).toEqual(expected)
})
