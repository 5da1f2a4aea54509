import { expect, test } from 'vitest'
import { backupUnderLoad } from './backup.ts'

test('a backup taken under load, while Redis is dead, restores to exactly the point that its manifest names', async () => {
  const { n, events } = await backupUnderLoad(1)
  expect(n).toBeGreaterThan(50)
  expect(n).toBeLessThan(events)
})
