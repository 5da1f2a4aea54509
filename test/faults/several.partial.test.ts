import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { NOW } from '../helpers/events.ts'
import { inCharge, inFallback, until } from '../helpers/joined.ts'
import { behindTheirBacks, chatsOf, healed, heldReplica, ownRedis, proxyTo, restartFrom, savedCopy, site, totalOf } from './several.ts'

/** So old that nobody records it again by what is held of it. */
const OLD = NOW - 29.5 * DAY_MS

test.each(['at once', 'when it has taken everybody over'] as const)(
  'what a Redis lacks that was filled in part, and filled again by the same server %s, is pushed by those who have it',
  async (when) => {
    const server = await ownRedis()
    const [heldP, heldC] = [heldReplica(), heldReplica()]
    const proxy = await proxyTo(server)
    const b = await site({ url: server.url })
    const c = await site({ url: server.url, path: heldC.path, seams: { replica: heldC.replica } })
    await b.record('ann', ['a1', 'a2'], { acceptedAt: OLD })
    await b.tell(b.origin.assigned('ann', 'li', NOW - 1))
    await healed(server, [b, c])
    // P is new, and has nobody yet when Redis dies.
    const takingOver = heldP.before('noteRevs')
    const p = await site({ url: proxy.url, path: heldP.path, seams: { replica: heldP.replica } })
    await takingOver
    for (const { store } of [b, c]) await store.pin('sqlite')
    await server.kill()
    await until(p.store, inFallback)
    await p.record('ann', ['p1'])
    heldP.goOn()
    await server.restart()
    if (when === 'at once') {
      const filled = heldP.before('recall')
      await filled
      proxy.cut()
      heldP.goOn()
    } else {
      await until(p.store, inCharge)
      await healed(server, [p])
      proxy.cut()
    }
    await until(p.store, inFallback)
    await b.store.pin('auto')
    await until(b.store, inCharge)
    expect(await chatsOf(b.store, 'ann')).toEqual(['a1', 'a2', 'p1'])
    // C comes when Redis has everything, and has not followed its log yet when that is lost.
    const adopted = heldC.before('countPending')
    await c.store.pin('auto')
    await adopted
    await b.store.pin('sqlite')
    await c.store.pin('sqlite').catch(() => {})
    await server.kill()
    heldC.goOn()
    await until(c.store, inFallback)
    await server.restart()
    proxy.heal()
    await until(p.store, inCharge)
    await c.store.pin('auto')
    await until(c.store, inCharge)
    await b.store.pin('auto')
    await healed(server, [p, b, c], 20_000)
    for (const { store } of [p, b, c]) {
      expect(await chatsOf(store, 'ann')).toEqual(['a1', 'a2', 'p1'])
      expect(await totalOf(store, 'ann')).toBe(3)
      expect((await store.read([{ kind: 'user', userId: 'ann' }], NOW)).answers[0]?.counselor).toBe('li')
    }
  },
  60_000,
)

test('a server that has just filled Redis in part does not fill it over one that comes back older, and has more', async () => {
  const server = await ownRedis({ persistence: 'rdb' })
  const held = heldReplica()
  const b = await site({ url: server.url })
  await b.record('ann', ['a1'], { acceptedAt: OLD })
  await healed(server, [b])
  // The log of that time does not tell of ann any more.
  await behindTheirBacks(server, (redis) => redis.xtrim('xinyi:log', 'MAXLEN', 0))
  const copy = await savedCopy(server)
  await b.record('bob', ['b1'])
  await healed(server, [b])
  const takingOver = held.before('dirtyUsers')
  const p = await site({ url: server.url, path: held.path, seams: { replica: held.replica } })
  await takingOver
  await b.store.close()
  await server.kill()
  await until(p.store, inFallback)
  held.goOn()
  await rm(join(server.dir, 'dump.rdb'), { force: true })
  await server.restart()
  await held.before('recall')
  await restartFrom(server, copy)
  held.goOn()
  await healed(server, [p])
  expect(await chatsOf(p.store, 'ann')).toEqual(['a1'])
})
