import { expect, test } from 'vitest'
import { backupUnderLoad } from './backup.ts'

test.each([
  [0, 'with SQLite alone'],
  [1, 'while Redis is dead'],
  [2, 'while Redis is in charge'],
])('a backup taken under load restores to exactly the point that its manifest names (seed %i, %s)', async (seed) => {
  const { n, events } = await backupUnderLoad(seed)
  expect(n).toBeGreaterThan(50)
  expect(n).toBeLessThan(events)
})
