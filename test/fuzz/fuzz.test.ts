import { expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'

test('whatever is thrown at a server, it stays up and flat, shows nothing of its inside, and logs no word of it', {
  timeout: 60_000,
}, async () => {
  const { attacks } = await fuzz({ seconds: 5, seed: Date.now() % 1_000_000 })
  expect(attacks).toBeGreaterThan(20)
})
