import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { XinyiError } from '../../src/errors.ts'
import { decodeCursor, encodeCursor } from '../../src/services/cursor.ts'
import { MAX_BEYOND } from '../../src/services/given.ts'
import type { LogPage, ToldEntry } from '../../src/store/store.ts'
import { inCharge, inFallback, newDataFile, until } from '../helpers/joined.ts'
import { replicaHere } from '../helpers/this-thread.ts'
import { behindTheirBacks, epochsOf, healed, heldReplica, ownRedis, proxyTo, restartFrom, savedCopy, site } from './several.ts'
import { feedOf, fullReplica, raise, told } from './told.ts'

/** What subscribers were told of that Redis has lost since, while no server had the whole of it. */

function nobody(error: unknown): { users: string[] } {
  if (error instanceof XinyiError && error.code === 'CURSOR_EXPIRED') return { users: [] }
  throw error
}

test('an alert that another server puts where a lost one had been is told to who had been told that one', async () => {
  const server = await ownRedis({ persistence: 'rdb' })
  const [a, b] = [await site({ url: server.url }), await site({ url: server.url })]
  await a.record('ann', ['a0'])
  await healed(server, [a, b])
  const [atA, atB] = [await feedOf(a), await feedOf(b)]
  const copy = await savedCopy(server)
  await a.store.pin('sqlite')
  const { cursor, users } = await told(atB, 1, undefined, () => raise(b, 'lost'))
  expect(users).toEqual(['lost'])
  await atB.close()
  await b.store.close()
  await restartFrom(server, copy)
  await raise(a, 'u1', 'u2', 'u3')
  await a.store.pin('auto')
  await until(a.store, inCharge)
  expect(await epochsOf(server), 'nobody who is there knows that anything was lost').toBe(1)
  const back = await told(atA, 3, cursor)
  expect(back.users).toEqual(['u1', 'u2', 'u3'])
  // When the lost one comes again, who was told it is not told again.
  const again = await b.reopen({ url: server.url })
  await healed(server, [a, again])
  await raise(a, 'last')
  expect((await told(atA, 1, back.cursor)).users).toEqual(['last'])
})

test('a server sees that an entry of which it has told was replaced, though its SQLite had not got that far', async () => {
  const server = await ownRedis({ persistence: 'rdb' })
  const proxy = await proxyTo(server)
  const full = fullReplica()
  const b = await site({ url: proxy.url, path: full.path, seams: { replica: full.replica } })
  const a = await site({ url: server.url })
  await a.record('ann', ['a0'])
  await healed(server, [a, b])
  const feed = await feedOf(b)
  const copy = await savedCopy(server)
  await a.store.pin('sqlite')
  const listening = Promise.withResolvers<void>()
  const heard = told(feed, 4, undefined, async () => listening.resolve())
  await listening.promise
  full.isFull = true
  await raise(b, 'lost')
  proxy.cut()
  await until(b.store, inFallback)
  await restartFrom(server, copy)
  await raise(a, 'u1', 'u2', 'u3')
  await a.store.pin('auto')
  await until(a.store, inCharge)
  full.isFull = false
  proxy.heal()
  await healed(server, [a, b])
  expect(await epochsOf(server)).toBe(2)
  expect((await heard).users).toEqual(['lost', 'u1', 'u2', 'u3'])
})

test('what a server had told before Redis went away, and SQLite had not got, is told to who comes meanwhile, as soon as Redis is back', async () => {
  const server = await ownRedis({ persistence: 'rdb' })
  const proxy = await proxyTo(server)
  const full = fullReplica()
  const [a, b] = [await site({ url: server.url }), await site({ url: proxy.url, path: full.path, seams: { replica: full.replica } })]
  await a.record('ann', ['a0'])
  await healed(server, [a, b])
  const feed = await feedOf(b)
  const cursor = await feed.present()
  full.isFull = true
  expect((await told(feed, 2, undefined, () => raise(a, 'u1', 'u2'))).users).toEqual(['u1', 'u2'])
  proxy.cut()
  await until(b.store, inFallback)
  const listening = Promise.withResolvers<void>()
  const heard = told(feed, 3, cursor, async () => listening.resolve())
  await listening.promise
  // It is told what comes by itself.
  await raise(b, 'here')
  full.isFull = false
  proxy.heal()
  await healed(server, [a, b])
  expect((await heard).users.toSorted()).toEqual(['here', 'u1', 'u2'])
})

