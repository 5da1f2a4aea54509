import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../../src/demo/random.ts'
import type { AlertWatch } from './alerts.ts'
import { Caller } from './caller.ts'
import type { Instance } from './instance.ts'
import type { UserLedger } from './ledger.ts'
import { inventConversation, late } from './payload.ts'
import type { World } from './world.ts'

const OWN_USERS = 8
const PASSING_USERS = 2
const COLD_AT_FIRST = 10
/** Erasures and what is recorded just before and after must not fall into one millisecond: clocks decide on which side it is. */
const APART_MS = 15

/** One client: its own users, one request at a time. */
export class LoadClient {
  readonly #world: World
  readonly #name: string
  readonly #random: Random
  readonly #shared: readonly UserLedger[]
  readonly #caller: Caller
  readonly #own: UserLedger[] = []
  readonly #passing: { user: UserLedger; home: Instance | null }[] = []
  #users = 0
  #keys = 0

  constructor(world: World, name: string, seed: number, shared: readonly UserLedger[], watches: ReadonlyMap<string, AlertWatch>) {
    this.#world = world
    this.#name = name
    this.#random = new Random(seed)
    this.#shared = shared
    this.#caller = new Caller(world, this.#random, watches)
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let i = 0; i < COLD_AT_FIRST && !signal.aborted; i++) await this.#coldUser()
    for (let i = 0; i < OWN_USERS; i++) this.#own.push(this.#newUser('own'))
    for (let i = 0; i < PASSING_USERS; i++) this.#passing.push(this.#newPassing())
    while (!signal.aborted) {
      await this.#step()
      await sleep(this.#random.integer(0, 20))
    }
    this.#caller.close()
  }

  #step(): Promise<void> {
    const dice = this.#random.next()
    if (dice < 0.55) return this.#recordOwn()
    if (dice < 0.65) return this.#recordShared()
    if (dice < 0.75) return this.#recordBatch()
    if (dice < 0.87) return this.#recordPassing()
    if (dice < 0.9) return this.#erasePassing()
    if (dice < 0.92) return this.#caller.clear(this.#anyOwn(), this.#anywhere())
    if (dice < 0.94) return this.#caller.conflict(this.#anyOwn(), this.#anywhere())
    if (dice < 0.95) return this.#coldUser()
    if (dice < 0.97) return this.#caller.act(this.#anyOwn(), this.#anywhere(), `noted ${this.#name}-${this.#keys++}.`)
    return this.#caller.readBack(this.#anyOwn(), this.#anywhere())
  }

  async #recordOwn(): Promise<void> {
    const user = this.#anyOwn()
    const input = this.#conversation(user)
    await this.#caller.record(user, this.#random.chance(0.15) ? late(input, this.#random) : input, this.#anywhere())
  }

  async #recordShared(): Promise<void> {
    const user = this.#shared[this.#random.integer(0, this.#shared.length - 1)]
    if (user) await this.#caller.record(user, this.#conversation(user), this.#anywhere())
  }

  /** Every user of a batch is this client's own. */
  async #recordBatch(): Promise<void> {
    const users = Array.from({ length: this.#random.integer(2, this.#world.batch) }, () => this.#anyOwn())
    const items = users.map((user) => ({ user, input: this.#conversation(user) }))
    await this.#caller.recordMany(items, this.#anywhere())
  }

  async #recordPassing(): Promise<void> {
    const { user, home } = this.#passing[this.#random.integer(0, PASSING_USERS - 1)] ?? this.#newPassing()
    await this.#caller.record(user, this.#conversation(user), home ?? this.#anywhere())
  }

  async #erasePassing(): Promise<void> {
    const i = this.#random.integer(0, PASSING_USERS - 1)
    const { user, home } = this.#passing[i] ?? this.#newPassing()
    await sleep(APART_MS)
    await this.#caller.erase(user, home ?? this.#anywhere())
    await sleep(APART_MS)
    // Some are never seen again, and have to stay away.
    if (user.unsure || this.#random.chance(0.4)) this.#passing[i] = this.#newPassing()
  }

  #newPassing(): { user: UserLedger; home: Instance | null } {
    const home = this.#random.chance(0.5) ? this.#anywhere() : null
    return { user: this.#newUser(home ? 'passing' : 'roaming'), home }
  }

  /** Somebody who is written to now and never again. */
  async #coldUser(): Promise<void> {
    const user = this.#newUser('cold')
    const instance = this.#anywhere()
    const count = this.#random.integer(1, 4)
    for (let i = 0; i < count; i++) await this.#caller.record(user, this.#conversation(user), instance)
  }

  #newUser(population: UserLedger['population']): UserLedger {
    return this.#world.ledger.add(`tu-${population}-${this.#name}-${this.#users++}`, population)
  }

  #anyOwn(): UserLedger {
    return this.#own[this.#random.integer(0, this.#own.length - 1)] ?? this.#newUser('own')
  }

  #anywhere(): Instance {
    return this.#random.pick(this.#world.instances as readonly [Instance, ...Instance[]])
  }

  #conversation(user: UserLedger) {
    return inventConversation(this.#random, user.id, `${this.#name}-${this.#keys++}`)
  }
}
