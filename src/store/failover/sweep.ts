import type { SweepReport } from '../store.ts'
import { isTimeout, wordOf } from './faults.ts'
import type { Link } from './link.ts'
import type { Local } from './local.ts'
import type { RemoteReplica } from './replica.ts'

const USERS = 100
const ENTRIES = 1_000

const PATIENCE_MS = 2_000
const PING_PATIENCE_MS = 100

/** Removes what has expired: in Redis and in the replica, or where Redis can't be used in the replica alone. */
export async function sweepBoth(link: Link, local: Local, now: number): Promise<SweepReport> {
  const there = await sweepPrimary(link, now)
  if (!there) await local.whole()
  const here = await sweepReplica(local.replica, now)
  return there ?? { ...here, expiredUsers: await local.replica.expiredUsers(now) }
}

/** What went in Redis; null where it can't be used. */
async function sweepPrimary(link: Link, now: number): Promise<SweepReport | null> {
  const { state } = link
  if (state.mode !== 'PRIMARY') return null
  try {
    // What is trimmed off the log there has to be here before.
    await state.tail.reached((await state.primary.status()).n, PATIENCE_MS)
    return await state.primary.sweep(now)
  } catch (error) {
    if (!isTimeout(error) || !(await state.primary.ping(PING_PATIENCE_MS))) link.leave(state, wordOf(error))
    return null
  }
}

/** Tidies the replica in steps, so that whatever else needs it comes in between. */
async function sweepReplica(replica: RemoteReplica, now: number): Promise<Omit<SweepReport, 'expiredUsers'>> {
  const report = { users: 0, removedItems: 0, removedLogEntries: 0 }
  for (let after: string | null = ''; after !== null; ) {
    const swept: Awaited<ReturnType<RemoteReplica['sweepUsers']>> = await replica.sweepUsers(after, USERS, now)
    report.users += swept.users
    report.removedItems += swept.removedItems
    after = swept.last
  }
  for (let removed = 1; removed > 0; report.removedLogEntries += removed) removed = await replica.sweepLog(ENTRIES, now)
  await replica.scrub('now')
  return report
}
