import { expect, test } from 'vitest'
import type { Page } from '../../../src/store/store.ts'
import { HOUR, NOW } from '../../helpers/events.ts'
import { ALL, first, given, idsOf, last, type Open, type Subject, valuesOf, walk } from './harness.ts'

const LEVELS = ['LOW', 'MEDIUM', 'UNKNOWN', 'HIGH', 'IMMINENT'] as const
const conversationsOf = (it: Subject) => (page: Page) => it.ask({ kind: 'conversations', userId: 'u', page })
const pointsOf = (it: Subject) => (page: Page) => it.ask({ kind: 'emotions', userId: 'u', page })

/** 23 conversations, three of them at each moment. */
async function filled(open: Open): Promise<{ it: Subject; newestFirst: string[] }> {
  const it = await given(open)
  const all = Array.from({ length: 23 }, (_, i) => {
    const moment = Math.floor(i / 3)
    return {
      id: `c${String(i).padStart(2, '0')}`,
      occurredAt: NOW - (20 - moment) * HOUR,
      riskLevel: LEVELS[i % 5] ?? 'LOW',
      emotionScore: i / 10,
    }
  })
  await it.recordAll(all.toSorted((a, b) => a.riskLevel.localeCompare(b.riskLevel)))
  return { it, newestFirst: all.map(({ id }) => id).reverse() }
}

