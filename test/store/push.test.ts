import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Outdated } from '../../src/store/failover/faults.ts'
import type { Joint } from '../../src/store/failover/joint.ts'
import { pushAll } from '../../src/store/failover/push.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { Replica } from '../../src/store/sqlite/replica/replica.ts'
import type { Event } from '../../src/store/store.ts'
import { Origin } from '../helpers/events.ts'
import { startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { replicaHere } from '../helpers/this-thread.ts'

/** A journal that holds an event of an origin, a Redis that has neither it nor those before it, and a clock that goes when it is told to. */
async function gap(before = 1) {
  const [dir, server] = [tempDir(), await startRedis()]
  const primary = await openRedisStore({ url: server.url })
  const replica = replicaHere(join(dir.path, 'xinyi.db'))
  let now = 1_000_000
  const closed: string[] = []
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  onTestFinished(async () => {
    clock.mockRestore()
    await Promise.all([primary.close(), replica.close()])
    await server.remove()
    dir.remove()
  })
  const [held, ours] = [new Origin('held'), new Origin('ours')]
  const [first, ...rest] = Array.from({ length: before }, () => held.recorded({ user: 'held' }))
  if (!first) throw new Error('there is one')
  await replica.journal([held.recorded({ id: 'second' })])
  const joint: Parameters<typeof pushAll>[1] = {
    local: { replica },
    logger: { info() {}, warn() {}, error() {}, debug() {} } satisfies Joint['logger'],
    stuck: null,
    closeOrigins: (origins) => closed.push(...origins),
  }
  return {
    ...{ primary, replica, first, rest, held, closed, server },
    /** So long after the last try; answers whether everything was pushed, be it under a new origin. */
    async tryAfter(ms: number, takesMs = 0, meanwhile?: () => Promise<unknown>): Promise<boolean> {
      now += ms
      const brought: (Promise<unknown> | undefined)[] = []
      const pushed = () => {
        now += takesMs
        // Over the same connection, and so before what is asked next.
        brought.push(meanwhile?.())
      }
      try {
        await replica.journal([ours.recorded({ user: 'also here' })])
        await pushAll(primary, joint, { mend: async () => {}, pushed })
        return true
      } catch (error) {
        if (error instanceof Outdated) return false
        throw error
      } finally {
        await Promise.all(brought)
      }
    },
    origins: async () => Object.keys(await primary.positions()),
  }
}

const FRESH = expect.stringMatching(/^[0-9a-f-]{36}$/)

test('what stands behind a gap waits for others as long as they bring anything, but not for ever', async () => {
  const { primary, tryAfter, origins } = await gap()
  const others = new Origin('others')
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 500) {
    expect(await tryAfter(500), `after ${waitedMs} ms`).toBe(false)
    await primary.append([others.recorded({ user: 'else' })])
  }
  expect(await tryAfter(500)).toBe(true)
  expect(await origins()).toEqual(['ours', 'others', FRESH])
})

test('where nobody else brings anything it is pushed under a new origin after two seconds, whatever is recorded here meanwhile', async () => {
  const { tryAfter, origins } = await gap()
  expect(await tryAfter(0)).toBe(false)
  for (let tries = 0; tries < 3; tries += 1) expect(await tryAfter(500)).toBe(false)
  expect(await tryAfter(499)).toBe(false)
  expect(await tryAfter(1)).toBe(true)
  expect(await origins()).toEqual(['ours', FRESH])
})

test('of the time that a push itself takes no more than a moment counts: others may be as long about theirs', async () => {
  const { tryAfter } = await gap()
  for (let tries = 0; tries < 3; tries += 1) expect(await tryAfter(0, 60_000)).toBe(false)
  expect(await tryAfter(0, 499)).toBe(false)
  expect(await tryAfter(0, 1)).toBe(true)
})

test('what others bring while this one pushes is not quiet, but does not go on for ever', async () => {
  const { primary, tryAfter } = await gap()
  const others = new Origin('others')
  const meanwhile = () => primary.append([others.recorded({ user: 'else' })])
  for (let tries = 1; tries < 20; tries += 1) expect(await tryAfter(0, 500, meanwhile), `try ${tries}`).toBe(false)
  expect(await tryAfter(0, 500, meanwhile)).toBe(true)
})

test('what of the missing others bring while this one pushes closes the gap at once', async () => {
  const { primary, first, tryAfter, origins } = await gap()
  expect(await tryAfter(0, 0, () => primary.append([first]))).toBe(true)
  expect(await origins()).toEqual(['ours', 'held'])
})

