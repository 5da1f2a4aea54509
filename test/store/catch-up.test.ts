import { expect, onTestFinished, test } from 'vitest'
import { catchUp } from '../../src/store/failover/catch-up.ts'
import type { RedisStore } from '../../src/store/redis/store.ts'
import { Origin } from '../helpers/events.ts'
import { newDataFile } from '../helpers/joined.ts'
import { replicaHere } from '../helpers/this-thread.ts'
import { TwoDatabases } from './redis.joined.ts'

const databases = new TwoDatabases()
databases.use()

/** The store, whose connection is lost after so many pages of its log. */
function lostAfter(pages: number, store: RedisStore): RedisStore {
  let left = pages
  const log: RedisStore['log'] = (...of) => (left-- > 0 ? store.log(...of) : Promise.reject(new Error('Connection is closed.')))
  return new Proxy(store, { get: (_, name) => (name === 'log' ? log : Reflect.get(store, name)) })
}

test.each([1, 2])(
  'what is applied ahead stands right behind the log, where catching up with it is broken off after %i pages',
  async (pages) => {
    const store = await databases.open()
    const replica = replicaHere(newDataFile())
    onTestFinished(() => replica.close())
    await replica.beginRebuild(await store.head())
    const [ours, theirs] = [new Origin('ours'), new Origin('theirs')]
    await replica.journalAndApply([ours.recorded({ user: 'here' }), ours.recorded({ user: 'here' })])
    for (let batch = 0; batch < 9; batch += 1)
      await store.append(Array.from({ length: 50 }, () => theirs.recorded({ user: `there ${batch}` })))
    const told: number[] = []
    await expect(catchUp(lostAfter(pages, store), replica, (n) => told.push(n))).rejects.toThrow('Connection is closed.')
    expect(told).toEqual([200 * pages])
    const ahead = await replica.log(200 * pages, 10)
    expect(ahead.map(({ n, origin, seq }) => [n, origin, seq])).toEqual([
      [200 * pages + 1, 'ours', 1],
      [200 * pages + 2, 'ours', 2],
    ])
    const head = await replica.seedHead('filled', 10)
    expect(head.n).toBe(200 * pages + 2)
    await replica.settle(head)
    expect((await replica.log(200 * pages, 10)).map(({ chain }) => chain).at(-1)).toBe(head.chain)
  },
)

test('a log that does not reach back so far is not caught up with', async () => {
  const store = await databases.open()
  const replica = replicaHere(newDataFile())
  onTestFinished(() => replica.close())
  await replica.beginRebuild(await store.head())
  const theirs = new Origin('theirs')
  await store.append([1, 2, 3].map(() => theirs.recorded({ user: 'there' })))
  expect(await catchUp(store, replica, () => {})).toBe(true)
  await store.append([1, 2, 3].map(() => theirs.recorded({ user: 'there' })))
  await databases.redis.xtrim('xinyi:log', 'MAXLEN', 1)
  const told: number[] = []
  expect(await catchUp(store, replica, (n) => told.push(n))).toBe(false)
  expect(told).toEqual([3])
})
