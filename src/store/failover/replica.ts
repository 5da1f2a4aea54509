import { type Packed, packLog, packUsers } from '../redis/pack.ts'
import { Replica } from '../sqlite/replica/replica.ts'
import { openThread, type Remote } from '../thread/remote.ts'

/** A replica that also hands out what it holds in the form in which Redis is filled with it. */
export class JoinedReplica extends Replica {
  /** The next users after an id, and the last of them; null when there are no more. */
  packedUsers(after: string, limit: number, options: Parameters<typeof packUsers>[1]): { steps: Packed[]; last: string | null } {
    const copies = this.copies(this.nextUsers(after, limit))
    return { steps: packUsers(copies, options), last: copies.at(-1)?.user ?? null }
  }

  /** The next entries of the log that goes with a head (seedLog), and the index of the last; null when there are no more. */
  packedLog(after: number, limit: number, n: number): { steps: Packed[]; last: number | null } {
    const entries = this.seedLog(after, Math.min(limit, n - after))
    return { steps: packLog(entries), last: entries.at(-1)?.n ?? null }
  }
}

/** In a thread of its own. */
export type RemoteReplica = Remote<JoinedReplica>

/** Opens the file. Rejects with a StartError that says why it can't be used. */
export const openReplica = (path: string): Promise<RemoteReplica> =>
  openThread<JoinedReplica>(new URL('./replica.worker.ts', import.meta.url), { path })
