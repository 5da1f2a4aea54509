import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { XinyiError } from '../../src/errors.ts'
import { fingerprintOf, type RecordInput, validRecord } from '../../src/services/input.ts'
import { NOW } from '../helpers/events.ts'

const LIMITS = { maxQueryCodePoints: 10, maxResponseCodePoints: 20 }
const input: RecordInput = { userId: 'u', query: 'q', response: 'r', riskLevel: 'LOW' }
const valid = (some: Partial<RecordInput>) => validRecord({ ...input, ...some }, LIMITS, NOW)

/** The field at fault. */
function refused(some: Partial<RecordInput>): string | undefined {
  try {
    valid(some)
  } catch (error) {
    if (error instanceof XinyiError && error.code === 'BAD_USER_INPUT') return error.field
    throw error
  }
  throw new Error('it was taken')
}

describe('texts', () => {
  test('are counted in code points, and refused whole when too long, with count and limit', () => {
    expect(valid({ query: '😀'.repeat(10), response: '😀'.repeat(20) }).query).toBe('😀'.repeat(10))
    expect(() => valid({ query: '😀'.repeat(11) })).toThrow('query has 11 code points; at most 10 are taken.')
    expect(() => valid({ response: 'x'.repeat(21) })).toThrow('response has 21 code points; at most 20 are taken.')
  })

  test('may not hold half of a surrogate pair', () => {
    for (const field of ['userId', 'query', 'response', 'idempotencyKey'] as const) {
      for (const half of ['\ud83d', 'a\ude00b']) expect(refused({ [field]: half })).toBe(field)
    }
    expect(refused({ topics: ['ok', '\ud83d'] })).toBe('topics[1]')
  })

  test('a query says something, a response need not', () => {
    expect(refused({ query: '' })).toBe('query')
    expect(valid({ response: '' }).response).toBe('')
  })

  test('no error repeats them', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 21, unit: 'grapheme' }), (text) => {
        fc.pre(!'query has code points; at most 10 are taken.'.includes(text))
        expect(() => valid({ query: text })).toThrow(expect.not.objectContaining({ message: expect.stringContaining(text) }))
      }),
    )
  })
})

describe('user ids', () => {
  test('may be anything of up to 512 code points', () => {
    for (const userId of ['a b', 'user:x:profile', '{}*', 'tab\there\0', '😀'.repeat(512)]) expect(valid({ userId }).userId).toBe(userId)
    expect(refused({ userId: 'x'.repeat(513) })).toBe('userId')
  })

  test('nobody named is null', () => {
    expect(valid({ userId: '' }).userId).toBeNull()
    expect(valid({ userId: 'anonymous' }).userId).toBeNull()
    expect(valid({ userId: 'Anonymous' }).userId).toBe('Anonymous')
  })
})

describe('numbers', () => {
  test('a score is any finite number, without a negative zero', () => {
    expect(valid({ emotionScore: -0 }).emotionScore).toBe(0)
    expect(valid({ emotionScore: -1.5e300 }).emotionScore).toBe(-1.5e300)
    expect(valid({}).emotionScore).toBeNull()
    for (const score of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(refused({ emotionScore: score })).toBe('emotionScore')
    }
  })

  test('references are a whole number up to a million, 0 when left out', () => {
    expect(valid({}).references).toBe(0)
    expect(valid({ references: 1_000_000 }).references).toBe(1_000_000)
    for (const references of [-1, 1.5, 1_000_001, Number.NaN]) expect(refused({ references })).toBe('references')
  })

  test('a time lies between 1970 and a minute from now', () => {
    expect(valid({ occurredAt: 0 }).occurredAt).toBe(0)
    expect(valid({ occurredAt: NOW + 60_000 }).occurredAt).toBe(NOW + 60_000)
    for (const occurredAt of [-1, NOW + 60_001, 1.5, Number.NaN]) expect(refused({ occurredAt })).toBe('occurredAt')
  })
})

describe('topics', () => {
  test('are brought to NFC, trimmed, and named once', () => {
    expect(valid({ topics: [' cafe\u0301 ', 'café', '失眠\u3000'] }).topics).toEqual(['café', '失眠'])
    expect(valid({ topics: [] }).topics).toEqual([])
    expect(valid({ topics: null }).topics).toBeNull()
  })

  test('are at most 20 of 1 to 64 code points', () => {
    const some = (count: number) => Array.from({ length: count }, (_, i) => `topic ${i}`)
    expect(valid({ topics: some(20) }).topics).toHaveLength(20)
    expect(refused({ topics: some(21) })).toBe('topics')
    expect(refused({ topics: ['ok', ' '] })).toBe('topics[1]')
    expect(refused({ topics: ['x'.repeat(65)] })).toBe('topics[0]')
  })
})

test('an idempotency key has 1 to 512 code points', () => {
  expect(valid({ idempotencyKey: 'k'.repeat(512) }).idempotencyKey).toHaveLength(512)
  expect(refused({ idempotencyKey: '' })).toBe('idempotencyKey')
  expect(refused({ idempotencyKey: 'k'.repeat(513) })).toBe('idempotencyKey')
})

test('the fingerprint is that of what was given, not of who or under which key', () => {
  const print = fingerprintOf(input)
  expect(fingerprintOf({ ...input, userId: 'v', idempotencyKey: 'k', topics: null, references: undefined })).toBe(print)
  const others: Partial<RecordInput>[] = [
    { query: 'x' },
    { response: 'x' },
    { riskLevel: 'HIGH' },
    { emotionScore: 0 },
    { references: 0 },
    { topics: [] },
    { occurredAt: NOW },
  ]
  expect(new Set([print, ...others.map((other) => fingerprintOf({ ...input, ...other }))]).size).toBe(others.length + 1)
})
