import { Tally } from '../import/tally.ts'
import type { LegacySource } from './legacy.ts'
import { type Merged, merge } from './merge.ts'

export interface LegacyPerson {
  user: Merged
  /** Both sources have them. */
  both: boolean
}

export type Sources = readonly [LegacySource, LegacySource?]

/** Everybody whom one source, or either of two, has: each once, as one user. Keeps 16 bytes of each, in a temporary file. */
export async function* everybody([first, second]: Sources): AsyncGenerator<LegacyPerson> {
  const met = new Tally()
  try {
    for (const source of second ? [first, second] : [first]) {
      for await (const userId of source.userIds()) {
        if (met.add(userId) > 0) continue
        const [a, b] = [await first.read(userId), (await second?.read(userId)) ?? null]
        const main = a ?? b
        if (main) yield { user: merge(main, a ? b : null), both: a !== null && b !== null }
      }
    }
  } finally {
    met.close()
  }
}

/** Whether the id names somebody in particular, who can be taken over. */
export const flawOf = (userId: string): 'nobody' | 'bad_user_id' | null => {
  if (userId === '' || userId === 'anonymous') return 'nobody'
  return [...userId].length > 512 || !userId.isWellFormed() ? 'bad_user_id' : null
}
