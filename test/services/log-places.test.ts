import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cursorExpired } from '../../src/errors.ts'
import { farthest } from '../../src/services/log-places.ts'
import type { Place } from '../../src/store/store.ts'

test('the farthest place is where the log begins, or as far back as was asked, whichever is nearer', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(1_000), fc.nat(1_000), fc.nat(1_500), async (trimmed, more, entries) => {
      const end = trimmed + more
      const told = async ({ epoch, n }: Place) => {
        if (n < trimmed || n > end) throw cursorExpired()
        return { epoch, entries: [] }
      }
      expect(await farthest({ told }, { epoch: 'e', n: end }, entries)).toEqual({ epoch: 'e', n: Math.max(trimmed, end - entries) })
    }),
  ))
