import { expect, test } from 'vitest'
import { Recent } from '../../src/services/recent.ts'

test('what is recent is so again when it is set again', () => {
  const recent = new Recent<string, number>(2)
  for (const [key, value] of [
    ['a', 1],
    ['b', 2],
    ['a', 3],
    ['c', 4],
  ] as const)
    recent.set(key, value)
  expect(recent.keys()).toEqual(['a', 'c'])
  expect([recent.has('b'), recent.get('a')]).toEqual([false, 3])
})
