import { expect, onTestFinished, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import type { Event } from '../../src/store/store.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { emptyRedis } from '../helpers/stores.ts'

const [theirs, ours] = [() => new Origin('theirs'), () => new Origin('ours')]

test.each([
  ['was cleared', (o: Origin) => o.cleared('u', NOW + 1)],
  ['was erased', (o: Origin) => o.erased('u', NOW + 1)],
  ['has expired', (o: Origin) => o.expired('u', NOW + DAY_MS)],
])('what is appended as of a moment is stale where the user %s since, and changes nothing', async (_, since: (o: Origin) => Event) => {
  const store = await openRedisStore({ url: (await emptyRedis()).url, commandTimeoutMs: 10_000 })
  onTestFinished(() => store.close())
  const [o, h] = [theirs(), ours()]
  await store.append([o.policy({ profileDays: 1 }), o.recorded({ user: 'u' })])
  const { n } = await store.copies({ users: ['u'] })
  const again = h.recorded({ user: 'u', id: 'again', acceptedAt: NOW + 5 })
  expect((await store.append([again], { asOf: n - 1 })).outcomes).toEqual([{ type: 'stale' }])
  await store.append([since(o)])
  const { n: before } = await store.status()
  expect((await store.append([again], { asOf: n })).outcomes).toEqual([{ type: 'stale' }])
  expect((await store.status()).n).toBe(before)
})

test('what is appended as of a moment since which nothing came is taken', async () => {
  const store = await openRedisStore({ url: (await emptyRedis()).url, commandTimeoutMs: 10_000 })
  onTestFinished(() => store.close())
  await store.append([theirs().recorded({ user: 'u' })])
  const { n } = await store.copies({ users: ['u'] })
  expect((await store.append([ours().recorded({ user: 'u' })], { asOf: n })).outcomes).toMatchObject([{ type: 'applied' }])
})
