import { expect, test } from 'vitest'
import { encodeCursor } from '../../src/services/cursor.ts'
import type { Given } from '../../src/services/given.ts'
import type { AlertMessage } from '../../src/services/reader.ts'
import { NOW } from '../helpers/events.ts'
import { inCharge, inFallback, until } from '../helpers/joined.ts'
import { behindTheirBacks, healed, heldReplica, ownRedis, proxyTo, restartFrom, savedCopy, site } from './several.ts'
import { feedOf, fullReplica, raise, told } from './told.ts'

/** Alerts that nobody may miss, in whatever order servers come to know of them. */

const NOTHING: Omit<Given, 'upTo'> = { marks: [], steps: new Map(), ahead: new Map(), beyond: new Map(), due: [] }

/** Whom the next alerts are about, up to one of this user. */
async function usersUntil(last: string, messages: AsyncIterableIterator<AlertMessage>): Promise<string[]> {
  const users: string[] = []
  for await (const { alert } of messages) {
    users.push(alert.userId)
    if (alert.userId === last) break
  }
  return users
}

test('who begins anew at a server away from Redis hears of an alert that is reopened by what had come to nothing there', async () => {
  const server = await ownRedis()
  const proxy = await proxyTo(server)
  const [first, b] = [await site({ url: proxy.url }), await site({ url: server.url })]
  await healed(server, [first, b])
  proxy.cut()
  await until(first.store, inFallback)
  await b.tell(b.origin.recorded({ user: 'pat', id: 'p1', riskLevel: 'MEDIUM', acceptedAt: NOW - 30 }))
  await b.tell(b.origin.recorded({ user: 'pat', id: 'p2', riskLevel: 'MEDIUM', acceptedAt: NOW - 20 }))
  const page = await b.store.told({ epoch: (await b.store.status()).epoch, n: 0 }, 100)
  const alertId = page.entries.flatMap((entry) => entry.alertEvents)[0]?.alertId ?? ''
  await b.tell(b.origin.acted('pat', { alertId, action: 'RESOLVE', actor: 'wang', resolution: 'talked' }, NOW - 10))
  await first.tell(first.origin.recorded({ user: 'pat', id: 'p3', riskLevel: 'LOW', acceptedAt: NOW }))
  await raise(first, 'zoe')
  const a = await first.reopen({ url: proxy.url })
  const messages = await (await feedOf(a)).subscribe({ minLevel: 'MEDIUM' })
  const next = messages.next()
  proxy.heal()
  await healed(server, [a, b])
  await raise(b, 'last')
  const heard: string[] = []
  for (let { value } = await next; value; { value } = await messages.next()) {
    heard.push(`${value.event.kind} ${value.alert.userId}`)
    if (value.alert.userId === 'last') break
  }
  expect(heard).toContain('REOPENED pat')
  expect(heard).not.toContain('RAISED zoe')
})

test('who reads slowly what they had missed is told what took the indexes of that when Redis lost it', async () => {
  const server = await ownRedis({ persistence: 'rdb' })
  const [proxy, full] = [await proxyTo(server), fullReplica()]
  const [a, b, c] = [
    await site({ url: server.url }),
    await site({ url: proxy.url, path: full.path, seams: { replica: full.replica } }),
    await site({ url: server.url }),
  ]
  await healed(server, [a, b, c])
  const feed = await feedOf(b)
  const after = await feed.present()
  const copy = await savedCopy(server)
  await a.store.pin('sqlite')
  full.isFull = true
  await raise(c, 'l1', 'l2', 'l3')
  const messages = await feed.subscribe({ after, minLevel: 'MEDIUM' })
  const first = (await messages.next()).value?.alert.userId
  await c.store.close()
  proxy.cut()
  await until(b.store, inFallback)
  await restartFrom(server, copy)
  await raise(a, 'u1', 'u2')
  await a.store.pin('auto')
  await until(a.store, inCharge)
  full.isFull = false
  proxy.heal()
  await until(b.store, inCharge)
  await raise(a, 'u3', 'u4')
  await healed(server, [a, b])
  expect([first, ...(await usersUntil('u4', messages))]).toEqual(['l1', 'l2', 'l3', 'u1', 'u2', 'u3', 'u4'])
})

test('who comes back from before where the log of Redis begins, to a server that has just joined it, misses nothing that others brought', async () => {
  const server = await ownRedis()
  const held = heldReplica()
  const [a, b] = [await site({ url: server.url, path: held.path, seams: { replica: held.replica } }), await site({ url: server.url })]
  await a.record('ann', ['a1', 'a2', 'a3', 'a4', 'a5'])
  await healed(server, [a, b])
  const feed = await feedOf(a)
  const { dataSetId, epoch } = await a.store.status()
  const after = encodeCursor(dataSetId, { upTo: { epoch, n: 2 }, ...NOTHING })
  await a.store.pin('sqlite')
  await raise(a, 'x1', 'x2', 'x3')
  await raise(b, 'b1', 'b2')
  await behindTheirBacks(server, (redis) => redis.xtrim('xinyi:log', 'MINID', '5-0'))
  const isFollowing = held.before('applyEntries')
  await a.store.pin('auto')
  await Promise.all([until(a.store, inCharge), isFollowing])
  await raise(b, 'last')
  const users = await usersUntil('last', await feed.subscribe({ after, minLevel: 'MEDIUM' }))
  held.goOn()
  expect(users.toSorted()).toEqual(['b1', 'b2', 'last', 'x1', 'x2', 'x3'])
})

test('who listens at a server that has begun without Redis goes on when it joins the others, whose data set was rolled back once', async () => {
  const server = await ownRedis()
  const a = await site({ url: server.url })
  await raise(a, 'old')
  await healed(server, [a])
  const { n } = await a.store.status()
  await a.store.close()
  await behindTheirBacks(server, async (redis) => {
    await redis.rpush('xinyi:lineage', JSON.stringify({ epoch: 'rollback-000000000000001-x', n }))
    await redis.hset('xinyi:meta', 'epoch', 'rollback-000000000000001-x')
  })
  const proxy = await proxyTo(server)
  proxy.cut()
  const b = await site({ url: proxy.url })
  const feed = await feedOf(b)
  const first = await told(feed, 2, undefined, async () => {
    await raise(b, 'ahead')
    proxy.heal()
    await healed(server, [b])
    await raise(b, 'after')
  })
  expect(first.users).toEqual(['ahead', 'after'])
  // Its cursor is of the data set that it has joined.
  expect((await told(feed, 1, first.cursor, () => raise(b, 'later'))).users).toEqual(['later'])
})
