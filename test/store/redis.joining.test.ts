import { describe, expect, test } from 'vitest'
import { chainOf } from '../../src/store/rules.ts'
import { HOUR, NOW, Origin } from '../helpers/events.ts'
import { TwoDatabases } from './redis.joined.ts'

/** What a store in Redis offers to one that joins it with another: where its log stands, epochs, fences and copies. */

const DAY = 24 * HOUR
const databases = new TwoDatabases()
databases.use()

describe('the chain of the log', () => {
  test('follows from origins and numbers alone; it is told at every index that the log reaches, erased ones too', async () => {
    const store = await databases.open()
    const [a, b] = [new Origin('a origin'), new Origin('b')]
    const events = [
      a.recorded({ id: 'x' }),
      b.recorded({ user: 'v', id: 'y' }),
      a.recorded({ id: 'x' }),
      b.voided(),
      a.recorded({ user: 'v', acceptedAt: NOW + 1 }),
      b.erased('u'),
    ]
    for (const event of events.slice(0, 3)) await store.append([event])
    await store.append(events.slice(3))
    const chains: string[] = []
    for (const { origin, seq } of events) chains.push(chainOf(chains.at(-1) ?? '', origin, seq))
    expect(await store.chainAt([0, 1, 2, 3, 4, 5, 6, 7])).toEqual(['', ...chains, null])
    const { entries } = await store.log({ epoch: store.epoch, n: 0 }, 10)
    expect(entries.map(({ origin, seq, chain, outcome, settled }) => [origin, seq, chain, outcome, settled])).toEqual(
      events.map(({ origin, seq }, i) => [
        origin,
        seq,
        chains[i],
        ['erased', 'applied', 'erased', 'erased', 'applied', 'applied'][i],
        true,
      ]),
    )
    expect((await store.head()).chain).toBe(chains.at(-1))
  })

  test('it is told at what was trimmed last, and not before', async () => {
    const store = await databases.open()
    const origin = new Origin()
    await store.append([
      ...[40, 39, 38].map((days) => origin.recorded({ acceptedAt: NOW - days * DAY })),
      origin.recorded({ user: 'v', acceptedAt: NOW }),
      origin.erased('u', NOW),
    ])
    const chains = await store.chainAt([1, 2, 3, 4, 5])
    await store.sweep(NOW + 29 * DAY)
    await store.sweep(NOW + 31 * DAY)
    expect(await store.chainAt([1, 2, 3, 4, 5])).toEqual([null, null, null, null, chains[4]])
    expect(await store.head()).toMatchObject({ n: 5, trimmed: 5, trimmedChain: chains[4] })
    expect(await databases.redis.exists('xinyi:holes')).toBe(0)
  })
})

describe('positions', () => {
  test('they tell up to where each origin is in the log; lost ones are raised, and none is lowered', async () => {
    const store = await databases.open()
    const [a, b] = [new Origin('a'), new Origin('b')]
    await store.append([a.recorded(), a.recorded(), b.recorded()])
    expect(await store.positions()).toEqual({ a: 2, b: 1 })
    await databases.redis.hset('xinyi:positions', 'b', 4)
    await databases.redis.hdel('xinyi:positions', 'a')
    await store.raise({ positions: { a: 2, b: 1 } })
    expect(await store.positions()).toEqual({ a: 2, b: 4 })
    expect((await store.append([a.recorded()])).outcomes).toMatchObject([{ type: 'applied', n: 4 }])
  })
})

