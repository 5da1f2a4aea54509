import { expect, onTestFinished, test, vi } from 'vitest'
import type { AlertMessage } from '../../src/services/reader.ts'
import type { Store } from '../../src/store/store.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { type InstanceOptions, inAgreement, inCharge, inFallback, newDataFile, openInstance, until } from '../helpers/joined.ts'
import { startRedis } from '../helpers/redis.ts'
import { replicaHere } from '../helpers/this-thread.ts'
import { startFeed, take } from './services.ts'

/** An instance with its feed. */
async function start(url: string, options: Partial<InstanceOptions> = {}) {
  const { store } = await openInstance({ url, ...options })
  await until(store, inCharge)
  const feed = await startFeed(store)
  const origin = new Origin()
  let accepted = NOW
  return {
    store,
    feed,
    /** Raises an alert of this user, or adds to it. */
    async risky(user: string): Promise<void> {
      accepted += 1
      await store.append([origin.recorded({ user, id: `${user} ${accepted}`, acceptedAt: accepted, riskLevel: 'MEDIUM' })])
    },
    subscribe: (after?: string) => feed.subscribe({ after, minLevel: 'MEDIUM' }),
    async leave(): Promise<void> {
      await store.pin('sqlite')
      await until(store, inFallback)
    },
    async comeBack(): Promise<void> {
      await store.pin('auto')
      await until(store, inAgreement)
    },
  }
}

const redis = async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  return server.url
}

/** Whom messages are about, in order. */
async function usersOf(store: Store, messages: readonly AlertMessage[]): Promise<(string | undefined)[]> {
  const { answers } = await store.read(
    messages.map(({ event }) => ({ kind: 'alert', alertId: event.alertId }) as const),
    NOW,
  )
  return answers.map((alert) => alert?.userId)
}

