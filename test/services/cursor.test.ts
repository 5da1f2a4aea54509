import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { heardOf, type Past } from '../../src/services/alert-pages.ts'
import { decodeCursor, encodeCursor, MAX_LENGTH } from '../../src/services/cursor.ts'
import {
  covers,
  coversAhead,
  type Given,
  gaveAhead,
  gaveSettled,
  type Heard,
  MAX_BEYOND,
  MAX_DUE,
  MAX_STEPS,
  type Progress,
  shortId,
} from '../../src/services/given.ts'
import { seededEpoch } from '../../src/store/copy.ts'
import { MAX_MARKS } from '../../src/store/trail.ts'

const NOTHING: Given = { upTo: { epoch: 'one', n: 10 }, marks: [], steps: new Map(), ahead: new Map(), beyond: new Map(), due: [] }

const give = (given: Given, origin: string, seq: number): Given => {
  return { ...given, ...gaveAhead(given, shortId(`${origin} ${seq}`), { origin, seq, ordinal: 0, isWhole: true }, { isNew: true }) }
}

const [x, others] = [shortId('x'), Array.from({ length: 12 }, (_, i) => shortId(`other ${i}`))]

test('a cursor says what was given, and nothing else can be made of one', () => {
  const steps = new Map([[shortId('o'), { seq: 30, ordinal: 0, recent: '1.c', since: 2 }]])
  const beyond = new Map([[shortId('x'), { origin: shortId('o'), seq: 4 }]])
  const given = { upTo: { epoch: 'e', n: 0 }, marks: [{ n: 7, chain: '0123456789' }], steps, ahead: steps, beyond, due: [shortId('y')] }
  expect(decodeCursor('d', encodeCursor('d', given))).toEqual(given)
  expect(() => decodeCursor('other', encodeCursor('d', given))).toThrow(expect.objectContaining({ code: 'CURSOR_EXPIRED' }))
  const tooMany = {
    ...given,
    beyond: new Map(Array.from({ length: MAX_BEYOND + 1 }, (_, i) => [shortId(`${i}`), { origin: shortId('o'), seq: 1 }])),
  }
  expect(() => decodeCursor('d', encodeCursor('d', tooMany))).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }))
})

test('what was given of an origin is known of the newest events, in whatever order they came, and taken for granted of older ones', () => {
  const seqs = fc.uniqueArray(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 600 })
  fc.assert(
    fc.property(seqs, fc.integer({ min: 1, max: 5_001 }), (given, asked) => {
      const { steps } = given.reduce<Heard>((so, seq) => gaveSettled(so, { origin: shortId('o'), seq, ordinal: 0, isWhole: true }), NOTHING)
      const cursor = encodeCursor('d', { ...NOTHING, steps })
      expect(cursor.length).toBeLessThan(1_000)
      const known = decodeCursor('d', cursor).steps
      expect(known).toEqual(steps)
      const first = given[0] ?? 0
      const newest = given.filter((seq) => seq >= first).toSorted((a, b) => b - a)
      const isCovered = covers(known, shortId('o'), { seq: asked, ordinal: 0 })
      if (given.includes(asked) || asked < first) expect(isCovered).toBe(true)
      else if (asked > (newest.slice(0, 100).at(-1) ?? 0)) expect(isCovered).toBe(false)
    }),
  )
})

test('an event that is given counts as given from then on, and no other does for that, also behind a cursor that leaves things out', () => {
  const o = shortId('o')
  const seqs = Array.from({ length: 300 }, (_, i) => i + 1)
  const coveredBy = ({ ahead }: Given) => seqs.filter((seq) => covers(ahead, o, { seq, ordinal: 0 }))
  const comesBack = 0
  const acts = fc.array(
    fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 300 }) }, { weight: 1, arbitrary: fc.constant(comesBack) }),
    { minLength: 1, maxLength: 100 },
  )
  fc.assert(
    fc.property(acts, (some) => {
      let given = NOTHING
      let least = Number.POSITIVE_INFINITY
      for (const [i, seq] of some.entries()) {
        if (seq === comesBack) {
          // Others have gone on last, of which the cursor says more.
          for (const other of others.slice(0, 4)) given = give(given, other, 1_000 + i)
          given = decodeCursor('d', encodeCursor('d', given))
        } else {
          const before = coveredBy(given)
          given = give(given, o, seq)
          expect(coveredBy(given)).toEqual([...new Set([...before, seq])].sort((a, b) => a - b))
          least = Math.min(least, seq)
        }
        expect(coveredBy(given).every((covered) => covered >= least)).toBe(true)
      }
    }),
  )
})

/** As much as one can say. */
function longest(): Given {
  const names = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => shortId(`${prefix} ${i}`))
  const span = (older: number): Progress => ({
    ...{ seq: 12_345_678, ordinal: 1, recent: `${'1z.'.repeat(170)}1`, since: 1_234_567 },
    ...(older > 0 && { older: span(older - 1) }),
  })
  const steps = new Map(names(MAX_STEPS, 'o').map((origin) => [origin, span(2)]))
  return {
    upTo: { epoch: seededEpoch(true), n: 123_456_789 },
    marks: Array.from({ length: MAX_MARKS }, (_, i) => ({ n: 123_456_789 - i, chain: '0123456789' })),
    ...{ steps, ahead: steps, due: names(MAX_DUE, 'd') },
    beyond: new Map(names(MAX_BEYOND, 'b').map((id, i) => [id, { origin: shortId(`o ${i}`), seq: 12_345_678 - i }])),
  }
}

