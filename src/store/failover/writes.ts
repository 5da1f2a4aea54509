import type { Appended, Event, Outcome } from '../store.ts'
import { wordOf } from './faults.ts'
import type { Link, Primary } from './link.ts'
import type { Local } from './local.ts'
import { Mutex } from './mutex.ts'
import { Sequence } from './sequence.ts'

/** How many origins' newest acknowledged events a read makes sure of: a process writes under one at a time. */
const FENCED_ORIGINS = 4
const ROWS_PATIENCE_MS = 300

/** What is written here: into the journal first, then, while it is in charge, to Redis; one batch at a time. */
export class Writes {
  /** Index of the newest event that Redis has answered for. */
  acknowledgedIndex = 0
  readonly #local: Local
  readonly #mutex = new Mutex()
  readonly #sequence: Sequence
  /** origin -> its newest event that Redis has answered for; the newest origin last. */
  readonly #acknowledged = new Map<string, number>()
  #touched: Set<string> | null = null

  constructor(local: Local) {
    this.#local = local
    this.#sequence = new Sequence(local.replica)
  }

  /** What a read has to show at the least. */
  get fence(): { origin: string; seq: number }[] {
    return [...this.#acknowledged].map(([origin, seq]) => ({ origin, seq }))
  }

  append(events: readonly Event[], link: Link): Promise<Appended> {
    return this.#mutex.run(() => this.#append(events, link))
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(work)
  }

  closeOrigins(origins: ReadonlySet<string>): void {
    for (const origin of origins) {
      this.#acknowledged.delete(origin)
      this.#sequence.close(origin)
    }
  }

  watch(touched: Set<string> | null): void {
    this.#touched = touched
  }

  async #append(events: readonly Event[], link: Link): Promise<Appended> {
    const numbered = await this.#sequence.take(events)
    const fresh = events.filter((_, i) => numbered[i] === null)
    if (fresh.length === 0) return { outcomes: numbered.flatMap((outcome) => outcome ?? []), durability: 'JOURNAL' }
    try {
      const { outcomes, durability } = await this.#write(fresh, link)
      const answers = outcomes.values()
      return { outcomes: numbered.flatMap((outcome) => outcome ?? answers.next().value ?? []), durability }
    } catch (error) {
      this.#sequence.forget(fresh)
      throw error
    }
  }

  async #write(events: readonly Event[], link: Link): Promise<Appended> {
    for (const { user } of events) this.#touched?.add(user)
    const { state } = link
    if (state.mode !== 'PRIMARY') {
      const outcomes = await this.#local.append(events)
      return this.#kept(events, outcomes, link)
    }
    await this.#local.replica.journal(events)
    const outcomes = await this.#order(state, events, link)
    if (!outcomes) return this.#kept(events, await this.#local.answer(events), link)
    for (const { origin, seq } of events) this.#acknowledge(origin, seq)
    this.acknowledgedIndex = Math.max(this.acknowledgedIndex, ...outcomes.map((outcome) => ('n' in outcome ? outcome.n : 0)))
    return { outcomes: await Promise.all(outcomes.map((outcome, i) => this.#withRows(state, outcome, events[i]))), durability: 'BOTH' }
  }

  /** What an erasure removed is told of both stores. */
  async #withRows({ tail }: Primary, outcome: Outcome, event: Event | undefined): Promise<Outcome> {
    if (event?.kind !== 'erased' || outcome.type !== 'applied' || !outcome.removed) return outcome
    if (!(await tail.reached(outcome.n, ROWS_PATIENCE_MS))) return outcome
    return { ...outcome, removed: { ...outcome.removed, sqliteRows: await this.#local.replica.takeRemovedRows(outcome.n) } }
  }

  #kept(events: readonly Event[], outcomes: Outcome[], link: Link): Appended {
    link.pending += events.length
    link.changes.announce()
    return { outcomes, durability: 'JOURNAL' }
  }

  /** Has Redis give these events their places; null when it did not, for all that is known. */
  async #order(state: Primary, events: readonly Event[], link: Link, isSecond = false): Promise<Outcome[] | null> {
    if (link.state !== state) return null
    try {
      const { outcomes } = await state.primary.append(events)
      const at = outcomes.findIndex((outcome) => !('n' in outcome))
      const refused = outcomes[at]
      if (!refused) return outcomes
      const rest = events.slice(at)
      if (refused.type === 'damaged' && !isSecond && rest[0]) {
        await state.tidy.mend([rest[0].user])
        const after = await this.#order(state, rest, link, at === 0)
        return after && [...outcomes.slice(0, at), ...after]
      }
      link.leave(state, `Redis answers ${refused.type} to a write`)
    } catch (error) {
      link.leave(state, wordOf(error))
    }
    return null
  }

  #acknowledge(origin: string, seq: number): void {
    this.#acknowledged.delete(origin)
    this.#acknowledged.set(origin, seq)
    const oldest = this.#acknowledged.keys().next().value
    if (this.#acknowledged.size > FENCED_ORIGINS && oldest !== undefined) this.#acknowledged.delete(oldest)
  }
}
