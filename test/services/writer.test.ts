import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { type EventDraft, LogWriter } from '../../src/services/writer.ts'
import { NOW } from '../helpers/events.ts'
import { stores } from '../helpers/stores.ts'
import { startServices } from './services.ts'

const cleared = (user: string): EventDraft => ({ id: user, kind: 'cleared', user, acceptedAt: NOW, occurredAt: NOW, payload: {} })
const kind = stores.find(({ name }) => name === 'sqlite')
if (!kind) throw new Error('there is no SQLite store')

test('what comes in one turn of the event loop travels in one batch, numbered in order', async () => {
  const { watched, writer } = await startServices(kind)
  const written = await Promise.all(['a', 'b', 'c'].map((user) => writer.submit(cleared(user))))
  expect(watched.batches.map((batch) => batch.map(({ seq, user }) => [seq, user]))).toEqual([
    [
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ],
  ])
  expect(written.map(({ outcome }) => outcome.n)).toEqual([1, 2, 3])
})

test('while a batch is under way the rest queue up, in batches of at most 100', async () => {
  const { watched, writer } = await startServices(kind)
  const held = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  watched.around = async (append) => {
    begun.resolve()
    await held.promise
    return append()
  }
  const first = writer.submit(cleared('first'))
  await begun.promise
  const rest = Array.from({ length: 150 }, (_, i) => writer.submit(cleared(`user ${i}`)))
  expect(watched.batches).toHaveLength(1)
  held.resolve()
  await Promise.all([first, ...rest])
  expect(watched.batches.map((batch) => batch.length)).toEqual([1, 100, 50])
  expect(watched.batches.flat().map(({ seq }) => seq)).toEqual(Array.from({ length: 151 }, (_, i) => i + 1))
})

/** Holds every batch until it is let go; answers how, in the order in which they began. */
function holding(watched: Awaited<ReturnType<typeof startServices>>['watched']): PromiseWithResolvers<void>['resolve'][] {
  const held: PromiseWithResolvers<void>['resolve'][] = []
  watched.around = async (append) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    held.push(resolve)
    await promise
    return append()
  }
  return held
}

test('four batches are under way at once, and the next begins when one of them has ended', async () => {
  const { watched, writer } = await startServices(kind)
  const held = holding(watched)
  const written = []
  for (const user of ['a', 'b', 'c', 'd']) {
    written.push(writer.submit(cleared(user)))
    await vi.waitUntil(() => held.length === written.length)
  }
  written.push(writer.submit(cleared('e')))
  // Whatever begins does so within a turn of the event loop.
  await setImmediate()
  await setImmediate()
  expect(held).toHaveLength(4)
  held[0]?.()
  await written[0]
  await vi.waitUntil(() => held.length === 5)
  for (const letGo of held) letGo()
  expect((await Promise.all(written)).map(({ event }) => event.seq)).toEqual([1, 2, 3, 4, 5])
})

test('where the first of three fails, those beyond the gap are logged once each, in order, and no number is used again', async () => {
  const { watched, writer, store } = await startServices(kind)
  const { origin } = (await writer.submit(cleared('before'))).event
  const failed = Promise.withResolvers<void>()
  watched.around = async (append, events) => {
    if (events[0]?.origin !== origin) return append()
    if (events[0].user === 'a') {
      await failed.promise
      throw new Error('the disk is full')
    }
    await failed.promise
    return { outcomes: events.map(() => ({ type: 'gap', position: 1 })), durability: 'JOURNAL' }
  }
  const submitted = []
  for (const user of ['a', 'b', 'c']) {
    submitted.push(writer.submit(cleared(user)))
    await vi.waitUntil(() => watched.batches.length === submitted.length + 1)
  }
  failed.resolve()
  expect(await Promise.allSettled(submitted)).toMatchObject([
    { reason: { code: 'STORE_UNAVAILABLE' } },
    { value: { event: { user: 'b' }, outcome: { n: 2 } } },
    { value: { event: { user: 'c' }, outcome: { n: 3 } } },
  ])
  const sent = watched.batches.flat()
  expect(new Set(sent.map(({ origin, seq }) => `${origin} ${seq}`)).size).toBe(sent.length)
  expect((await store.status()).n).toBe(3)
})