test('after a fork that told nothing a subscription goes on, through the next absence, too, and so does who comes back with its cursor', async () => {
  const server = await ownRedis({ persistence: 'rdb' })
  const [a, b] = [await site({ url: server.url }), await site({ url: server.url })]
  await a.record('ann', ['a0', 'a1'])
  await healed(server, [a, b])
  const copy = await savedCopy(server)
  await b.store.pin('sqlite')
  await a.record('ann', ['a2', 'a3'])
  const feed = await feedOf(a)
  let cursor = ''
  const messages = await feed.subscribe({ minLevel: 'MEDIUM', onIdle: (present) => (cursor = present) })
  const next = messages.next()
  await a.store.pin('sqlite')
  await restartFrom(server, copy)
  await b.record('carl', ['c1', 'c2', 'c3'])
  await b.store.pin('auto')
  await until(b.store, inCharge)
  await a.store.pin('auto')
  await healed(server, [a, b])
  const { dataSetId, settled } = await a.store.status()
  await expect.poll(() => decodeCursor(dataSetId, cursor).upTo).toEqual(settled)
  await a.store.pin('sqlite')
  await raise(a, 'dora')
  expect((await next).value?.alert.userId).toBe('dora')
  expect((await told(feed, 1, cursor)).users).toEqual(['dora'])
})

test('what others raise is told also where SQLite takes nothing', async () => {
  const server = await ownRedis()
  const full = fullReplica()
  const [a, b] = [await site({ url: server.url }), await site({ url: server.url, path: full.path, seams: { replica: full.replica } })]
  await a.record('ann', ['a0'])
  await healed(server, [a, b])
  const feed = await feedOf(b)
  full.isFull = true
  // Each is to come before the next one is raised.
  const messages = await feed.subscribe({ minLevel: 'MEDIUM' })
  for (const user of ['u1', 'u2', 'u3']) {
    const next = messages.next()
    await raise(a, user)
    expect((await next).value?.alert.userId).toBe(user)
  }
  full.isFull = false
})

test('a cursor never claims what its reader was not given, and names entries of all that it claims, whatever SQLite lacks', async () => {
  const server = await ownRedis()
  const proxy = await proxyTo(server)
  const full = fullReplica()
  const [a, b] = [await site({ url: server.url }), await site({ url: proxy.url, path: full.path, seams: { replica: full.replica } })]
  await a.record('ann', ['a0'])
  await healed(server, [a, b])
  full.isFull = true
  const before = (await b.store.status()).settled
  await raise(a, 'u1')
  const feed = await feedOf(b)
  const { dataSetId } = await b.store.status()
  const idle = (heard: () => number, end: number) => (cursor: string) => {
    const { upTo, marks } = decodeCursor(dataSetId, cursor)
    if (upTo.n > before.n) expect([heard(), marks[0]?.n]).toEqual([end, upTo.n])
  }
  const [wrong, heard]: [unknown[], string[]] = [[], []]
  const noting = (check: (cursor: string) => void) => (cursor: string) => {
    try {
      check(cursor)
    } catch (error) {
      wrong.push(error)
    }
  }
  // One who is told everything from now on, and one who comes when SQLite serves, with a cursor of before.
  const live = await feed.subscribe({ minLevel: 'MEDIUM', onIdle: noting(idle(() => 0, 0)) })
  const news = live.next()
  await raise(a, 'u2')
  expect((await news).value?.alert.userId).toBe('u2')
  live.next().catch(() => {})
  proxy.cut()
  await until(b.store, inFallback)
  const given = { steps: new Map(), ahead: new Map(), beyond: new Map(), due: [] }
  const after = encodeCursor(dataSetId, { upTo: before, marks: [], ...given })
  const late = await feed.subscribe({ after, minLevel: 'MEDIUM', onIdle: noting(idle(() => heard.length, 2)) })
  const next = late.next()
  full.isFull = false
  proxy.heal()
  for (let each = await next; heard.length < 2; each = await late.next()) {
    heard.push(each.value?.alert.userId ?? '')
    if (heard.length === 2) break
  }
  await healed(server, [a, b])
  expect(heard).toEqual(['u1', 'u2'])
  expect(wrong).toEqual([])
})

