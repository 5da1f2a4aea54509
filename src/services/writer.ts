import { randomUUID } from 'node:crypto'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { storeUnavailable, XinyiError } from '../errors.ts'
import type { Durability } from '../model.ts'
import type { Event, Outcome, Store } from '../store/store.ts'
import { captured } from '../tracing/span.ts'

type Draft<E> = E extends Event ? Omit<E, 'origin' | 'seq'> : never
/** An event before it has its place in the order of its origin. */
export type EventDraft = Draft<Event>

export interface Written {
  event: Event
  /** What became of it in the log; an event that took no place there is an error instead. */
  outcome: Extract<Outcome, { n: number }>
  durability: Durability
}

/** One batch occupies a store for some milliseconds at most. */
const MAX_BATCH_EVENTS = 100
/** The same where nobody else waits for the store: fewer commits. */
const MAX_BULK_EVENTS = 500
const MAX_BATCH_CHARACTERS = 500_000

interface Waiting {
  draft: EventDraft
  /** Part of what it is written. */
  within: ReturnType<typeof captured>
  resolve(written: Written): void
  reject(error: Error): void
}

/** A store orders one batch, has the next at hand, makes a third durable, and a fourth is ready for when it has. */
const BATCHES_UNDER_WAY = 4

/**
 * A batch costs each store, and the disk, as much as some events do. While more than so many wait for their answers, batches begin no more
 * often than so, unless they are full.
 */
const BUSY_EVENTS = 16
const PACE_MS = 8

/**
 * Numbers the events of this process and appends them in batches: what comes in the same turn of the event loop, or while as many
 * batches as may be are under way, travels together in the next.
 */
export class LogWriter {
  readonly #store: Store
  #origin = randomUUID()
  #seq = 0
  readonly #queue: Waiting[] = []
  readonly #underWay = new Set<Promise<void>>()
  #eventsUnderWay = 0
  #lastBegan = 0
  readonly #maxEvents: number
  #isDue = false
  #closed = false

  /** `bulk`: nobody waits for one event; all of them are to be through soon. */
  constructor(store: Store, { bulk = false } = {}) {
    this.#store = store
    this.#maxEvents = bulk ? MAX_BULK_EVENTS : MAX_BATCH_EVENTS
  }

  /** Rejects with STORE_UNAVAILABLE when it is unknown, or known not to be so, that the event is in the log. */
  submit(draft: EventDraft): Promise<Written> {
    if (this.#closed) return Promise.reject(storeUnavailable(new Error('the writer is closed')))
    const { promise, resolve, reject } = Promise.withResolvers<Written>()
    this.#queue.push({ draft, within: captured(), resolve, reject })
    this.#next()
    return promise
  }

  /** Waits for what was submitted; takes no more. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#queue.length > 0 || this.#underWay.size > 0)
      await (this.#underWay.size > 0 ? Promise.race(this.#underWay) : setImmediate())
  }

  /** What else comes in this turn of the event loop goes along. */
  async #next(): Promise<void> {
    if (this.#isDue) return
    this.#isDue = true
    await setImmediate()
    await this.#pace()
    this.#isDue = false
    while (this.#queue.length > 0 && this.#underWay.size < BATCHES_UNDER_WAY) {
      const events = this.#queue.splice(0, this.#nextBatch())
      this.#eventsUnderWay += events.length
      this.#lastBegan = performance.now()
      // What several requests have written together shows as part of the first.
      const append = () => this.#append(events)
      const batch: Promise<void> = (events[0]?.within(append) ?? append()).finally(() => {
        this.#underWay.delete(batch)
        this.#eventsUnderWay -= events.length
        if (this.#queue.length > 0) this.#next()
      })
      this.#underWay.add(batch)
    }
  }

  async #pace(): Promise<void> {
    const isBusy = this.#queue.length + this.#eventsUnderWay > BUSY_EVENTS
    const wait = this.#lastBegan + PACE_MS - performance.now()
    if (isBusy && this.#queue.length < MAX_BATCH_EVENTS && wait >= 1) await setTimeout(wait)
  }

  /** How many of those that wait go together: always one, whatever its size. */
  #nextBatch(): number {
    let characters = 0
    const tooMany = this.#queue.findIndex(({ draft }, i) => {
      characters += sizeOf(draft)
      return i > 0 && (i === this.#maxEvents || characters > MAX_BATCH_CHARACTERS)
    })
    return tooMany === -1 ? this.#queue.length : tooMany
  }

  async #append(batch: readonly Waiting[]): Promise<void> {
    const events = batch.map(({ draft }): Event => {
      this.#seq += 1
      return { ...draft, origin: this.#origin, seq: this.#seq }
    })
    try {
      const { outcomes, durability } = await this.#store.append(events)
      const beyond: Waiting[] = []
      for (const [i, waiting] of batch.entries()) {
        const event = events[i]
        const outcome = outcomes[i]
        if (event && outcome && 'n' in outcome) waiting.resolve({ event, outcome, durability })
        else if (outcome?.type === 'gap' && event && event.seq > 1) beyond.push(waiting)
        else {
          this.#renewOrigin()
          waiting.reject(storeUnavailable(new Error(`the store answered ${outcome?.type} to an event`)))
        }
      }
      if (beyond.length === 0) return
      // What comes after a gap is certainly not in the store: it was restored from before this origin's latest events, or could not
      // take one of them. The first event of an origin is never beyond a gap, so that this ends.
      this.#renewOrigin()
      await this.#append(beyond)
    } catch (error) {
      this.#renewOrigin()
      for (const { reject } of batch) reject(error instanceof XinyiError ? error : storeUnavailable(error))
    }
  }

  // Whatever the store has, or may yet get, of the old origin's numbers: none of them will ever stand for another event.
  #renewOrigin(): void {
    this.#origin = randomUUID()
    this.#seq = 0
  }
}

const sizeOf = (draft: EventDraft): number => (draft.kind === 'recorded' ? draft.payload.query.length + draft.payload.response.length : 0)
