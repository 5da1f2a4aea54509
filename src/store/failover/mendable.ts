import type { RedisStore } from '../redis/store.ts'
import { catchUp } from './catch-up.ts'
import { isTimeout, Outdated } from './faults.ts'
import type { Joint } from './joint.ts'
import { completeAll } from './patched.ts'
import type { Verified } from './verify.ts'

/** How long it is left to others to put users back of whom not everything may be here, or otherwise than Redis had it. */
const OTHERS_FIRST_MS = 15_000
/** The same where nobody is here who could be put back: then only what is to be pushed about them waits. */
const NOBODY_HERE_MS = 5_000

/**
 * Those of these users, whose keys Redis has lost, who may be put back from here. Whoever is `incomplete`, since they have yet to be taken
 * over from Redis, may be here without what others have recorded, or with what was decided here ahead of the log: put back, it would be
 * all that is left of them, at a revision at which others have them as Redis had, or a later one. Where no others have ever written,
 * there is nobody to wait for.
 */
export async function mendable(
  primary: RedisStore,
  { incompleteSince, local }: Joint,
  { users, incomplete, patienceMs = OTHERS_FIRST_MS }: { users: readonly string[]; incomplete: readonly string[]; patienceMs?: number },
): Promise<readonly string[]> {
  if (incomplete.length === 0 || (await local.replica.isSoleWriter(await primary.positions()))) return users
  const now = performance.now()
  return users.filter((user) => {
    if (!incomplete.includes(user)) return true
    const since = incompleteSince.get(user) ?? now
    incompleteSince.set(user, since)
    return now - since >= patienceMs
  })
}

/**
 * Puts users back in Redis whose keys were lost there and who have something to be pushed, with everything that is here; but not without
 * what others have. `rebuild`: the log here does not meet the one there. `caughtUp`: see catchUp.
 */
export async function putBack(
  { primary, rebuild }: Pick<Verified, 'primary' | 'rebuild'>,
  joint: Joint,
  { users, caughtUp }: { users: readonly string[]; caughtUp: (n: number) => void },
): Promise<void> {
  const { replica } = joint.local
  const isWhole = !rebuild && (await catchUp(primary, replica, caughtUp))
  const { partial } = await replica.facts()
  const incomplete = isWhole ? (partial ? await replica.dirtyAmong(users) : []) : users
  const patienceMs = (await replica.known(users)).length > 0 ? OTHERS_FIRST_MS : NOBODY_HERE_MS
  if ((await mendable(primary, joint, { users, incomplete, patienceMs })).length < users.length) {
    await primary.want(users, [])
    throw new Outdated('users are lost that others may put back')
  }
  await replica.lack(incomplete)
  for (const copy of await replica.copies(users)) await primary.restore(copy, { force: true })
}

/** Before Redis is in charge: whoever was put back by another without all of them, and is whole here, is put back so (patched.ts). Answers how many. */
export async function completeAtFirst(
  { primary, rebuild }: Pick<Verified, 'primary' | 'rebuild'>,
  { local: { replica } }: Joint,
  caughtUp: (n: number) => void,
): Promise<number> {
  if (rebuild) return 0
  try {
    return await completeAll({ primary, replica, follow: () => catchUp(primary, replica, caughtUp) })
  } catch (error) {
    // Who is too large to be put back in time must not keep everybody else from Redis.
    if (!isTimeout(error)) throw error
    return 0
  }
}
