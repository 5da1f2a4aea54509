import { expect, test } from 'vitest'
import { Places } from '../../src/store/failover/places.ts'

const LINEAGE = [{ epoch: 'of Redis', n: 0 }]

test('from the start until Redis is joined, what is applied ahead has no index that Redis could mean something else by', () => {
  const places = new Places(LINEAGE, 10)
  const before = places.epoch
  expect(before).not.toBe('of Redis')
  expect(places.settled(15)).toEqual({ epoch: 'of Redis', n: 10 })
  expect(places.indexOf({ epoch: 'of Redis', n: 13 }), 'the log here does not reach there, but what is ahead begins behind 10').toBe(10)
  places.join(LINEAGE)
  expect(places.epoch).toBe('of Redis')
  expect(places.indexOf({ epoch: before, n: 15 })).toBe(10)
  expect(places.indexOf({ epoch: 'of Redis', n: 13 })).toBe(13)
})
