import type { Redis } from 'ioredis'
import type { PackedUsers, packUsers } from '../redis/pack.ts'
import { seedPacked, seedUsers } from '../redis/seed.ts'
import type { PackedPage, RemoteReplica } from './replica.ts'

/** So often users who are packed are put back together, before they are made of their rows: prolonging the lease counts as a change of it. */
const TRIES = 2

/** Puts pages of users into a Redis that is being filled, some of them as Redis has packed them. */
export class Filling {
  readonly #redis: Redis
  readonly #token: string
  readonly #replica: RemoteReplica
  readonly #options: Parameters<typeof packUsers>[1]
  #before: Promise<void> = Promise.resolve()
  /** How many were put as Redis had packed them. */
  packed = 0

  constructor(of: { redis: Redis; token: string; replica: RemoteReplica; options: Parameters<typeof packUsers>[1] }) {
    this.#redis = of.redis
    this.#token = of.token
    this.#replica = of.replica
    this.#options = of.options
  }

  async write({ packs, steps }: Pick<PackedPage, 'packs' | 'steps'>): Promise<void> {
    if (packs.length > 0) {
      // What one transaction watches the end of another forgets: they come one after the other, whatever page they are of.
      this.#before = this.#before.then(() => this.#putAll(packs))
      await this.#before
    }
    await seedUsers(this.#redis, this.#token, steps)
  }

  async #putAll(packs: readonly PackedUsers[]): Promise<void> {
    for (const pack of packs) await this.#put(pack)
  }

  async #put(pack: PackedUsers): Promise<void> {
    let refused: readonly string[] = pack.users
    for (let tries = 0; tries < TRIES && refused.length === pack.users.length; tries += 1)
      refused = await seedPacked(this.#redis, this.#token, pack)
    this.packed += pack.users.length - refused.length
    if (refused.length === 0) return
    await this.#replica.dropPacks(refused)
    await seedUsers(this.#redis, this.#token, await this.#replica.unpacked(refused, this.#options))
  }
}
