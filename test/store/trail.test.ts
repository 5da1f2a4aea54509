import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chainOf } from '../../src/store/rules.ts'
import { MAX_MARKS, type Mark, placeIn, withMark } from '../../src/store/trail.ts'

/** A log: its chains, from index 0. */
function logOf(seqs: readonly number[], origin: string, before: readonly string[] = ['']): string[] {
  const chains = [...before]
  for (const seq of seqs) chains.push(chainOf(chains.at(-1) ?? '', origin, seq))
  return chains
}

const indexes = (length: number) => Array.from({ length }, (_, i) => i)
const LINEAGE = [{ epoch: 'e', n: 0 }]
/** Where one goes on with these marks in this log; by an epoch, at `index`. */
const placeFrom = (marks: readonly Mark[], log: readonly string[], { lineage = LINEAGE, epoch = 'e', index = Number.NaN } = {}) =>
  placeIn({ epoch, marks }, { lineage, chains: marks.map(({ n }) => log[n] ?? null), byEpoch: () => index })

test('whoever comes back to a log that went another way goes on from before that, but not from much further back', () => {
  fc.assert(
    fc.property(fc.nat(600), fc.nat(600), fc.array(fc.integer({ min: 1, max: 40 })), (common, lost, steps) => {
      const shared = logOf(indexes(common + 1), 'shared')
      const [left, present] = [logOf(indexes(lost + 1), 'lost', shared), logOf(indexes(700), 'present', shared)]
      // What was come past, now by one, now by many.
      const passed = [1]
      for (const step of steps) passed.push((passed.at(-1) ?? 0) + step)
      while ((passed.at(-1) ?? 0) >= left.length) passed.pop()
      const marks = passed.reduce<readonly Mark[]>((so, n) => withMark(so, { n, chain: left[n] ?? '' }), [])
      expect(marks.length).toBeLessThanOrEqual(MAX_MARKS)
      expect(placeFrom(marks, left), 'where nothing has changed, from where they were').toBe(passed.at(-1))
      const fork = passed.findLast((n) => n < shared.length) ?? 0
      const at = placeFrom(marks, present)
      expect(at).toBeLessThanOrEqual(fork)
      const newest = passed.at(-1) ?? 0
      expect(newest - at).toBeLessThanOrEqual(4 * (newest - fork) + 40)
    }),
  )
})

test('what was come past again, after the log went another way, is of the present one', () => {
  const [left, present] = [logOf(indexes(9), 'lost'), logOf(indexes(9), 'present')]
  const before = indexes(9).reduce<readonly Mark[]>((so, n) => withMark(so, { n: n + 1, chain: left[n + 1] ?? '' }), [])
  const marks = withMark(before, { n: 4, chain: present[4] ?? '' })
  expect(marks[0]?.n).toBe(4)
  expect(marks.every(({ n }) => n <= 4)).toBe(true)
  expect(placeFrom(marks, present)).toBe(4)
})

test('an entry of before there were chains tells nothing', () => {
  expect(withMark([{ n: 1, chain: 'a' }], { n: 2, chain: '' })).toEqual([{ n: 1, chain: 'a' }])
  expect(placeFrom([{ n: 2, chain: 'a' }], ['', '', ''], { index: 7 })).toBe(7)
})

test('however many were come past, the marks reach back to the first', () => {
  let marks: readonly Mark[] = []
  for (let n = 1; n <= 100_000; n += 1) marks = withMark(marks, { n, chain: 'a' })
  expect(marks.length).toBeLessThanOrEqual(MAX_MARKS)
  expect([marks[0]?.n, marks[1]?.n, marks.at(-1)?.n]).toEqual([100_000, 99_999, 1])
})

test('after a rollback on purpose a place is known by what came after that, and by nothing of before', () => {
  const log = logOf(indexes(9), 'a')
  const lineage = [...LINEAGE, { epoch: 'rollback-000000000000001-x', n: 4 }]
  const at = (n: number) => ({ n, chain: log[n] ?? '' })
  expect(placeFrom([at(6), at(2)], log, { lineage, epoch: 'unknown' })).toBe(6)
  expect(placeFrom([at(4), at(2)], log, { lineage, epoch: 'rollback-000000000000001-x' })).toBe(4)
  for (const marks of [[at(4), at(2)], [at(6)]])
    expect(() => placeFrom(marks, log, { lineage })).toThrow(expect.objectContaining({ code: 'CURSOR_EXPIRED' }))
  expect(() => placeFrom([at(4)], log, { lineage, epoch: 'unknown', index: 9 })).toThrow(
    expect.objectContaining({ code: 'CURSOR_EXPIRED' }),
  )
})
