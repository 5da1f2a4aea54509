import { randomUUID } from 'node:crypto'
import type { RedisStore } from '../redis/store.ts'
import type { Event, Reconciliation } from '../store.ts'
import { Outdated } from './faults.ts'
import type { Joint } from './joint.ts'
import type { RemoteReplica } from './replica.ts'
import type { Tail } from './tail.ts'

const PER_STEP = 100
const PATIENCE_MS = 2_000

/** Records again what is held here of users whom another server has put back without it: that one had not taken them over, and Redis had lost their keys. */
export class Forgotten {
  readonly #primary: RedisStore
  readonly #tail: Tail
  readonly #joint: Joint
  readonly #report: Reconciliation
  /** What came to nothing, by user and id: it would be found for ever. */
  readonly #inVain = new Set<string>()

  constructor(of: { primary: RedisStore; tail: Tail; joint: Joint; report: Reconciliation }) {
    this.#primary = of.primary
    this.#tail = of.tail
    this.#joint = of.joint
    this.#report = of.report
  }

  /** Answers whether there was anything; who was pulled then is not as they are now. */
  async recordAgain(page: Parameters<RemoteReplica['forgottenBy']>[0] & { n: number }): Promise<boolean> {
    const { local, logger } = this.#joint
    if ((await this.#find(page)).length === 0) return false
    // A clearing that came since has to be known first.
    if (!(await this.#tail.reached(page.n, PATIENCE_MS))) return true
    const forgotten = await this.#find(page)
    if (forgotten.length === 0) return false
    logger.warn({ events: forgotten.length }, 'Redis has lost what is held here: it is recorded again')
    this.#report.repaired += forgotten.length
    const origin = randomUUID()
    await local.replica.beginOrigin(origin)
    const again = forgotten.map((event, i): Event => ({ ...event, origin, seq: i + 1 }))
    // Not by way of the journal, which might bring it to Redis much later; and not after a clearing that is not known of here yet.
    // Each user by themselves: what came of one of them says nothing about what has come of another.
    for (const events of Map.groupBy(again, ({ user }) => user).values())
      for (let [i, asOf] = [0, page.n]; i < events.length; i += PER_STEP) asOf = await this.#append(events.slice(i, i + PER_STEP), asOf)
    return true
  }

  async #find(page: Parameters<RemoteReplica['forgottenBy']>[0]): Promise<Event[]> {
    const { local, clock } = this.#joint
    const forgotten = await local.replica.forgottenBy(page, clock())
    return forgotten.filter((event) => !this.#inVain.has(nameOf(event)))
  }

  /** Answers the index of the last of them. */
  async #append(events: readonly Event[], asOf: number): Promise<number> {
    const { outcomes } = await this.#primary.append(events, { asOf })
    return outcomes.reduce((last, outcome, i) => {
      if (!('n' in outcome)) throw new Outdated('Redis does not take what is recorded again')
      const event = events[i]
      if (event && outcome.type !== 'applied' && outcome.type !== 'duplicate') this.#inVain.add(nameOf(event))
      return Math.max(last, outcome.n)
    }, asOf)
  }
}

const nameOf = ({ user, id }: Event): string => `${user}\0${id}`
