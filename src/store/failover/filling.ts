import type { Redis } from 'ioredis'
import type { packUsers } from '../redis/pack.ts'
import { type PackedUsers, seedPacked, seedUsers } from '../redis/seed.ts'
import type { PackedPage, RemoteReplica } from './replica.ts'

/** Puts pages of users into a Redis that is being filled, some of them as Redis has packed them. */
export class Filling {
  readonly #redis: Redis
  readonly #token: string
  readonly #replica: RemoteReplica
  readonly #options: Parameters<typeof packUsers>[1]
  /** How many were put as Redis had packed them. */
  packed = 0

  constructor(of: { redis: Redis; token: string; replica: RemoteReplica; options: Parameters<typeof packUsers>[1] }) {
    this.#redis = of.redis
    this.#token = of.token
    this.#replica = of.replica
    this.#options = of.options
  }

  async write({ packs, steps }: Pick<PackedPage, 'packs' | 'steps'>): Promise<void> {
    await Promise.all([...inTransactions(packs)].map((some) => this.#put(some)))
    await seedUsers(this.#redis, this.#token, steps)
  }

  async #put(pack: PackedUsers): Promise<void> {
    const refused = await seedPacked(this.#redis, this.#token, pack)
    this.packed += pack.users.length - refused.length
    if (refused.length === 0) return
    await this.#replica.dropPacks(refused)
    await seedUsers(this.#redis, this.#token, await this.#replica.unpacked(refused, this.#options))
  }
}

/** One transaction: some milliseconds of Redis. */
const TRANSACTION_BYTES = 500_000

function* inTransactions({ users, about, commands }: PackedPage['packs']): Generator<PackedUsers> {
  let [first, aboutFrom, from, aboutTo, to] = [0, 0, 0, 0, 0]
  for (const [i, each] of users.entries()) {
    aboutTo += each.about
    to += each.commands
    if (to - from < TRANSACTION_BYTES && i + 1 < users.length) continue
    yield {
      users: users.slice(first, i + 1).map(({ user }) => user),
      about: about.subarray(aboutFrom, aboutTo),
      commands: commands.subarray(from, to),
    }
    ;[first, aboutFrom, from] = [i + 1, aboutTo, to]
  }
}
