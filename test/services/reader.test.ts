import { expect, test } from 'vitest'
import type { AlertEvent } from '../../src/model.ts'
import { decodeCursor, END, encodeCursor, MAX_BEYOND, shortId } from '../../src/services/cursor.ts'
import { Reader, type Told } from '../../src/services/reader.ts'
import { Recent } from '../../src/services/recent.ts'
import { NOW } from '../helpers/events.ts'

const event = (id: string): AlertEvent => ({ id, alertId: 'a', kind: 'OCCURRED', at: NOW, actor: null, note: null, level: 'HIGH' })
const told = (epoch: string, n: number, settledIn: string | null, ...ids: string[]): Told => ({
  epoch,
  n,
  settledIn,
  alertEvents: ids.map((id) => ({ event: event(id), toldAt: 0, settledAt: null })),
})
const reader = (given = { upTo: { epoch: 'one', n: 10, ordinal: END }, beyond: [] as string[] }) =>
  new Reader({ minLevel: 'MEDIUM', at: { epoch: 'one', n: 10 }, present: { epoch: 'one', n: 10 }, given })
const idsOf = (messages: readonly { event: AlertEvent }[]) => messages.map((message) => message.event.id)

test('a cursor says what was given, and nothing else can be made of one', () => {
  const given = { upTo: { epoch: 'e', n: 0, ordinal: END }, beyond: [shortId('x'), shortId('y')] }
  expect(decodeCursor('d', encodeCursor('d', given))).toEqual(given)
  expect(() => decodeCursor('other', encodeCursor('d', given))).toThrow(expect.objectContaining({ code: 'CURSOR_EXPIRED' }))
  const tooMany = { ...given, beyond: Array.from({ length: MAX_BEYOND + 1 }, (_, i) => shortId(`${i}`)) }
  expect(() => decodeCursor('d', encodeCursor('d', tooMany))).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }))
})

test('a cursor holds settled places only, and names what was given beyond them until it is settled too', () => {
  const it = reader()
  const [a] = it.take(told('away', 11, null, 'a'))
  expect(a?.given).toEqual({ upTo: { epoch: 'one', n: 10, ordinal: END }, beyond: [shortId('a')] })
  const [b] = it.take(told('one', 11, 'one', 'b'))
  expect(b?.given).toEqual({ upTo: { epoch: 'one', n: 11, ordinal: 0 }, beyond: [shortId('a')] })
  const [c, ...none] = it.take(told('one', 12, 'one', 'a', 'c'))
  expect(c?.given).toEqual({ upTo: { epoch: 'one', n: 12, ordinal: 1 }, beyond: [] })
  expect(none).toEqual([])
})

test('what the cursor covers is not given again, under whatever index it comes', () => {
  const it = reader({ upTo: { epoch: 'one', n: 10, ordinal: 0 }, beyond: [shortId('x')] })
  expect(idsOf(it.catchUp(told('one', 10, 'one', 'p', 'q')))).toEqual(['q'])
  expect(idsOf(it.catchUp(told('two', 9, 'two', 'x', 'q', 'r')))).toEqual(['r'])
  expect(idsOf(it.take(told('two', 10, 'two', 'r', 's')))).toEqual(['s'])
  expect(idsOf(it.take(told('two', 10, 'two', 's')))).toEqual([])
})

test('what the log has lost is named by the next cursor', () => {
  const it = reader()
  it.take(told('one', 11, 'one', 'a'))
  expect(it.take({ lost: ['a'] })).toEqual([])
  const [b] = it.take(told('two', 11, 'two', 'b'))
  expect(b?.given).toEqual({ upTo: { epoch: 'two', n: 11, ordinal: 0 }, beyond: [shortId('a')] })
  expect(idsOf(it.take(told('two', 12, 'two', 'a')))).toEqual([])
})

test('a cursor never names more than so many, and then the newest', () => {
  const it = reader()
  let last: ReturnType<Reader['take']> = []
  for (let i = 0; i < MAX_BEYOND + 5; i += 1) last = it.take(told('away', 11 + i, null, `${i}`))
  const beyond = last[0]?.given.beyond ?? []
  expect(beyond).toHaveLength(MAX_BEYOND)
  expect([beyond[0], beyond.at(-1)]).toEqual([shortId('5'), shortId(`${MAX_BEYOND + 4}`)])
})

test('what is recent is so again when it is set again', () => {
  const recent = new Recent<string, number>(2)
  for (const [key, value] of [
    ['a', 1],
    ['b', 2],
    ['a', 3],
    ['c', 4],
  ] as const)
    recent.set(key, value)
  expect(recent.entries()).toEqual([
    ['a', 3],
    ['c', 4],
  ])
  expect([recent.has('b'), recent.get('a')]).toEqual([false, 3])
})
