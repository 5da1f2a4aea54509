import { Tally } from '../import/tally.ts'
import type { LegacySource } from './legacy.ts'
import { type Merged, merge } from './merge.ts'

export interface LegacyPerson {
  user: Merged
  /** Both sources have them. */
  both: boolean
}

export type Sources = readonly [LegacySource, LegacySource?]

/** So many users are read at a time. */
const AT_ONCE = 16

/** Everybody whom one source, or either of two, has: each once, as one user. Keeps 16 bytes of each, in a temporary file. */
export async function* everybody(sources: Sources): AsyncGenerator<LegacyPerson> {
  const coming: Promise<LegacyPerson | null>[] = []
  const next = async () => (await coming.shift()) ?? null
  for await (const userId of distinctIds(sources)) {
    const person = readPerson(userId, sources)
    // Whoever is read ahead fails when it is their turn.
    person.catch(() => {})
    coming.push(person)
    const first = coming.length === AT_ONCE ? await next() : null
    if (first) yield first
  }
  while (coming.length > 0) {
    const first = await next()
    if (first) yield first
  }
}

async function readPerson(userId: string, [first, second]: Sources): Promise<LegacyPerson | null> {
  const [a, b] = await Promise.all([first.read(userId), second?.read(userId) ?? null])
  const main = a ?? b
  return main && { user: merge(main, a ? b : null), both: a !== null && b !== null }
}

async function* distinctIds(sources: Sources): AsyncGenerator<string> {
  const met = new Tally()
  try {
    for (const source of sources) if (source) for await (const userId of source.userIds()) if (met.add(userId) === 0) yield userId
  } finally {
    met.close()
  }
}

/** Whether the id names somebody in particular, who can be taken over. */
export const flawOf = (userId: string): 'nobody' | 'bad_user_id' | null => {
  if (userId === '' || userId === 'anonymous') return 'nobody'
  return [...userId].length > 512 || !userId.isWellFormed() ? 'bad_user_id' : null
}
