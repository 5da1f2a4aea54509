import type { Joint } from './joint.ts'

/** How long it is left to others to put users back of whom not everything may be here, or otherwise than Redis had it. */
const OTHERS_FIRST_MS = 5_000

/**
 * Those of these users, whose keys Redis has lost, who may be put back from here. Whoever has yet to be taken over from Redis may be here
 * without what others have recorded, or with what was decided here ahead of the log: put back, it would be all that is left of them, at
 * a revision at which others have them as Redis had.
 */
export async function mendable({ local: { replica }, incompleteSince }: Joint, users: readonly string[]): Promise<readonly string[]> {
  const incomplete = new Set(await replica.dirtyAmong(users))
  const now = performance.now()
  return users.filter((user) => {
    if (!incomplete.has(user)) return true
    const since = incompleteSince.get(user) ?? now
    incompleteSince.set(user, since)
    return now - since >= OTHERS_FIRST_MS
  })
}
