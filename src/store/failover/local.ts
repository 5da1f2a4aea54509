import { storeUnavailable } from '../../errors.ts'
import type { Answered } from '../sqlite/replica/ahead.ts'
import type { Event, Outcome } from '../store.ts'
import type { RemoteReplica } from './replica.ts'

const STEP = 200
/** Many times what is under way at once. */
const REMEMBERED_OUTCOMES = 10_000
const SCRUB_DELAY_MS = 500

/** What this instance can do alone: the journal, and the state with everything in it that the instance has acknowledged. */
export class Local {
  readonly replica: RemoteReplica
  /** While away from Redis: done when all of the journal is applied. */
  #whole: Promise<void> | undefined
  #renumbered = false
  /** What became of events, since then, that were in the journal before they could be applied. */
  #outcomes = new Map<string, Outcome>()
  #scrubbing: NodeJS.Timeout | undefined

  constructor(replica: RemoteReplica) {
    this.replica = replica
  }

  /** From now on nothing comes from Redis. What it has said so far, or may have, is completed by what the journal holds. */
  leave(): void {
    this.#whole = undefined
    this.#renumbered = false
    this.#outcomes = new Map()
    this.whole().catch(() => {})
  }

  /** Everything acknowledged here is in the replica. Fails while the disk does. */
  whole(): Promise<void> {
    this.#whole ??= this.#complete().catch((error: unknown) => {
      this.#whole = undefined
      throw error
    })
    return this.#whole
  }

  /** Keeps the events and applies them, away from Redis. */
  async append(events: readonly Event[]): Promise<Outcome[]> {
    await this.whole()
    return this.#outcomesOf(events, await this.replica.journalAndApply(events))
  }

  /** What became of events that are in the journal already. */
  async answer(events: readonly Event[]): Promise<Outcome[]> {
    await this.whole()
    return this.#outcomesOf(events, await this.replica.applyAhead(Number.MAX_SAFE_INTEGER))
  }

  /** Like whole(), where more may have come into the journal than what was written here, and the log may have grown. */
  async complete(): Promise<void> {
    this.#whole = undefined
    this.#renumbered = false
    await this.whole()
  }

  /** Takes what was erased out of the bytes of the file, when others have had their turn. */
  scrubSoon(): void {
    this.#scrubbing ??= setTimeout(() => {
      this.#scrubbing = undefined
      // What was applied is applied; the database remembers that this is due.
      this.replica.scrub('later').catch(() => {})
    }, SCRUB_DELAY_MS).unref()
  }

  async close(): Promise<void> {
    clearTimeout(this.#scrubbing)
    await this.replica.close().catch(() => {})
  }

  async #complete(): Promise<void> {
    if (!this.#renumbered) await this.replica.renumber()
    this.#renumbered = true
    for (let step = await this.replica.applyAhead(STEP); step.length > 0; step = await this.replica.applyAhead(STEP)) this.#remember(step)
  }

  #remember(answered: readonly Answered[]): void {
    for (const each of answered) this.#outcomes.set(keyOf(each), each.outcome)
    // Most of a journal that was found at a start is nobody's business any more.
    for (const key of this.#outcomes.keys()) {
      if (this.#outcomes.size <= REMEMBERED_OUTCOMES) break
      this.#outcomes.delete(key)
    }
  }

  /** Those of others, which were applied with them, are asked for in their turn. */
  async #outcomesOf(events: readonly Event[], answered: readonly Answered[]): Promise<Outcome[]> {
    this.#remember(answered)
    const known = events.map((event) => {
      const outcome = this.#outcomes.get(keyOf(event))
      this.#outcomes.delete(keyOf(event))
      return outcome
    })
    const missing = events.filter((_, i) => !known[i])
    // Redis took them without this instance hearing of it, and the log has brought them since.
    const found = (missing.length > 0 ? await this.replica.outcomes(missing) : []).values()
    return known.map((outcome) => {
      const answer = outcome ?? found.next().value
      if (!answer) throw storeUnavailable(Object.assign(new Error('no outcome'), { code: 'NO_OUTCOME' }))
      return answer
    })
  }
}

const keyOf = ({ origin, seq }: { origin: string; seq: number }): string => `${seq} ${origin}`
