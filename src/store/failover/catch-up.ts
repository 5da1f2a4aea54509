import { isExpired } from '../../errors.ts'
import type { RedisStore } from '../redis/store.ts'
import { Interrupted } from './faults.ts'
import type { RemoteReplica } from './replica.ts'

const PAGE = 200

/**
 * Takes over what the log of Redis has up to now, before the tail does: whoever is put back in Redis then loses nothing of it. Answers
 * whether the log reaches back so far. `caughtUp` is told where the replica stands then, be it broken off: what is applied ahead goes behind that.
 */
export async function catchUp(primary: RedisStore, replica: RemoteReplica, caughtUp: (n: number) => void): Promise<boolean> {
  try {
    for (;;) {
      const { n } = await replica.facts()
      const { entries } = await primary.log({ epoch: primary.epoch, n }, PAGE)
      if (entries.length === 0) return true
      if ((await replica.applyEntries(entries)) < entries.length) throw new Interrupted()
    }
  } catch (error) {
    if (!isExpired(error)) throw error
    return false
  } finally {
    await replica.renumber()
    caughtUp((await replica.facts()).n)
  }
}
