import { isExpired } from '../../errors.ts'
import type { RedisStore } from '../redis/store.ts'
import { Interrupted } from './faults.ts'
import type { RemoteReplica } from './replica.ts'

const PAGE = 200

/**
 * Takes over what the log of Redis has up to now, before the tail does: whoever is put back in Redis then loses nothing of it. Answers
 * whether the log reaches back so far.
 */
export async function catchUp(primary: RedisStore, replica: RemoteReplica): Promise<boolean> {
  let isWhole = true
  try {
    for (;;) {
      const { n } = await replica.facts()
      const { entries } = await primary.log({ epoch: primary.epoch, n }, PAGE)
      if (entries.length === 0) break
      if ((await replica.applyEntries(entries)) < entries.length) throw new Interrupted()
    }
  } catch (error) {
    if (!isExpired(error)) throw error
    isWhole = false
  }
  await replica.renumber()
  return isWhole
}
