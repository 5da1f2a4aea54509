/** How often it is looked whether it shrinks. */
const LOOK_MS = 1_000
/** So much is brought within a moment, whoever writes. */
const SMALL_EVENTS = 1_000
/** Between two batches (services/writer.ts), where it does not shrink: some 1,000 events a second. */
const SLOW_MS = 100

/**
 * What Redis has yet to get while it is brought what it lacks. Where as much is written meanwhile, it would never have everything:
 * then writers are slowed down until it has.
 */
export class Backlog {
  #lookedAt = performance.now()
  #events = Number.POSITIVE_INFINITY
  #isStuck = false

  note(events: number): void {
    const now = performance.now()
    if (now - this.#lookedAt < LOOK_MS) return
    this.#isStuck ||= events > SMALL_EVENTS && events >= this.#events
    this.#lookedAt = now
    this.#events = events
  }

  /** How long the next batch has to wait. */
  get delayMs(): number {
    return this.#isStuck ? SLOW_MS : 0
  }
}
