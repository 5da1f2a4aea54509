import { expect, onTestFinished, test } from 'vitest'
import { Tail } from '../../src/store/failover/tail.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { newDataFile } from '../helpers/joined.ts'
import { replicaHere } from '../helpers/this-thread.ts'
import { TwoDatabases } from './redis.joined.ts'

const databases = new TwoDatabases()
databases.use()

test('what somebody noted of a person whom another instance has erased since is not told from memory, though it is handed in late', async () => {
  const store = await databases.open()
  const replica = replicaHere(newDataFile())
  onTestFinished(() => replica.close())
  await replica.beginRebuild(await store.head())
  const fail = (error: unknown) => expect.unreachable(String(error))
  const tail = new Tail({ primary: store, replica, n: 0, onErasure: () => {}, onTrouble: fail, onLost: fail })
  onTestFinished(() => tail.stop())
  const origin = new Origin()
  const { outcomes, entries } = await store.append([
    origin.recorded({ riskLevel: 'HIGH', acceptedAt: NOW - 2 }),
    origin.recorded({ user: 'v', acceptedAt: NOW - 2 }),
  ])
  expect(outcomes.map(({ type }) => type)).toEqual(['applied', 'applied'])
  expect(entries[0]?.alertEvents).toMatchObject([{ kind: 'RAISED' }])
  await store.append([new Origin().erased('u')])
  expect(await tail.reached(3, 5_000)).toBe(true)
  tail.handIn(entries)
  expect(tail.told(0, 10).flatMap(({ alertEvents }) => alertEvents)).toEqual([])
  expect((await store.told({ epoch: store.epoch, n: 0 }, 10)).entries.flatMap(({ alertEvents }) => alertEvents)).toEqual([])
})
