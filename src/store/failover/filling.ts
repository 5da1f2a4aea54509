import type { Redis } from 'ioredis'
import type { packUsers } from '../redis/pack.ts'
import type { PackedUsers } from '../redis/packed-users.ts'
import { seedPacked, seedUsers } from '../redis/seed.ts'
import type { PackedPage, RemoteReplica } from './replica.ts'

/** So many transactions of a page are on their way at most: the answer to the last has to come before the patience of the client ends, however large the users are. */
const AT_ONCE = 4

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

  async write({ packed, steps }: Pick<PackedPage, 'packed' | 'steps'>): Promise<void> {
    for (let i = 0; i < packed.length; i += AT_ONCE) await Promise.all(packed.slice(i, i + AT_ONCE).map((some) => this.#put(some)))
    await seedUsers(this.#redis, this.#token, steps)
    for (const { restoring, listing } of packed) for (const bytes of [restoring, listing]) free(bytes)
  }

  async #put(packed: PackedUsers): Promise<void> {
    const { users } = packed
    if (await seedPacked(this.#redis, this.#token, packed)) {
      this.packed += users.length
      return
    }
    await seedUsers(this.#redis, this.#token, await this.#replica.unpacked(users, this.#options))
    await this.#replica.dropPacks(users)
  }
}

/** Gives memory back at once that nobody reads any more: of so much at a time the garbage collector would be at work all the while. */
function free({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0)
}
