import type { Joint } from './joint.ts'

/** How long it is left to others to put users back of whom not everything may be here, or otherwise than Redis had it. */
const OTHERS_FIRST_MS = 15_000

/**
 * Those of these users, whose keys Redis has lost, who may be put back from here. Whoever is `incomplete`, since they have yet to be taken
 * over from Redis, may be here without what others have recorded, or with what was decided here ahead of the log: put back, it would be
 * all that is left of them, at a revision at which others have them as Redis had, or a later one.
 */
export function mendable({ incompleteSince }: Joint, users: readonly string[], incomplete: readonly string[]): readonly string[] {
  const now = performance.now()
  return users.filter((user) => {
    if (!incomplete.includes(user)) return true
    const since = incompleteSince.get(user) ?? now
    incompleteSince.set(user, since)
    return now - since >= OTHERS_FIRST_MS
  })
}
