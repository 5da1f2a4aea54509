import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Caller } from '../../src/model.ts'
import { Quotas } from '../../src/services/quotas.ts'

const caller = (key: string): Caller => ({ sub: key, name: key, roles: ['COUNSELOR'], key })
const quotas = (perMinute: number, clock: () => number) => new Quotas({ perMinute, servicePerMinute: 0, subscriptions: 0 }, clock)

test('in no stretch of time are more let through than a minute has and those that fall due in it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 300 }), (perMinute, gaps) => {
      let now = 0
      const counted = quotas(perMinute, () => now)
      const taken: number[] = []
      for (const gap of gaps) {
        now += gap
        if (counted.request(caller('a')) === 0) taken.push(now)
      }
      for (const [i, from] of taken.entries())
        for (const [j, to] of taken.entries())
          if (j >= i) expect(j - i + 1).toBeLessThanOrEqual(perMinute + ((to - from) * perMinute) / 60_000 + 1e-6)
    }),
    { numRuns: 50 },
  )
})

test('who waits as long as they are told is let through, and not a second sooner', () => {
  let now = 0
  const counted = quotas(6, () => now)
  for (let i = 0; i < 6; i += 1) expect(counted.request(caller('a'))).toBe(0)
  expect(counted.request(caller('a'))).toBe(10)
  now += 9_000
  expect(counted.request(caller('a'))).toBe(1)
  expect(counted.request(caller('b'))).toBe(0)
  now += 1_000
  expect(counted.request(caller('a'))).toBe(0)
})

test('a thousand keys and more are each counted, also when those that are quiet are let go', () => {
  let now = 0
  const counted = quotas(1, () => now)
  for (let i = 0; i < 5_000; i += 1) expect(counted.request(caller(`${i}`))).toBe(0)
  expect(counted.request(caller('4999'))).toBe(60)
  now += 60_000
  for (let i = 0; i < 5_000; i += 1) expect(counted.request(caller(`new ${i}`))).toBe(0)
  expect(counted.request(caller('4999'))).toBe(0)
})

test('a subscription that ends twice is counted down once', () => {
  const counted = new Quotas({ perMinute: 0, servicePerMinute: 0, subscriptions: 2 })
  const first = counted.subscribe(caller('a'))
  expect(counted.subscribe(caller('a'))).not.toBeNull()
  expect(counted.subscribe(caller('a'))).toBeNull()
  first?.()
  first?.()
  expect(counted.subscribe(caller('a'))).not.toBeNull()
  expect(counted.subscribe(caller('a'))).toBeNull()
})