test('a subscription goes on through a fallback and back, without an error, with nothing missed and nothing twice', async () => {
  const it = await start(await redis())
  const messages = await it.subscribe()
  await it.risky('a')
  const seen = await take(messages, 1)
  await it.leave()
  for (const user of ['b', 'c']) await it.risky(user)
  seen.push(...(await take(messages, 2)))
  await it.comeBack()
  await it.risky('d')
  await it.leave()
  await it.risky('e')
  await it.comeBack()
  await it.risky('f')
  seen.push(...(await take(messages, 3)))
  expect(await usersOf(it.store, seen)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  expect(seen.some(({ replayed }) => replayed)).toBe(false)
})

test('a cursor given in fallback works before and after it, here and at another instance', async () => {
  const url = await redis()
  const [it, other] = [await start(url), await start(url)]
  await it.risky('a')
  const first = await it.subscribe()
  await it.leave()
  for (const user of ['b', 'c', 'd']) await it.risky(user)
  const [b, c] = await take(first, 2)
  await first.return?.()
  for (const [message, rest] of [
    [b, ['c', 'd']],
    [c, ['d']],
  ] as const) {
    const resumed = await it.subscribe(message?.cursor)
    const again = await take(resumed, rest.length)
    expect(await usersOf(it.store, again)).toEqual(rest)
    expect(again.every(({ replayed }) => replayed)).toBe(true)
    await resumed.return?.()
  }
  const early = await other.subscribe(c?.cursor)
  const later = take(early, 2)
  await it.comeBack()
  await it.risky('e')
  expect(await usersOf(it.store, await later)).toEqual(['d', 'e'])
  for (const instance of [it, other]) {
    const resumed = await instance.subscribe(b?.cursor)
    expect(await usersOf(it.store, await take(resumed, 3))).toEqual(['c', 'd', 'e'])
    await resumed.return?.()
  }
})

test('what another instance recorded meanwhile comes after the fallback; what was told in it does not come again', async () => {
  const url = await redis()
  const [it, other] = [await start(url), await start(url)]
  const messages = await it.subscribe()
  await it.leave()
  await it.risky('mine')
  const seen = await take(messages, 1)
  for (const user of ['theirs', 'shared']) await other.risky(user)
  await it.risky('shared')
  seen.push(...(await take(messages, 1)))
  await it.comeBack()
  await it.risky('last')
  while (!(await usersOf(it.store, seen)).includes('last')) seen.push(...(await take(messages, 1)))
  const ids = seen.map(({ event }) => event.id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(new Set(await usersOf(it.store, seen))).toEqual(new Set(['mine', 'theirs', 'shared', 'last']))
  // A reader of the whole log, who was not there, hears the same, but for what was settled otherwise.
  const history = await it.store.log({ epoch: (await it.store.status()).epoch, n: 0 }, 100)
  const settled = history.entries.flatMap(({ alertEvents }) => alertEvents.map(({ id }) => id))
  expect(settled.filter((id) => !ids.includes(id))).toEqual([])
})

test('a subscription that begins in fallback hears nothing of before, also not when that is settled', async () => {
  const it = await start(await redis())
  await it.leave()
  await it.risky('before')
  const messages = await it.subscribe()
  const next = messages.next()
  await it.risky('a')
  const seen = [(await next).value]
  await it.comeBack()
  await it.risky('b')
  seen.push(...(await take(messages, 1)))
  expect(await usersOf(it.store, seen)).toEqual(['a', 'b'])
  const resumed = await it.subscribe(seen[0].cursor)
  expect(await usersOf(it.store, await take(resumed, 1))).toEqual(['b'])
})

test('a start in fallback hears nothing of before when that is settled', async () => {
  const url = await redis()
  const it = await start(url)
  await it.leave()
  await it.risky('before')
  const feed = await startFeed(it.store)
  const messages = await feed.subscribe({ minLevel: 'MEDIUM' })
  const next = messages.next()
  await it.comeBack()
  await it.risky('after')
  expect(await usersOf(it.store, [(await next).value])).toEqual(['after'])
})

test('a cursor names no more than its reader was given, where Redis had told others more than SQLite has of it', async () => {
  const url = await redis()
  const path = newDataFile()
  const [replica, { promise: mayGoOn, resolve: goOn }] = [replicaHere(path), Promise.withResolvers<void>()]
  onTestFinished(() => goOn())
  let isHeldUp = false
  const heldUp = new Proxy(replica, {
    get: (_, method: keyof typeof replica) =>
      method === 'applyEntries' && isHeldUp
        ? (entries: Parameters<typeof replica.applyEntries>[0]) => mayGoOn.then(() => replica.applyEntries(entries))
        : replica[method],
  })
  const here = await start(url, { path, seams: { replica: heldUp } })
  const elsewhere = await start(url)
  const before = await here.feed.present()
  const live = await here.subscribe()
  const next = live.next()
  isHeldUp = true
  await elsewhere.risky('a')
  await next
  await here.leave()
  const { promise: idle, resolve: onIdle } = Promise.withResolvers<string>()
  const resumed = await here.feed.subscribe({ after: before, minLevel: 'MEDIUM', onIdle })
  const given = resumed.next()
  const there = await elsewhere.subscribe(await idle)
  expect(await usersOf(elsewhere.store, await take(there, 1))).toEqual(['a'])
  await resumed.return?.()
  await given
})

test('what came while Redis was away is not taken for settled while Redis, come back empty, is only being filled', async () => {
  const server = await startRedis({ keepDir: true })
  onTestFinished(server.remove)
  const [seams, { promise: held, resolve: goOn }]: [{ holdReplay?: Promise<void> }, PromiseWithResolvers<void>] = [
    {},
    Promise.withResolvers(),
  ]
  const it = await start(server.url, { seams })
  await it.risky('a')
  await it.leave()
  await server.kill()
  await it.risky('b')
  await it.risky('c')
  const { settled, epoch } = await it.store.status()
  const areSettled = async () => (await it.store.told({ epoch, n: settled.n }, 10)).entries.map((entry) => entry.settled)
  expect(await areSettled()).toEqual([false, false])
  seams.holdReplay = held
  await server.restart()
  const back = it.comeBack()
  await until(it.store, ({ mode }) => mode === 'REPLAYING')
  expect(await areSettled()).toEqual([false, false])
  goOn()
  await back
  expect(await areSettled()).toEqual([true, true])
})

test('when Redis comes back from an earlier time, nothing is told twice, neither live nor behind a cursor, here or where nothing is known of it', async () => {
  const server = await startRedis({ persistence: 'rdb', keepDir: true })
  onTestFinished(server.remove)
  const it = await start(server.url)
  const live = await it.subscribe()
  const next = live.next()
  await it.risky('a')
  const seen = [(await next).value]
  // Stopping writes the snapshot; what comes after it is lost when the next one is killed.
  await server.stop()
  await it.risky('b')
  await server.restart()
  await until(it.store, inAgreement)
  for (const user of ['c', 'd']) await it.risky(user)
  seen.push(...(await take(live, 3)))
  await server.kill()
  await it.risky('e')
  seen.push(...(await take(live, 1)))
  await server.restart()
  await until(it.store, inAgreement)
  await it.risky('f')
  seen.push(...(await take(live, 1)))
  expect(await usersOf(it.store, seen)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  const restarted = await startFeed(it.store)
  for (const feed of [it.feed, restarted])
    for (const [i, { cursor }] of seen.entries()) {
      const resumed = await feed.subscribe({ after: cursor, minLevel: 'MEDIUM' })
      expect(await usersOf(it.store, await take(resumed, 5 - i))).toEqual(['a', 'b', 'c', 'd', 'e', 'f'].slice(i + 1))
      await resumed.return?.()
    }
})

test('a server that has just begun tells nothing of before when Redis goes back', async () => {
  const server = await startRedis({ persistence: 'rdb', keepDir: true })
  onTestFinished(server.remove)
  const it = await start(server.url)
  await it.risky('a')
  await server.stop()
  await server.restart()
  await until(it.store, inAgreement)
  await it.risky('b')
  const begun = await startFeed(it.store)
  const messages = await begun.subscribe({ minLevel: 'MEDIUM' })
  const next = messages.next()
  await server.kill()
  await server.restart()
  await until(it.store, inAgreement)
  await it.risky('c')
  expect(await usersOf(it.store, [(await next).value])).toEqual(['c'])
})

test('readers who come and go, while two instances leave Redis and come back, are given everything once', { timeout: 60_000 }, async () => {
  const url = await redis()
  const instances = [await start(url), await start(url)]
  let over = false
  const { promise: finished, resolve: finish } = Promise.withResolvers<null>()
  const given = instances.map(() => new Set<string>())
  const readers = instances.map(async (it, at) => {
    const mine: string[] = []
    let cursor: string | undefined
    let messages = await it.subscribe()
    for (let i = 1; ; i += 1) {
      const next = await Promise.race([messages.next(), finished])
      if (!next || next.done) break
      mine.push(next.value.event.id)
      given[at]?.add(next.value.event.id)
      cursor = next.value.cursor
      if (i % 7 !== 0) continue
      await messages.return?.()
      messages = await it.subscribe(cursor)
    }
    await messages.return?.()
    expect(new Set(mine).size, 'nothing twice').toBe(mine.length)
  })
  const writers = instances.map(async (it, i) => {
    for (let j = 0; j < 150; j += 1) await it.risky(`user ${j % 3 === 0 ? 'shared' : `${i} ${j % 11}`}`)
  })
  const moving = instances.map(async (it, i) => {
    for (let j = 0; !over && j < 6; j += 1) {
      await it.leave()
      await new Promise((resolve) => setTimeout(resolve, 20 + 30 * i))
      await it.comeBack()
    }
  })
  await Promise.all(writers)
  over = true
  await Promise.all(moving)
  const log = await instances[0]?.store.log({ epoch: (await instances[0].store.status()).epoch, n: 0 }, 1_000)
  const all = log?.entries.flatMap(({ alertEvents }) => alertEvents.map(({ id }) => id)) ?? []
  expect(all.length).toBeGreaterThan(200)
  const missing = () => given.map((mine) => all.filter((id) => !mine.has(id)))
  await vi.waitFor(() => expect(missing()).toEqual([[], []]), 20_000).finally(() => finish(null))
  await Promise.all(readers)
})