test('a cursor that says as much as one can still fits into a header', () => {
  const given = longest()
  const cursor = encodeCursor(randomUUID(), given)
  expect(cursor.length).toBeLessThanOrEqual(MAX_LENGTH)
  expect(decodeCursor(JSON.parse(Buffer.from(cursor, 'base64url').toString()).d, cursor).beyond).toEqual(given.beyond)
})

const cursorWith = (of: object): string => Buffer.from(JSON.stringify({ v: 4, d: 'd', e: 'e', n: 1, ...of })).toString('base64url')

test('a cursor of before names alert events in another way, and means the same', () => {
  const [o, id] = [shortId('o'), shortId('id')]
  const { beyond } = decodeCursor('d', cursorWith({ origins: [o], given: [[id, 0, 7]] }))
  expect(beyond).toEqual(new Map([[id, { origin: o, seq: 7 }]]))
})

test('a text that names no alert events is not a cursor', () => {
  for (const given of ['', 'short', 'abcdefgh', 'abcdefgh-1', 'abcdefgh1.', 'abcdefgh1..abcdefgh1', 'x!abcdefgh1', 'abcdefghzzzzzzzzzzz'])
    expect(() => decodeCursor('d', cursorWith({ given })), given).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }))
})

test('a text that is far too long for a cursor is not looked into', () => {
  const cursor = cursorWith({ given: '.'.repeat(1_000_000) })
  const read = vi.spyOn(JSON, 'parse')
  onTestFinished(() => read.mockRestore())
  expect(() => decodeCursor('d', cursor)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }))
  expect(read).not.toHaveBeenCalled()
})

test('a cursor names the origins that went on last, and not more than so many', () => {
  let heard: Heard = NOTHING
  for (let i = 0; i <= MAX_STEPS; i += 1)
    for (const origin of ['first', `${i}`]) heard = gaveSettled(heard, { origin, seq: i + 1, ordinal: 0, isWhole: true })
  const { steps } = heard
  expect([steps.size, steps.has('first'), steps.has('0'), steps.has('1'), steps.has(`${MAX_STEPS}`)]).toEqual([
    MAX_STEPS,
    true,
    false,
    false,
    true,
  ])
  expect(gaveSettled(heard, { origin: 'first', seq: 1, ordinal: 5, isWhole: true }).steps).toBe(steps)
  expect(covers(steps, 'first', { seq: MAX_STEPS + 1, ordinal: 1 })).toBe(false)
})

const past = (of: Partial<Past>): Past[] =>
  [5_000, 5_001].map((seq) => ({ id: `${seq}`, settled: false, origin: shortId('o'), seq, since: 0, ordinal: 0, isWhole: true, ...of }))

test('what comes before all that is remembered of the past is of the past, too, where no more of it is known', () => {
  const heard = heardOf(NOTHING, past({}))
  for (const seq of [1, 4_999, 5_000, 5_001]) expect(coversAhead(heard, shortId('o'), { seq, ordinal: 0 }, false)).toBe(true)
  expect(coversAhead(heard, shortId('o'), { seq: 5_002, ordinal: 0 }, false)).toBe(false)
})

test('what had come to nothing ahead of the log is not of the past, as it may come to something there', () => {
  const heard = heardOf(NOTHING, past({ since: 5_000 }))
  for (const seq of [5_000, 5_001]) expect(coversAhead(heard, shortId('o'), { seq, ordinal: 0 }, false)).toBe(true)
  for (const seq of [1, 4_999]) expect(coversAhead(heard, shortId('o'), { seq, ordinal: 0 }, false)).toBe(false)
})

test('what had come to nothing between older events that were given does not count as given, whatever else a cursor has to say', () => {
  let given = [50, 20, 30].reduce((so, seq) => give(so, x, seq), NOTHING)
  for (const other of others) {
    for (const seq of [5_000, ...Array.from({ length: 200 }, (_, i) => 2 * i + 1)]) given = give(given, other, seq)
    const { ahead } = decodeCursor('d', encodeCursor('d', given))
    expect(covers(ahead, x, { seq: 25, ordinal: 0 })).toBe(false)
  }
})

test('what was given ahead of older events is not given again, also where the log has come past it without that, and then brings it about', () => {
  const settled = (so: Given, seq: number): Given => ({ ...so, ...gaveSettled(so, { origin: x, seq, ordinal: 0, isWhole: true }) })
  const { steps, ahead } = settled(give(give(settled(NOTHING, 10), x, 50), x, 20), 60)
  expect(ahead.has(x)).toBe(false)
  for (const seq of [10, 20, 50, 60]) expect(covers(steps, x, { seq, ordinal: 0 }), `${seq}`).toBe(true)
  for (const seq of [15, 30, 55]) expect(covers(steps, x, { seq, ordinal: 0 }), `${seq}`).toBe(false)
})
