import type { UserCopy } from '../copy.ts'
import type { RedisStore } from '../redis/store.ts'
import type { RemoteReplica } from './replica.ts'

/** How many are looked at together. Each of them is held in memory twice. */
const USERS_PER_STEP = 50
const NAMES_PER_STEP = 500

export interface Completing {
  primary: RedisStore
  replica: RemoteReplica
  /** Has the replica follow the log up to this index. False where that can't be done now. */
  follow: (n: number) => Promise<boolean>
}

/** A user as they are put back by somebody who need not have all of them. */
export const patched = (copy: UserCopy): UserCopy => ({ ...copy, state: copy.state && { ...copy.state, patched: true } })

/**
 * Who is `patched` in Redis, and whole here, is put back as they are here: somebody else had to put them back, and need not have had what
 * was recorded, cleared, or done about alerts meanwhile. Whoever is taken over from Redis instead loses that. Answers how many.
 */
export async function completeUsers({ primary, replica, follow }: Completing, users: readonly string[]): Promise<number> {
  let completed = 0
  for (let i = 0; i < users.length; i += USERS_PER_STEP) {
    const whole = await replica.wholeAmong(users.slice(i, i + USERS_PER_STEP))
    if (whole.length === 0) continue
    // What came since comes to what is here, and may be taken for a difference there: it makes nobody less whole.
    if (!(await follow((await primary.status()).n))) return completed
    const { n } = await replica.facts()
    const refused: string[] = []
    for (const copy of await replica.copies(whole)) {
      const came = await primary.restore(copy, { wholeAsOf: n })
      if (came === 'ok') completed += 1
      if (came === 'refused') refused.push(copy.user)
    }
    await replica.markDirty(refused)
  }
  return completed
}

/** The same, of everybody who is patched. */
export async function completeAll(completing: Completing): Promise<number> {
  let completed = 0
  let cursor = '0'
  do {
    const { users, next } = await completing.primary.patched(cursor)
    completed += await completeUsers(completing, users)
    cursor = next
  } while (cursor !== '0')
  return completed
}

/**
 * Who is patched here, and has been put back by somebody who had all of them, is to be taken over. Looks at the next of them, after a user
 * id ('' at first); answers where to go on.
 */
export async function pullCompleted({ primary, replica }: Pick<Completing, 'primary' | 'replica'>, after: string): Promise<string> {
  const users = await replica.patchedUsers(after, NAMES_PER_STEP)
  if (users.length > 0) await replica.markDirty(await primary.completed(users))
  return users.length < NAMES_PER_STEP ? '' : (users.at(-1) ?? '')
}
