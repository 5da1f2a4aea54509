import type { Joint } from './joint.ts'

/** How long it is left to others to put users back of whom not everything may be here. */
const OTHERS_FIRST_MS = 5_000

/**
 * Those of these users, whose keys Redis has lost, who may be put back from here. While everybody is taken over anew, what is here of
 * somebody who was not yet may lack what others have recorded: put back, it would be all that is left of them.
 */
export async function mendable({ local: { replica }, incompleteSince }: Joint, users: readonly string[]): Promise<readonly string[]> {
  if (!(await replica.facts()).partial) {
    incompleteSince.clear()
    return users
  }
  const incomplete = new Set(await replica.dirtyAmong(users))
  const now = performance.now()
  return users.filter((user) => {
    if (!incomplete.has(user)) return true
    const since = incompleteSince.get(user) ?? now
    incompleteSince.set(user, since)
    return now - since >= OTHERS_FIRST_MS
  })
}
