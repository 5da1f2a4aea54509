import { setTimeout } from 'node:timers/promises'
import type { RedisStore } from '../redis/store.ts'
import type { Appended, Event, Outcome } from '../store.ts'
import { wordOf } from './faults.ts'
import type { Link } from './link.ts'
import type { Local } from './local.ts'
import { Mutex } from './mutex.ts'
import { Sequence } from './sequence.ts'
import type { Primary, State } from './state.ts'

type Appending = ReturnType<RedisStore['append']>

/** How many origins' newest acknowledged events a read makes sure of: a process writes under one at a time. */
const FENCED_ORIGINS = 4
const ROWS_PATIENCE_MS = 300
/** So many events go to Redis before the first of them are answered: the time-out of a command counts from when it is sent, and what came behind more would run into it. */
const MAX_UNDER_WAY = 400

/**
 * What is written here, one batch after the other: into the journal first, then, while it is in charge, to Redis. While Redis takes
 * one batch, the journal takes the next ones, and the next of them is sent: Redis need not wait for what this process does with its answers.
 */
export class Writes {
  readonly #local: Local
  readonly #journaling = new Mutex()
  readonly #ordering = new Mutex()
  readonly #sequence: Sequence
  /** origin -> its newest event that Redis has answered for; the newest origin last. */
  readonly #acknowledged = new Map<string, number>()
  /** Events that are journaled, and for which Redis has not answered yet. */
  #underWay = 0
  /** Batches of these that have yet to be sent, or sent again: what is sent behind them would be refused. */
  readonly #held = new Set<object>()

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
      return { numbered, written: this.#send(state, fresh, link).catch(failed) }
    }
    if (state.mode === 'REPLAYING' && state.backlog.delayMs > 0) await setTimeout(state.backlog.delayMs)
    // Kept and applied in one step: what comes next can't be numbered before it is known to have succeeded.
    const appended = await this.#ordering.run(() => this.#append(fresh, link)).catch(failed)
    return { numbered, written: Promise.resolve(appended) }
  }

  /** Sends events of the journal at once, unless what goes before them is too much, or has to be put right first; they are answered in their turn. */
  #send(state: Primary, events: readonly Event[], link: Link): Promise<Appended> {
    const batch = {}
    const mayGo = this.#underWay === 0 || (this.#held.size === 0 && this.#underWay + events.length <= MAX_UNDER_WAY)
    const ahead = mayGo && link.state === state ? state.primary.append(events) : undefined
    if (!ahead) this.#held.add(batch)
    ahead?.then(
      ({ outcomes }) => {
        if (!outcomes.every((outcome) => 'n' in outcome)) this.#held.add(batch)
      },
      // Whoever comes to it hears of it, unless one before has failed already.
      () => {},
    )
    this.#underWay += events.length
    const ordered = this.#ordering.run(() => this.#order(state, events, link, ahead))
    return ordered.finally(() => {
      this.#underWay -= events.length
      this.#held.delete(batch)
    })
  }

  async #append(events: readonly Event[], link: Link): Promise<Appended> {
    return this.#kept(events, await this.#local.append(events), link)
  }

  async #order(state: Primary, events: readonly Event[], link: Link, ahead: Appending | undefined): Promise<Appended> {
    const outcomes = await this.#answered(state, events, link, ahead)
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
   * What Redis has answered to these events, as far as it is known that they have their places. They are sent again where a user has to be put
   * back first; or where they were sent ahead, and refused for what had to be put right before them.
   */
  async #answered(state: Primary, events: readonly Event[], link: Link, ahead: Appending | undefined): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    let [appending, isMended] = [ahead, false]
    try {
      while (link.state === state) {
        const rest = events.slice(outcomes.length)
        const answer = await (appending ?? state.primary.append(rest))
        const place = answer.outcomes.findIndex((outcome) => !('n' in outcome))
        const [refused, first] = [answer.outcomes[place], rest[place]]
        const placed = refused ? place : rest.length
        state.tail.handIn(answer.entries.slice(0, placed))
        outcomes.push(...answer.outcomes.slice(0, placed))
        if (!refused || !first) break
        if (placed > 0) isMended = false
        if (!appending) {
          if (refused.type !== 'damaged' || isMended) link.leave(state, refused.type.toUpperCase())
          else await state.tidy.mend([first.user])
          isMended = true
        }
        appending = undefined
      }
    } catch (error) {
      link.leave(state, wordOf(error))
    }
    return outcomes
  }

  #acknowledge(origin: string, seq: number): void {
    this.#acknowledged.delete(origin)
    this.#acknowledged.set(origin, seq)
    const oldest = this.#acknowledged.keys().next().value
    if (this.#acknowledged.size > FENCED_ORIGINS && oldest !== undefined) this.#acknowledged.delete(oldest)
  }
}