export function lists(open: Open): void {
  test('a walk through conversations or points sees each once, in either direction, whatever the page size', async () => {
    const { it, newestFirst } = await filled(open)
    for (const limit of [1, 2, 7, 22, 23, 24, 100]) {
      for (const take of ['first', 'last'] as const) {
        expect((await walk(conversationsOf(it), limit, take)).map(({ id }) => id)).toEqual(newestFirst)
        expect((await walk(pointsOf(it), limit, take)).map(({ id }) => id)).toEqual(newestFirst)
      }
    }
  })

  test('a page tells whether there is more before and after it, and how many there are', async () => {
    const { it, newestFirst } = await filled(open)
    for (const read of [conversationsOf(it), pointsOf(it)]) {
      const head = await read(first(5))
      expect(head).toMatchObject({ hasPrevious: false, hasNext: true, total: 23, resume: null })
      expect(idsOf(head)).toEqual(newestFirst.slice(0, 5))
      const middle = await read(first(5, head.items.at(-1)?.key))
      expect(middle).toMatchObject({ hasPrevious: true, hasNext: true, total: 23 })
      expect(idsOf(middle)).toEqual(newestFirst.slice(5, 10))
      const tail = await read(last(5))
      expect(tail).toMatchObject({ hasPrevious: true, hasNext: false, total: 23 })
      expect(idsOf(tail)).toEqual(newestFirst.slice(18))
      expect(await read(first(23))).toMatchObject({ hasPrevious: false, hasNext: false })
      expect(await read(first(5, tail.items.at(-1)?.key))).toMatchObject({ items: [], hasNext: false, hasPrevious: true })
      expect(await read(last(5, head.items[0]?.key))).toMatchObject({ items: [], hasNext: true, hasPrevious: false })
    }
  })

  test('a page can lie between two keys, and a key need not be there any more', async () => {
    const { it, newestFirst } = await filled(open)
    for (const read of [conversationsOf(it), pointsOf(it)]) {
      const { items } = await read(ALL)
      const [after, before] = [items[3]?.key, items[10]?.key]
      expect(idsOf(await read({ limit: 100, take: 'first', after, before }))).toEqual(newestFirst.slice(4, 10))
      expect(idsOf(await read({ limit: 2, take: 'first', after, before }))).toEqual(newestFirst.slice(4, 6))
      expect(idsOf(await read({ limit: 2, take: 'last', after, before }))).toEqual(newestFirst.slice(8, 10))
      expect(idsOf(await read({ limit: 2, take: 'last', after: before, before: after }))).toEqual([])
      expect(idsOf(await read(first(2, [NOW - 17 * HOUR, 'c09x'])))).toEqual(['c09', 'c08'])
      expect(idsOf(await read(first(2, [NOW - 17 * HOUR + 1, ''])))).toEqual(['c11', 'c10'])
      expect(idsOf(await read(last(2, [NOW - 17 * HOUR, 'c09x'])))).toEqual(['c11', 'c10'])
    }
  })

  test('what is recorded while somebody pages makes them miss nothing and see nothing twice', async () => {
    const { it, newestFirst } = await filled(open)
    const head = await conversationsOf(it)(first(10))
    await it.recordAll([{ id: 'newest' }, { id: 'late', occurredAt: NOW - 13.5 * HOUR }])
    const rest = await walk((page) => conversationsOf(it)({ ...page, after: page.after ?? head.items.at(-1)?.key }), 4)
    expect([...idsOf(head), ...rest.map(({ id }) => id)]).toEqual(newestFirst)
  })

  test('conversations can be asked for from a risk level up', async () => {
    const { it, newestFirst } = await filled(open)
    const risky = newestFirst.filter((id) => ['MEDIUM', 'HIGH', 'IMMINENT'].includes(LEVELS[Number(id.slice(1)) % 5] ?? ''))
    for (const take of ['first', 'last'] as const) {
      const walked = await walk((page) => it.ask({ kind: 'conversations', userId: 'u', minRisk: 'MEDIUM', page }), 3, take)
      expect(walked.map(({ id }) => id)).toEqual(risky)
    }
    const page = await it.ask({ kind: 'conversations', userId: 'u', minRisk: 'IMMINENT', page: first(2) })
    expect(page).toMatchObject({ total: null, hasNext: true })
    expect(valuesOf(page).map(({ riskLevel }) => riskLevel)).toEqual(['IMMINENT', 'IMMINENT'])
    expect(await it.ask({ kind: 'conversations', userId: 'u', minRisk: 'UNKNOWN', page: ALL })).toMatchObject({
      total: null,
      hasNext: false,
    })
    expect(idsOf(await it.ask({ kind: 'conversations', userId: 'u', minRisk: 'UNKNOWN', page: ALL }))).toEqual(newestFirst)
  })

  test('points can be asked for between two times, both included', async () => {
    const { it, newestFirst } = await filled(open)
    const [from, to] = [NOW - 18 * HOUR, NOW - 16 * HOUR]
    const between = (page = ALL) => it.ask({ kind: 'emotions', userId: 'u', from, to, page })
    const expected = newestFirst.filter((id) => Number(id.slice(1)) >= 6 && Number(id.slice(1)) <= 14)
    expect(idsOf(await between())).toEqual(expected)
    for (const take of ['first', 'last'] as const) expect((await walk(between, 2, take)).map(({ id }) => id)).toEqual(expected)
    expect(await between(first(2))).toMatchObject({ total: null, hasNext: true, hasPrevious: false })
    expect(await between(last(2))).toMatchObject({ total: null, hasNext: false, hasPrevious: true })
    expect(idsOf(await it.ask({ kind: 'emotions', userId: 'u', from: to + 1, page: ALL }))).toEqual(newestFirst.slice(0, 8))
    expect(idsOf(await it.ask({ kind: 'emotions', userId: 'u', to: from - 1, page: ALL }))).toEqual(newestFirst.slice(-6))
    expect(await it.ask({ kind: 'emotions', userId: 'u', from: to, to: from, page: ALL })).toMatchObject({ items: [], total: null })
    expect(await it.ask({ kind: 'emotions', userId: 'u', from: 0, page: first(5) })).toMatchObject({ total: null })
  })

  test('topics are listed with the number of users that have each, most users first', async () => {
    const it = await given(open)
    const has = { a: ['work', 'sleep', 'x'], b: ['work', '家庭', 'x'], c: ['work', 'sleep'], d: ['work', '\uff61', '\u{10000}'] }
    for (const [user, topics] of Object.entries(has))
      await it.recordAll([
        { user, topics },
        { user, topics: topics.slice(0, 1) },
      ])
    const all = await it.ask({ kind: 'topics', page: ALL })
    expect(valuesOf(all)).toEqual([
      { name: 'work', userCount: 4 },
      { name: 'sleep', userCount: 2 },
      { name: 'x', userCount: 2 },
      { name: '家庭', userCount: 1 },
      { name: '\uff61', userCount: 1 },
      { name: '\u{10000}', userCount: 1 },
    ])
    expect(all).toMatchObject({ total: 6, hasNext: false })
    expect(all.items[1]?.key).toEqual([-2, 'sleep'])
    for (const limit of [1, 2, 4]) {
      for (const take of ['first', 'last'] as const) {
        expect(await walk((page) => it.ask({ kind: 'topics', page }), limit, take)).toEqual(valuesOf(all))
      }
    }
    expect(await it.ask({ kind: 'topic', name: 'sleep' })).toEqual({ name: 'sleep', userCount: 2 })
    expect((await walk((page) => it.ask({ kind: 'topicUsers', name: 'work', page }), 3)).map(({ userId }) => userId)).toEqual([
      'a',
      'b',
      'c',
      'd',
    ])
    expect((await walk((page) => it.ask({ kind: 'topicUsers', name: 'work', page }), 3, 'last')).map(({ userId }) => userId)).toEqual([
      'a',
      'b',
      'c',
      'd',
    ])
    expect(await it.ask({ kind: 'topicUsers', name: 'sleep', page: first(1) })).toMatchObject({
      total: 2,
      hasNext: true,
      items: [{ key: [0, 'a'], value: { userId: 'a', totalChats: 2 } }],
    })
    await it.tell(it.origin.cleared('a'))
    expect(await it.ask({ kind: 'topic', name: 'x' })).toEqual({ name: 'x', userCount: 1 })
    expect(idsOf(await it.ask({ kind: 'topicUsers', name: 'sleep', page: ALL }))).toEqual(['c'])
  })
}
