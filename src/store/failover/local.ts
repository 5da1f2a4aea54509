import { storeUnavailable } from '../../errors.ts'
import type { Answered } from '../sqlite/replica/ahead.ts'
import type { RemoteReplica } from '../sqlite/replica/remote.ts'
import type { Event, Outcome } from '../store.ts'

const STEP = 200

/** What this instance can do alone: the journal, and the state with everything in it that the instance has acknowledged. */
export class Local {
  readonly replica: RemoteReplica
  /** While away from Redis: done when all of the journal is applied. */
  #whole: Promise<Map<string, Outcome>> | undefined
  #renumbered = false

  constructor(replica: RemoteReplica) {
    this.replica = replica
  }

  /** From now on nothing comes from Redis. What it has said so far, or may have, is completed by what the journal holds. */
  leave(): void {
    this.#whole = undefined
    this.#renumbered = false
    this.whole().catch(() => {})
  }

  /** Everything acknowledged here is in the replica; answers what became of what had to be applied for that. Fails while the disk does. */
  whole(): Promise<Map<string, Outcome>> {
    this.#whole ??= this.#complete().catch((error: unknown) => {
      this.#whole = undefined
      throw error
    })
    return this.#whole
  }

  /** Keeps the events and applies them, away from Redis. */
  async append(events: readonly Event[]): Promise<Outcome[]> {
    await this.whole()
    return outcomesOf(events, mapOf(await this.replica.journalAndApply(events)))
  }

  /** What became of events that are in the journal already. */
  async answer(events: readonly Event[]): Promise<Outcome[]> {
    const before = await this.whole()
    const now = mapOf(await this.replica.applyAhead(Number.MAX_SAFE_INTEGER))
    return outcomesOf(events, new Map([...before, ...now]))
  }

  async #complete(): Promise<Map<string, Outcome>> {
    if (!this.#renumbered) await this.replica.renumber()
    this.#renumbered = true
    const all = new Map<string, Outcome>()
    for (let step = await this.replica.applyAhead(STEP); step.length > 0; step = await this.replica.applyAhead(STEP))
      for (const [key, outcome] of mapOf(step)) all.set(key, outcome)
    return all
  }
}

const keyOf = ({ origin, seq }: { origin: string; seq: number }): string => `${seq} ${origin}`
const mapOf = (answered: readonly Answered[]): Map<string, Outcome> => new Map(answered.map((each) => [keyOf(each), each.outcome]))

function outcomesOf(events: readonly Event[], answered: ReadonlyMap<string, Outcome>): Outcome[] {
  return events.map((event) => {
    const outcome = answered.get(keyOf(event))
    if (!outcome) throw storeUnavailable(Object.assign(new Error('no outcome'), { code: 'NO_OUTCOME' }))
    return outcome
  })
}
