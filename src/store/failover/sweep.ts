import type { SweepReport } from '../store.ts'
import type { RemoteReplica } from './replica.ts'

const USERS = 100
const ENTRIES = 1_000

/** Tidies the replica in steps, so that whatever else needs it comes in between. */
export async function sweepReplica(replica: RemoteReplica, now: number): Promise<Omit<SweepReport, 'expiredUsers'>> {
  const report = { users: 0, removedItems: 0, removedLogEntries: 0 }
  for (let after: string | null = ''; after !== null; ) {
    const swept: Awaited<ReturnType<RemoteReplica['sweepUsers']>> = await replica.sweepUsers(after, USERS, now)
    report.users += swept.users
    report.removedItems += swept.removedItems
    after = swept.last
  }
  for (let removed = ENTRIES; removed === ENTRIES; report.removedLogEntries += removed) removed = await replica.sweepLog(ENTRIES, now)
  await replica.scrub('now')
  return report
}