test('of what is given a new origin Redis gets no more than it lacks, and nothing is written under the old one any more', async () => {
  const { primary, replica, first, rest, held, tryAfter, closed } = await gap(3)
  await replica.journal([first, ...rest.slice(0, 1)])
  await replica.journal([held.recorded({ user: 'held' })])
  for (let tries = 0; tries < 4; tries += 1) expect(await tryAfter(500)).toBe(false)
  expect(await tryAfter(500)).toBe(true)
  const { ours, held: before, ...renamed } = await primary.positions()
  expect([before, Object.values(renamed)]).toEqual([2, [2]])
  expect((await primary.status()).n).toBe(4 + (ours ?? 0))
  expect(closed).toEqual(['held'])
})

test('where Redis has gone back meanwhile others are waited for anew: they have as much to bring again', async () => {
  const { primary, server, tryAfter } = await gap()
  const others = new Origin('others')
  await primary.append(Array.from({ length: 100 }, () => others.recorded({ user: 'else' })))
  const again = new Origin('again')
  const goOn = async (tries: number) => {
    for (let i = 0; i < tries; i += 1) {
      expect(await tryAfter(500)).toBe(false)
      await primary.append([again.recorded({ user: 'else' })])
    }
  }
  await goOn(19)
  const redis = new Redis(server.url)
  await redis.hset('xinyi:positions', 'others', 5)
  redis.disconnect()
  await goOn(20)
  expect(await tryAfter(500)).toBe(true)
})

test('after Redis was away others are waited for anew: they could bring nothing', async () => {
  const { tryAfter } = await gap()
  expect(await tryAfter(0)).toBe(false)
  for (let tries = 0; tries < 3; tries += 1) expect(await tryAfter(500)).toBe(false)
  expect(await tryAfter(60_000)).toBe(false)
  for (let tries = 0; tries < 3; tries += 1) expect(await tryAfter(500)).toBe(false)
  expect(await tryAfter(499)).toBe(false)
  expect(await tryAfter(1)).toBe(true)
})

test('however long it is between two tries, it comes to an end', async () => {
  const { tryAfter } = await gap()
  for (let tries = 0; tries < 20; tries += 1) expect(await tryAfter(6_000), `try ${tries}`).toBe(false)
  expect(await tryAfter(6_000)).toBe(true)
})

test('of what stands behind a gap no more is read than shows it, however much it is, and what closes it may stand behind that', async () => {
  const { primary, replica, first, held, tryAfter, origins } = await gap()
  await replica.journal(Array.from({ length: 1_000 }, () => held.recorded({ user: 'also here' })))
  const read = vi.spyOn(Replica.prototype, 'pushable')
  expect(await tryAfter(0)).toBe(false)
  expect(read.mock.results.flatMap(({ value }) => value.events.map(({ origin }: Event) => origin))).toEqual(['ours'])
  await replica.journal([first])
  expect(await tryAfter(100)).toBe(true)
  expect(await origins()).toEqual(['ours', 'held'])
  expect((await primary.positions()).held).toBe(1_002)
})

test('what others bring in time closes the gap', async () => {
  const { primary, first, tryAfter, origins } = await gap()
  expect(await tryAfter(0)).toBe(false)
  await primary.append([first])
  expect(await tryAfter(1_000)).toBe(true)
  expect(await origins()).toEqual(['ours', 'held'])
})

test('who has begun to bring what is missing is waited for until they have, however long they are about it', async () => {
  const { primary, first, rest, tryAfter, origins } = await gap(40)
  for (const missing of [first, ...rest]) {
    expect(await tryAfter(500)).toBe(false)
    await primary.append([missing])
  }
  expect(await tryAfter(500)).toBe(true)
  expect(await origins()).toEqual(['ours', 'held'])
})

test('what comes before an event in its origin, and stands behind it here, is read once, however much it is', async () => {
  const { primary, replica, first, rest, tryAfter } = await gap(300)
  await replica.journal([first, ...rest])
  const [read, sent] = [vi.spyOn(Replica.prototype, 'pushable'), vi.spyOn(primary, 'append')]
  expect(await tryAfter(0)).toBe(true)
  expect(await primary.positions()).toEqual({ ours: 1, held: 301 })
  expect(sent.mock.calls.map(([events]) => events.length)).toEqual([100, 100, 100, 2])
  expect(read.mock.results.reduce((sum, { value }) => sum + value.events.length, 0)).toBe(302)
})
