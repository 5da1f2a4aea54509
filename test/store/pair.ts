import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { UserCopy } from '../../src/store/copy.ts'
import { Replica } from '../../src/store/sqlite/replica/replica.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { Origin, type Said } from '../helpers/events.ts'
import { tempDir } from '../helpers/temp.ts'

export const USERS = ['a', 'b', 'c']
export const ALL = 10_000

/** A store that orders the log, as Redis does, and a replica of it. */
export class Pair {
  readonly there: Store
  readonly dir: string
  here: Replica
  readonly ours = new Origin('ours')
  readonly theirs = new Origin('theirs')

  constructor(there: Store, dir: string) {
    this.there = there
    this.dir = dir
    this.here = this.open('here')
  }

  open(name: string): Replica {
    const replica = new Replica(join(this.dir, `${name}.db`))
    onTestFinished(() => replica.close())
    return replica
  }

  /** Takes over what the log has more than the replica. */
  async follow(replica = this.here): Promise<void> {
    const { n } = replica.facts()
    const { epoch } = await this.there.status()
    const { entries } = await this.there.log({ epoch, n }, ALL)
    expect(replica.applyEntries(entries)).toBe(entries.length)
  }

  /** What a replica that has seen nothing but the log makes of it. */
  async expected(): Promise<UserCopy[]> {
    const fresh = this.open(`fresh ${Math.random()}`)
    fresh.adoptEpoch({ epoch: this.here.facts().epoch, lineage: [] })
    await this.follow(fresh)
    return fresh.copies(USERS).map(({ user, state }) => ({ user, state, erasedAt: null, expiredAt: null }))
  }

  state(): UserCopy[] {
    return this.here.copies(USERS).map(({ user, state }) => ({ user, state, erasedAt: null, expiredAt: null }))
  }

  /** What Redis does with what is pushed. */
  async push(): Promise<void> {
    await this.there.append(this.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event))
  }

  async pull(users = this.here.dirtyUsers(ALL)): Promise<boolean> {
    const fresh = this.open(`pulled ${Math.random()}`)
    await this.follow(fresh)
    const { n } = fresh.facts()
    return this.here.replaceUsers({ copies: fresh.copies(users), epoch: this.here.facts().epoch, n, positions: fresh.positions() }) !== null
  }
}

export async function pair(): Promise<Pair> {
  const dir = tempDir()
  const there = await openSqliteStore({ path: join(dir.path, 'there.db') })
  onTestFinished(async () => {
    await there.close()
    dir.remove()
  })
  return new Pair(there, dir.path)
}

export const risky: Said = { user: 'a', riskLevel: 'HIGH', topics: ['sleep', 'work'] }