test('long texts travel in smaller batches, but each of them does', async () => {
  const { watched, writer } = await startServices(kind)
  const recorded = (user: string, characters: number): EventDraft => ({
    ...cleared(user),
    kind: 'recorded',
    payload: {
      query: 'q'.repeat(characters),
      response: '',
      riskLevel: 'LOW',
      emotionScore: null,
      references: 0,
      topics: [],
      fingerprint: '',
    },
  })
  const sizes = [200_000, 200_000, 200_000, 600_000, 1, 1]
  await Promise.all(sizes.map((size, i) => writer.submit(recorded(`user ${i}`, size))))
  expect(watched.batches.map((batch) => batch.length)).toEqual([2, 1, 1, 2])
})

test('after a failure, of which nobody knows what it applied, the batch is unconfirmed and no number is used again', async () => {
  const { watched, writer } = await startServices(kind)
  await writer.submit(cleared('before'))
  // The answer is lost, not the write.
  watched.around = async (append) => {
    await append()
    throw new Error('the connection broke')
  }
  const lost = await Promise.allSettled([writer.submit(cleared('a')), writer.submit(cleared('b'))])
  expect(lost).toMatchObject([{ reason: { code: 'STORE_UNAVAILABLE' } }, { reason: { code: 'STORE_UNAVAILABLE' } }])
  watched.around = (append) => append()
  const { outcome } = await writer.submit(cleared('after'))
  expect(outcome.n).toBe(4)
  const [before, a, b, after] = watched.batches.flat()
  expect([before, a, b].map((event) => event?.origin)).toEqual([before?.origin, before?.origin, before?.origin])
  expect(after?.origin).not.toBe(before?.origin)
  expect(after?.seq).toBe(1)
})

test('an event that the store gave no index is unconfirmed, and what comes next has a new origin', async () => {
  const { watched, writer } = await startServices(kind)
  for (const type of ['known', 'gap'] as const) {
    watched.around = async () => ({ outcomes: [{ type, position: 7 }], durability: 'JOURNAL' })
    await expect(writer.submit(cleared('x'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    watched.around = (append) => append()
    await writer.submit(cleared('y'))
  }
  expect(new Set(watched.batches.flat().map(({ origin }) => origin)).size).toBe(4)
})

test('an event beyond a gap, which a store restored from an earlier time sees, is logged once under a new origin', async () => {
  const { watched, writer, store } = await startServices(kind)
  await writer.submit(cleared('a'))
  watched.around = async () => {
    watched.around = (append) => append()
    return { outcomes: [{ type: 'gap', position: 0 }], durability: 'JOURNAL' }
  }
  await expect(writer.submit(cleared('b'))).resolves.toMatchObject({ outcome: { n: 2 } })
  const [first, second, third] = watched.batches.flat()
  expect(third?.id).toBe(second?.id)
  expect(second?.origin).toBe(first?.origin)
  expect(third).toMatchObject({ seq: 1 })
  expect(third?.origin).not.toBe(first?.origin)
  expect((await store.status()).n).toBe(2)
})

test('an event that the store can not take for damage fails alone; those that came after it are logged under a new origin', async () => {
  const { watched, writer, store } = await startServices(kind)
  watched.around = async (append) => {
    watched.around = (next) => next()
    const { outcomes, durability } = await append()
    return {
      outcomes: [...outcomes.slice(0, 1), { type: 'damaged' }, { type: 'gap', position: 1 }, { type: 'gap', position: 1 }],
      durability,
    }
  }
  // Of this batch the store has taken all; of what the writer is told that it has not, it must not send the numbers again.
  const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map((user) => writer.submit(cleared(user))))
  expect(results).toMatchObject([
    { value: { outcome: { n: 1 }, durability: 'JOURNAL' } },
    { reason: { code: 'STORE_UNAVAILABLE' } },
    { value: { event: { user: 'c', seq: 1 } } },
    { value: { event: { user: 'd', seq: 2 } } },
  ])
  expect(watched.batches.map((batch) => batch.map(({ user }) => user))).toEqual([
    ['a', 'b', 'c', 'd'],
    ['c', 'd'],
  ])
  expect((await store.status()).n).toBe(6)
})

test('closing waits for what was submitted and takes no more', async () => {
  const { store } = await startServices(kind)
  const writer = new LogWriter(store)
  const submitted = writer.submit(cleared('a'))
  await writer.close()
  await expect(submitted).resolves.toMatchObject({ outcome: { n: 1 } })
  await expect(writer.submit(cleared('b'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})