test('a server that is cut off while it is made anew from Redis, whose log was trimmed, tells of alerts meanwhile', async () => {
  const server = await ownRedis()
  const proxy = await proxyTo(server)
  const held = heldReplica()
  const [a, b] = [await site({ url: server.url }), await site({ url: proxy.url, path: held.path, seams: { replica: held.replica } })]
  await raise(b, 'before')
  await healed(server, [a, b])
  const feed = await feedOf(b)
  await b.store.pin('sqlite')
  await a.record('ann', ['a1', 'a2', 'a3'])
  await behindTheirBacks(server, (redis) => redis.xtrim('xinyi:log', 'MAXLEN', 1))
  const isMadeAnew = held.before('beginRebuild')
  await Promise.all([b.store.pin('auto'), isMadeAnew])
  proxy.cut()
  await until(b.store, inFallback)
  held.goOn()
  // Whoever subscribed just then is told that it begins anew.
  const heard = async (user: string) => (await told(feed, 1, undefined, () => raise(b, user)).catch(nobody)).users
  for (let tries = 1, users: string[] = []; users.length === 0; tries += 1) users = await heard(`meanwhile ${tries}`)
  expect((await b.store.status()).mode).toBe('FALLBACK')
  proxy.heal()
  await healed(server, [a, b])
  expect((await told(feed, 1, undefined, () => raise(a, 'after'))).users).toEqual(['after'])
})

test('who reads the log of a server at the moment at which it takes over what others have begun goes on there', async () => {
  const server = await ownRedis()
  const a = await site({ url: server.url })
  await raise(a, 'ann', 'amy')
  await healed(server, [a])
  const proxy = await proxyTo(server)
  proxy.cut()
  const [path, reading] = [newDataFile(), Promise.withResolvers<LogPage<ToldEntry>>()]
  const here = replicaHere(path)
  const beginRebuild: typeof here.beginRebuild = (head) => {
    const begun = here.beginRebuild(head)
    b.store.told(place, 10).then(reading.resolve, reading.reject)
    return begun
  }
  const replica = new Proxy(here, { get: (_, method) => (method === 'beginRebuild' ? beginRebuild : Reflect.get(here, method)) })
  const b = await site({ url: proxy.url, path, seams: { replica } })
  await raise(b, 'bob')
  const place = await b.store.status()
  proxy.heal()
  await healed(server, [a, b])
  expect(await reading.promise).toMatchObject({ epoch: (await b.store.status()).epoch })
})

test('what was told ahead of the log is not told again at another server where it comes under another origin, however much it is', async () => {
  const server = await ownRedis()
  const proxy = await proxyTo(server)
  const [a, b] = [await site({ url: server.url }), await site({ url: proxy.url })]
  await a.record('ann', ['a0'])
  await healed(server, [a, b])
  const [atA, atB] = [await feedOf(a), await feedOf(b)]
  proxy.cut()
  await until(b.store, inFallback)
  const users = Array.from({ length: MAX_BEYOND + 3 }, (_, i) => `u${i}`)
  const heard = await told(atB, users.length + 1, undefined, () => raise(b, 'ann', ...users))
  await atB.close()
  await b.store.close()
  const file = new Database(b.instance.path)
  file.exec('DELETE FROM journal WHERE seq = 1')
  file.close()
  const back = await site({ url: server.url, path: b.instance.path })
  await healed(server, [a, back])
  const { entries } = await a.store.told({ epoch: (await a.store.status()).epoch, n: 1 }, 1_000)
  expect(entries.map(({ from }) => from)).toEqual(
    users.map((_, i) => ({ origin: FRESH, seq: i + 1, formerly: `${i + 2} ${b.origin.name}` })),
  )
  await raise(a, 'last')
  expect((await told(atA, 1, heard.cursor)).users).toEqual(['last'])
})

const FRESH = expect.stringMatching(/^[0-9a-f-]{36}$/)
