import { setTimeout } from 'node:timers/promises'
import type { RedisStore } from '../redis/store.ts'
import type { Appended, Event, Outcome } from '../store.ts'
import { wordOf } from './faults.ts'
import type { Link } from './link.ts'
import type { Local } from './local.ts'
import { Mutex } from './mutex.ts'
import { Sequence } from './sequence.ts'
import type { Primary, State } from './state.ts'

type Sent = ReturnType<RedisStore['append']>

/** How many origins' newest acknowledged events a read makes sure of: a process writes under one at a time. */
const FENCED_ORIGINS = 4
const ROWS_PATIENCE_MS = 300

/**
 * What is written here, one batch after the other: into the journal first, then, while it is in charge, to Redis. While Redis takes
 * one batch, the journal takes the next ones, and each is sent once it is there: Redis never waits for what this process does with its answers.
 */
export class Writes {
  readonly #local: Local
  readonly #journaling = new Mutex()
  readonly #ordering = new Mutex()
  readonly #sequence: Sequence
  /** origin -> its newest event that Redis has answered for; the newest origin last. */
  readonly #acknowledged = new Map<string, number>()

  constructor(local: Local) {
    this.#local = local
    this.#sequence = new Sequence(local.replica)
  }

  /** What a read has to show at the least. */
  get fence(): { origin: string; seq: number }[] {
    return [...this.#acknowledged].map(([origin, seq]) => ({ origin, seq }))
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#journaling.run(() => this.#ordering.run(work))
  }

  closeOrigins(origins: ReadonlySet<string>): void {
    for (const origin of origins) {
      this.#acknowledged.delete(origin)
      this.#sequence.close(origin)
    }
  }

  async append(events: readonly Event[], link: Link): Promise<Appended> {
    const { state } = link
    const { numbered, written } = await this.#journaling.run(() => this.#journal(events, link))
    const { outcomes, durability } = await written
    const fresh = events.filter((_, i) => numbered[i] === null)
    const answers = (await Promise.all(outcomes.map((outcome, i) => this.#withRows(state, outcome, fresh[i])))).values()
    return { outcomes: numbered.flatMap((outcome) => outcome ?? answers.next().value ?? []), durability }
  }

  /** Keeps what comes next in its origin, and has its turn to be ordered taken before another batch can take one. */
  async #journal(events: readonly Event[], link: Link): Promise<{ numbered: (Outcome | null)[]; written: Promise<Appended> }> {
    const numbered = await this.#sequence.take(events)
    const fresh = events.filter((_, i) => numbered[i] === null)
    const { state } = link
    const failed = (error: unknown): never => {
      this.#sequence.forget(fresh)
      throw error
    }
    if (fresh.length === 0) return { numbered, written: Promise.resolve({ outcomes: [], durability: 'JOURNAL' }) }
    if (state.mode === 'PRIMARY') {
      await this.#local.replica.journal(fresh).catch(failed)
      const sent = link.state === state ? state.primary.append(fresh) : undefined
      // Whoever comes to it hears of it, unless one before has failed already.
      sent?.catch(() => {})
      return { numbered, written: this.#ordering.run(() => this.#order(state, fresh, link, sent)).catch(failed) }
    }
    if (state.mode === 'REPLAYING' && state.backlog.delayMs > 0) await setTimeout(state.backlog.delayMs)
    // Kept and applied in one step: what comes next can't be numbered before it is known to have succeeded.
    const appended = await this.#ordering.run(() => this.#append(fresh, link)).catch(failed)
    return { numbered, written: Promise.resolve(appended) }
  }

  async #append(events: readonly Event[], link: Link): Promise<Appended> {
    return this.#kept(events, await this.#local.append(events), link)
  }

  async #order(state: Primary, events: readonly Event[], link: Link, sent: Sent | undefined): Promise<Appended> {
    const outcomes = await this.#answered(state, events, link, sent)
    const rest = events.slice(outcomes.length)
    if (rest.length > 0) return this.#kept(rest, [...outcomes, ...(await this.#local.answer(rest))], link)
    for (const { origin, seq } of events) this.#acknowledge(origin, seq)
    link.answered(state, Math.max(...outcomes.map((outcome) => ('n' in outcome ? outcome.n : 0))))
    return { outcomes, durability: 'BOTH' }
  }

  /** What an erasure removed is told of both stores. */
  async #withRows(state: State, outcome: Outcome, event: Event | undefined): Promise<Outcome> {
    if (state.mode !== 'PRIMARY' || event?.kind !== 'erased' || outcome.type !== 'applied' || !outcome.removed) return outcome
    if (outcome.removed.redisKeys === null || !(await state.tail.reached(outcome.n, ROWS_PATIENCE_MS))) return outcome
    return { ...outcome, removed: { ...outcome.removed, sqliteRows: await this.#local.replica.takeRemovedRows(outcome.n) } }
  }

  #kept(events: readonly Event[], outcomes: Outcome[], link: Link): Appended {
    link.pending += events.length
    link.changes.announce()
    if (events.some(({ kind }) => kind === 'erased' || kind === 'expired')) this.#local.scrubSoon()
    return { outcomes, durability: 'JOURNAL' }
  }

  /**
   * What Redis has answered to these events, as far as it is known that they have their places. They are sent again where a user has to be
   * put back first, or where what was sent before them had to be. `tried`: for which reasons they were already.
   */
  async #answered(
    state: Primary,
    events: readonly Event[],
    link: Link,
    sent: Sent | undefined,
    tried: readonly Outcome['type'][] = [],
  ): Promise<Outcome[]> {
    if (link.state !== state) return []
    try {
      const { outcomes, entries } = await (sent ?? state.primary.append(events))
      state.tail.handIn(entries)
      const at = outcomes.findIndex((outcome) => !('n' in outcome))
      const [refused, first] = [outcomes[at], events[at]]
      if (!refused || !first) return outcomes
      const done = outcomes.slice(0, at)
      const { type } = refused
      const reasons = at === 0 ? tried : []
      if ((type === 'damaged' || type === 'gap') && !reasons.includes(type)) {
        if (type === 'damaged') await state.tidy.mend([first.user])
        return [...done, ...(await this.#answered(state, events.slice(at), link, undefined, [...reasons, type]))]
      }
      link.leave(state, type.toUpperCase())
      return done
    } catch (error) {
      link.leave(state, wordOf(error))
      return []
    }
  }

  #acknowledge(origin: string, seq: number): void {
    this.#acknowledged.delete(origin)
    this.#acknowledged.set(origin, seq)
    const oldest = this.#acknowledged.keys().next().value
    if (this.#acknowledged.size > FENCED_ORIGINS && oldest !== undefined) this.#acknowledged.delete(oldest)
  }
}
