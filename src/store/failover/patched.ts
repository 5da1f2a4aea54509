import type { UserCopy } from '../copy.ts'
import type { Restored } from '../redis/restore.ts'
import type { RedisStore } from '../redis/store.ts'
import type { RemoteReplica } from './replica.ts'

/** How many are looked at together: each of them is held in memory. */
const USERS_PER_STEP = 50
const NAMES_PER_STEP = 500
/** What comes of a user meanwhile has to be known first. */
const MOST_TRIES = 5

export interface Completing {
  primary: RedisStore
  replica: RemoteReplica
  /** Has the replica follow the log up to this index. False where that can't be done now. */
  follow: (n: number) => Promise<boolean>
}

export const patchedIn = (copies: readonly UserCopy[]): string[] => copies.flatMap(({ user, state }) => (state?.patched ? [user] : []))

/**
 * Who is `patched` in Redis, and whole here, is put back as they are here: somebody else had to put them back, and need not have had what
 * was recorded, cleared, or done about alerts meanwhile. Whoever is taken over from Redis instead loses that. Answers how many.
 */
export async function completeUsers({ primary, replica, follow }: Completing, users: readonly string[]): Promise<number> {
  if (users.length === 0) return 0
  let completed = 0
  let left = await replica.wholeAmong(users)
  for (let tries = 0; left.length > 0 && tries < MOST_TRIES; tries += 1) {
    if (!(await follow((await primary.status()).n))) break
    // What Redis has yet to get must not be there before it has its place in the log.
    const [{ n }, positions] = await Promise.all([replica.facts(), primary.positions()])
    const behind: string[] = []
    for (let i = 0; i < left.length; i += USERS_PER_STEP) {
      const came: Record<Restored, string[]> = { ok: [], behind: [], refused: [] }
      const settled = await replica.wholeAmong(left.slice(i, i + USERS_PER_STEP), positions)
      for (const copy of await replica.copies(settled)) came[await primary.restore(copy, { wholeAsOf: n })].push(copy.user)
      completed += came.ok.length
      behind.push(...came.behind)
      // They were erased, or have expired, and are not whole here without that.
      await replica.lack(came.refused)
      // There they are as of now.
      await replica.markDirty([...came.ok, ...came.refused])
    }
    left = behind
  }
  return completed
}

/** The same, of everybody who is patched. */
export const completeAll = async (completing: Completing): Promise<number> => completeUsers(completing, await completing.primary.patched())

/**
 * Who is patched here, and has been put back by somebody who had all of them, is to be taken over. Looks at the next of them, after a user
 * id ('' at first); answers where to go on.
 */
export async function pullCompleted({ primary, replica }: Pick<Completing, 'primary' | 'replica'>, after: string): Promise<string> {
  const users = await replica.patchedUsers(after, NAMES_PER_STEP)
  if (users.length > 0) await replica.markDirty(await primary.completed(users))
  return users.length < NAMES_PER_STEP ? '' : (users.at(-1) ?? '')
}