describe('epochs', () => {
  test('a fork begins a new one: whoever knows only the old one is stale, and forks nothing', async () => {
    const [one, other] = [await databases.open(), await databases.open()]
    const origin = new Origin()
    await one.append([origin.recorded(), origin.recorded()])
    const first = one.epoch
    expect(await one.fork('second', 1)).toBe(true)
    expect(one.epoch).toBe('second')
    expect(await other.fork('third', 1)).toBe(false)
    expect(other.epoch).toBe(first)
    expect((await other.append([origin.recorded()])).outcomes).toEqual([{ type: 'stale' }])
    const stale = { code: 'STORE_UNAVAILABLE', cause: { code: 'STALE' } }
    await expect(other.read([{ kind: 'overview' }], NOW)).rejects.toMatchObject(stale)
    await expect(other.chainAt([1])).rejects.toMatchObject(stale)
    await expect(other.copies({ users: [] })).rejects.toMatchObject(stale)
    await expect(other.raise({ positions: { a: 1 } })).rejects.toMatchObject(stale)
    expect((await one.append([origin.recorded()])).outcomes).toMatchObject([{ type: 'gap', position: 2 }])
    expect((await one.head()).lineage).toEqual([
      { epoch: first, n: 0 },
      { epoch: 'second', n: 1 },
    ])
  })

  test('epochs that the lineage has lost, because Redis has gone back, are known again after a fork', async () => {
    const store = await databases.open()
    const origin = new Origin()
    await store.append(Array.from({ length: 6 }, () => origin.recorded()))
    await store.fork('third', 4, [{ epoch: 'second', n: 2 }])
    expect((await store.log({ epoch: 'second', n: 6 }, 1)).entries).toMatchObject([{ n: 5 }])
    expect((await store.head()).lineage.map(({ epoch }) => epoch).slice(1)).toEqual(['second', 'third'])
  })

  test('a place in an earlier epoch is taken back to where the log forked from it, at any fork since', async () => {
    const store = await databases.open()
    const origin = new Origin()
    await store.append(Array.from({ length: 6 }, () => origin.recorded()))
    const first = store.epoch
    await store.fork('second', 5)
    await store.fork('third', 2)
    await store.fork('fourth', 4)
    const from = async (epoch: string, n: number) => (await store.log({ epoch, n }, 1)).entries[0]?.n
    expect(await from(first, 6)).toBe(3)
    expect(await from(first, 1)).toBe(2)
    expect(await from('second', 6)).toBe(3)
    expect(await from('third', 6)).toBe(5)
    expect(await from('fourth', 5)).toBe(6)
    expect(await store.log({ epoch: first, n: 0 }, 1)).toMatchObject({ epoch: 'fourth' })
    const expired = { code: 'CURSOR_EXPIRED' }
    await expect(store.log({ epoch: 'unknown', n: 1 }, 1)).rejects.toMatchObject(expired)
    await expect(store.logGrown({ epoch: 'unknown', n: 1 }, new AbortController().signal)).rejects.toMatchObject(expired)
    await store.logGrown({ epoch: first, n: 6 }, new AbortController().signal)
  })
})

describe('a fence', () => {
  test('an answer counts only where Redis has all that was acknowledged', async () => {
    const store = await databases.open()
    const origin = new Origin('a')
    await store.append([origin.recorded(), origin.recorded()])
    const ask = (seq: number) => store.read([{ kind: 'overview' }], NOW, undefined, [{ origin: 'a', seq }])
    expect(await ask(2)).toMatchObject({ served: 'REDIS', answers: [{ users: 1 }] })
    await expect(ask(3)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause: { code: 'BEHIND' } })
  })
})

describe('copies', () => {
  test('come in pages by the bytes of the ids, of one moment, with the place in the log; nobody is told as nobody', async () => {
    const store = await databases.open()
    const origin = new Origin('o')
    const users = ['\u{10000}', '\uff61', 'b', 'a', '']
    await store.append(users.map((user) => origin.recorded({ user, emotionScore: 0.1 + 0.2 })))
    await store.append([origin.erased('a', NOW + 1)])
    const ids: string[] = []
    for (let after: string | null = ''; after !== null; ) {
      const page = await store.copies({ after, limit: 2 })
      expect(page).toMatchObject({ n: 6, positions: { o: 6 }, damaged: [] })
      ids.push(...page.copies.map(({ user }) => user))
      after = page.last
    }
    expect(ids).toEqual(['', 'b', '\uff61', '\u{10000}'])
    expect((await store.copies({ users: ['a', 'nobody', 'b'] })).copies).toMatchObject([
      { user: 'a', state: null, erasedAt: NOW + 1 },
      { user: 'nobody', state: null, erasedAt: null, expiredAt: null },
      { user: 'b', state: { rev: 3, conversations: [{ emotionScore: 0.1 + 0.2 }] } },
    ])
  })
})
