import { isDeepStrictEqual } from 'node:util'
import type { Copied } from '../redis/copies.ts'
import { type Packed, packUsers } from '../redis/pack.ts'
import { packLog } from '../redis/pack-log.ts'
import { type PackedUsers, packedUsers } from '../redis/packed-users.ts'
import { type PacksPage, readPacks } from '../sqlite/replica/packs.ts'
import { Replica } from '../sqlite/replica/replica.ts'
import { openThread, type Remote } from '../thread/remote.ts'
import { givingAway } from '../thread/worker.ts'
import { judge } from './compare.ts'
import { readyLog } from './ready-log.ts'

type Options = Parameters<typeof packUsers>[1]

export interface PackedPage {
  packed: PackedUsers[]
  steps: Packed[]
  /** The last of these users; null when there are no more. */
  last: string | null
}

export interface LogPage {
  steps: Packed[]
  /** The index of the last of these entries; null when there are no more. */
  last: number | null
}

/** A replica that also hands out what it holds in the form in which Redis is filled with it. */
export class JoinedReplica extends Replica {
  /** The next users after an id: as Redis has packed them where that counts, unless `plainly`. */
  packedUsers(after: string, limit: number, options: Options & { plainly: boolean }): PackedPage {
    const { packs, others, spoiled, last } = options.plainly
      ? this.#unpacked(after, limit)
      : this.inSnapshot((sql) => readPacks(sql, after, limit, options.n))
    // They are made anew then.
    if (spoiled.length > 0) this.dropPacks(spoiled)
    const packed = packedUsers(packs)
    return givingAway(
      { packed, steps: this.unpacked(others, options), last },
      packed.flatMap(({ restoring, listing }) => [restoring, listing]),
    )
  }

  #unpacked(after: string, limit: number): PacksPage {
    const others = this.nextUsers(after, limit)
    return { packs: [], others, spoiled: [], last: others.at(-1) ?? null }
  }

  /** Users as their rows tell of them. */
  readonly unpacked = (users: readonly string[], options: Options): Packed[] =>
    users.length > 0 ? packUsers(this.copies(users), options) : []

  /** Keeps the packs of those users who are here as they were in Redis when they were packed. Answers how many. */
  savePacks({ epoch, copies, packs, n }: Copied & { epoch: string }, now: number): number {
    const there = new Map(copies.map((copy) => [copy.user, copy]))
    const at = { n, policies: this.policies(), now }
    return this.keepPacks(epoch, packs, (here) => {
      const copy = there.get(here.user)
      return copy !== undefined && judge(copy, here, at) === 'equal' && isDeepStrictEqual(copy.state, here.state)
    })
  }

  /** The next entries of the log that goes with a head (seedLog). */
  packedLog(after: number, limit: number, n: number): LogPage {
    const { entries, last } = this.inSnapshot((sql) => readyLog(sql, after, Math.min(limit, n - after)))
    const steps = packLog(entries)
    return givingAway(
      { steps, last },
      steps.map(({ texts }) => texts),
    )
  }
}

/** In a thread of its own. */
export type RemoteReplica = Remote<JoinedReplica>

/** Opens the file. Rejects with a StartError that says why it can't be used. */
export const openReplica = (path: string): Promise<RemoteReplica> =>
  openThread<JoinedReplica>(new URL('./replica.worker.ts', import.meta.url), { path })
