import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { emotionTrend } from '../../src/services/trend.ts'

const daily = (...scores: number[]) => scores.map((score, day) => ({ score, occurredAt: 1_700_000_000_000 + day * DAY_MS }))

test('nothing can be said without points', () => {
  expect(emotionTrend([], 3, 'NONE')).toEqual({
    count: 0,
    mean: null,
    movingAverage: [],
    volatility: null,
    slopePerDay: null,
    attention: 'NONE',
  })
})

test('one point has a mean, and neither volatility nor slope', () => {
  expect(emotionTrend(daily(0.5), 3, 'WATCH')).toMatchObject({
    count: 1,
    mean: 0.5,
    movingAverage: [],
    volatility: null,
    slopePerDay: null,
  })
})

test('a steady rise is its slope a day', () => {
  const trend = emotionTrend(daily(1, 2, 3, 4), 3, 'NONE')
  expect(trend).toMatchObject({ count: 4, mean: 2.5, movingAverage: [2, 3], slopePerDay: 1 })
  expect(trend.volatility).toBeCloseTo(Math.sqrt(5 / 3), 12)
})

test('points at one time have no slope', () => {
  expect(emotionTrend([...daily(1), ...daily(5)], 1, 'NONE')).toMatchObject({ movingAverage: [1, 5], slopePerDay: null })
})

test('a window has to be a whole number from 1', () => {
  for (const window of [0, -1, 1.5, Number.NaN]) expect(() => emotionTrend(daily(1), window, 'NONE')).toThrow('window is')
})

describe('for any scores', () => {
  const scores = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 30 })

  test('every mean lies within what it is the mean of, and no number is infinite', () => {
    fc.assert(
      fc.property(scores, fc.integer({ min: 1, max: 5 }), (values, window) => {
        const trend = emotionTrend(daily(...values), window, 'NONE')
        const slack = Math.max(...values.map(Math.abs)) * 1e-12
        for (const mean of [trend.mean ?? Number.NaN, ...trend.movingAverage]) {
          expect(mean).toBeGreaterThanOrEqual(Math.min(...values) - slack)
          expect(mean).toBeLessThanOrEqual(Math.max(...values) + slack)
        }
        expect(trend.movingAverage).toHaveLength(Math.max(0, values.length - window + 1))
        for (const number of [trend.volatility ?? 0, trend.slopePerDay ?? 0]) expect(Number.isFinite(number)).toBe(true)
      }),
    )
  })

  test('adding the same to every score moves the mean alone', () => {
    const moderate = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 20 })
    fc.assert(
      fc.property(moderate, fc.integer({ min: -1000, max: 1000 }), (values, shift) => {
        const before = emotionTrend(daily(...values), 2, 'NONE')
        const after = emotionTrend(daily(...values.map((value) => value + shift)), 2, 'NONE')
        expect(after.mean).toBeCloseTo((before.mean ?? Number.NaN) + shift, 6)
        expect(after.volatility).toBeCloseTo(before.volatility ?? Number.NaN, 6)
        expect(after.slopePerDay).toBeCloseTo(before.slopePerDay ?? Number.NaN, 6)
      }),
    )
  })
})
