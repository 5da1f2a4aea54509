import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { cursorExpired, storeUnavailable } from '../../src/errors.ts'
import { DAY_MS } from '../../src/model.ts'
import { AlertFeed } from '../../src/services/feed.ts'
import type { AlertMessage } from '../../src/services/reader.ts'
import type { Place, Store } from '../../src/store/store.ts'
import { NOW } from '../helpers/events.ts'
import { stores } from '../helpers/stores.ts'
import { startFeed, startServices, take, wrapped } from './services.ts'

const told = (messages: readonly AlertMessage[]) =>
  messages.map(({ replayed, event: { kind, level } }) => `${replayed ? 'replayed ' : ''}${kind} ${level}`)

/** A feed whose tail does not follow until it is let. */
async function lagging(store: Store) {
  const { promise: mayFollow, resolve: follow } = Promise.withResolvers<void>()
  const slow = wrapped(store, { logGrown: (after, signal) => mayFollow.then(() => store.logGrown(after, signal)) })
  const feed = await startFeed(slow)
  return { feed, follow }
}

describe.each(stores)('the alert feed on $name', (kind) => {
  test('begins although the store could not be asked at first', async () => {
    const { store } = await startServices(kind)
    let asked = 0
    const status = () => (++asked < 3 ? Promise.reject(storeUnavailable()) : store.status())
    const feed = new AlertFeed({ store: wrapped(store, { status }), logger: pino({ level: 'silent' }), clock: () => NOW })
    await feed.start()
    expect(await feed.present()).toMatch(/./)
    await feed.close()
  })

  test('whoever leaves while they catch up is let go of', async () => {
    const { store, say } = await startServices(kind)
    const { feed, follow } = await lagging(store)
    await say({ riskLevel: 'HIGH' })
    const messages = await feed.subscribe({ minLevel: 'MEDIUM' })
    const next = messages.next()
    await messages.return?.()
    follow()
    expect(await next).toMatchObject({ done: true })
    expect(feed.audience.size).toBe(0)
  })

  test('begins with the next event, and tells each as it happens', async () => {
    const { feed, say } = await startServices(kind)
    await say({ riskLevel: 'MEDIUM' })
    const messages = await feed.subscribe({ minLevel: 'MEDIUM' })
    await say({ riskLevel: 'HIGH' })
    await say({ riskLevel: 'LOW' })
    await say({ riskLevel: 'MEDIUM', userId: 'v' })
    expect(told(await take(messages, 3))).toEqual(['OCCURRED HIGH', 'LEVEL_RAISED HIGH', 'RAISED MEDIUM'])
    await messages.return?.()
  })

  test('tells only what is of the level asked for or above', async () => {
    const { feed, say } = await startServices(kind)
    const messages = await feed.subscribe({ minLevel: 'HIGH' })
    await say({ riskLevel: 'MEDIUM' })
    await say({ riskLevel: 'IMMINENT', userId: 'v' })
    expect(told(await take(messages, 1))).toEqual(['RAISED IMMINENT'])
    await messages.return?.()
  })

  test('goes on behind any cursor, then live, with no gap and nothing twice, while more is recorded', async () => {
    const { feed, say } = await startServices(kind)
    const all = await feed.subscribe({ minLevel: 'MEDIUM' })
    for (let i = 0; i < 60; i += 1) await say({ userId: `user ${i % 7}`, riskLevel: i % 3 ? 'MEDIUM' : 'HIGH' })
    const more = Promise.all(Array.from({ length: 60 }, (_, i) => say({ userId: `later ${i}`, riskLevel: 'HIGH' })))
    const first = await take(all, 40)
    for (const at of [0, 1, 17, 39]) {
      const resumed = await feed.subscribe({ after: first[at]?.cursor, minLevel: 'MEDIUM' })
      const rest = await take(resumed, 39 - at + 20)
      expect(rest.slice(0, 39 - at).map(({ event }) => event)).toEqual(first.slice(at + 1).map(({ event }) => event))
      expect(rest[0]?.replayed).toBe(true)
      await resumed.return?.()
    }
    await more
    const rest = await take(all, 60)
    const ids = [...first, ...rest].map(({ event }) => event.id)
    expect(new Set(ids).size).toBe(ids.length)
    await all.return?.()
  })

  test('a cursor outlives the process', async () => {
    const { feed, say, store } = await startServices(kind)
    const messages = await feed.subscribe({ minLevel: 'MEDIUM' })
    await say({ riskLevel: 'HIGH' })
    const [last] = await take(messages, 1)
    await feed.close()
    await say({ riskLevel: 'IMMINENT' })
    const next = await startFeed(store)
    const resumed = await next.subscribe({ after: last?.cursor, minLevel: 'MEDIUM' })
    expect(told(await take(resumed, 2))).toEqual(['replayed OCCURRED IMMINENT', 'replayed LEVEL_RAISED IMMINENT'])
  })

  test('a cursor that the log does not reach back to, or that is not of this data set, is expired; any other text is bad input', async () => {
    const { feed, say, store, now } = await startServices(kind)
    const messages = await feed.subscribe({ minLevel: 'MEDIUM' })
    await say({ riskLevel: 'HIGH' })
    await say({ riskLevel: 'HIGH' })
    const [message] = await take(messages, 1)
    const cursor = message?.cursor ?? ''
    const fields = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    const other = (some: object) => Buffer.from(JSON.stringify({ ...fields, ...some })).toString('base64url')
    const subscribing = (after: string) => feed.subscribe({ after, minLevel: 'MEDIUM' })
    const another = [[1, 'ffffffffff']]
    for (const expired of [other({ n: 99, marks: [] }), other({ n: 1, marks: another }), other({ d: 'another' })]) {
      await expect(subscribing(expired)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    }
    for (const bad of [
      '',
      'x',
      cursor.slice(1),
      other({ v: 2 }),
      other({ n: -1 }),
      other({ marks: [[1, 'x']] }),
      other({ steps: [['o', 0, 0]] }),
    ]) {
      await expect(subscribing(bad)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'after' })
    }
    now.time = NOW + 31 * DAY_MS
    await say({ riskLevel: 'HIGH' })
    await store.sweep(now.time)
    await expect(subscribing(cursor)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
  })

  test('one who reads too slowly is ended with an error, and can go on from the last cursor', async () => {
    const { feed, recorder } = await startServices(kind)
    const messages = await feed.subscribe({ minLevel: 'MEDIUM' })
    const first = messages.next()
    const record = (i: number) => recorder.record({ userId: `user ${i}`, query: 'q', response: 'r', riskLevel: 'HIGH' })
    const quick = await feed.subscribe({ minLevel: 'MEDIUM' })
    const all = take(quick, 1_200)
    for (let i = 0; i < 1_200; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => record(i + j)))
    await all
    const { value } = await first
    await expect(messages.next()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    expect(await messages.next()).toMatchObject({ done: true })
    const resumed = await feed.subscribe({ after: value?.cursor, minLevel: 'MEDIUM' })
    expect(await take(resumed, 1_199)).toHaveLength(1_199)
  })

  test('who is cut off while they catch up, and had missed nothing that they want, goes on from where they were', async () => {
    const { feed, store, recorder, say } = await startServices(kind)
    const cursor = await feed.present()
    const record = (i: number) => recorder.record({ userId: `user ${i % 10}`, query: 'q', response: 'r', riskLevel: 'HIGH' })
    for (let i = 0; i < 1_100; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => record(i + j)))
    await say({ riskLevel: 'IMMINENT' })
    const from: number[] = []
    const told: Store['told'] = (after, limit) => {
      from.push(after.n)
      return store.told(after, limit)
    }
    const other = await startFeed(wrapped(store, { told }), { heartbeatMs: 0 })
    const { promise: said, resolve: sayFirst } = Promise.withResolvers<string>()
    const cutOff = await other.subscribe({ after: cursor, minLevel: 'IMMINENT', onIdle: sayFirst })
    const waiting = cutOff.next()
    const after = await said
    await cutOff.return?.()
    await waiting
    from.length = 0
    const [first] = await take(await other.subscribe({ after, minLevel: 'IMMINENT' }), 1)
    expect(first?.event.level).toBe('IMMINENT')
    expect(Math.min(...from)).toBeGreaterThanOrEqual(499)
  })

  test('a tail that lags behind brings nothing from before the subscription, and nothing twice', async () => {
    const { say, store } = await startServices(kind)
    const { feed, follow } = await lagging(store)
    for (const userId of ['a', 'b', 'c']) await say({ userId, riskLevel: 'HIGH' })
    const messages = await feed.subscribe({ minLevel: 'MEDIUM' })
    const next = messages.next()
    follow()
    await say({ userId: 'd', riskLevel: 'IMMINENT' })
    expect(told([(await next).value])).toEqual(['RAISED IMMINENT'])
    await messages.return?.()
  })

  test('a cursor from an instance that is ahead of this one is followed by what comes behind it, once', async () => {
    const { feed: ahead, say, store } = await startServices(kind)
    const { feed: behind, follow } = await lagging(store)
    const first = await ahead.subscribe({ minLevel: 'MEDIUM' })
    for (const userId of ['a', 'b', 'c']) await say({ userId, riskLevel: 'HIGH' })
    const [, second] = await take(first, 3)
    const messages = await behind.subscribe({ after: second?.cursor, minLevel: 'MEDIUM' })
    const next = take(messages, 2)
    follow()
    await say({ userId: 'd', riskLevel: 'IMMINENT' })
    expect(told(await next)).toEqual(['replayed RAISED HIGH', 'RAISED IMMINENT'])
    await first.return?.()
    await messages.return?.()
  })

  test('a log that went back ends every subscription, and the feed goes on from its new end', async () => {
    const { say, store } = await startServices(kind)
    await say({ userId: 'a', riskLevel: 'HIGH' })
    const { promise: goneBack, reject: goBack } = Promise.withResolvers<never>()
    let waits = 0
    const restored = new Proxy(store, {
      get: (target, key) => {
        // Whoever waits behind the end of a log that goes back is told so.
        if (key === 'logGrown')
          return (after: Place, signal: AbortSignal) => {
            waits += 1
            return waits === 1 ? Promise.race([target.logGrown(after, signal), goneBack]) : target.logGrown(after, signal)
          }
        const value: unknown = Reflect.get(target, key)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const feed = await startFeed(restored)
    const before = await feed.subscribe({ minLevel: 'MEDIUM' })
    const unread = await feed.subscribe({ minLevel: 'MEDIUM' })
    const ended = before.next()
    goBack(cursorExpired())
    await expect(ended).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await expect(unread.next()).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    const after = await feed.subscribe({ minLevel: 'MEDIUM' })
    const next = after.next()
    await say({ userId: 'b', riskLevel: 'IMMINENT' })
    expect(told([(await next).value])).toEqual(['RAISED IMMINENT'])
    await after.return?.()
  })

  test('closing ends everybody, those who wait and those who catch up', async () => {
    const { feed, say } = await startServices(kind)
    const waiting = await feed.subscribe({ minLevel: 'MEDIUM' })
    await say({ riskLevel: 'HIGH' })
    const [{ cursor } = { cursor: '' }] = await take(waiting, 1)
    const next = waiting.next()
    await feed.close()
    expect(await next).toMatchObject({ done: true })
    const catchingUp = await feed.subscribe({ after: cursor, minLevel: 'MEDIUM' })
    expect(await catchingUp.next()).toMatchObject({ done: true })
  })
})
