const MINUTE_MS = 60_000
/** From so many on, keys that have their whole quota again are let go. */
const SWEPT_FROM = 1_000

/** How often each of many asks. A minute's requests may come at once. */
export class Rate {
  readonly #clock: () => number
  /** When each key has its whole quota again: all that a bucket of tokens has to remember. */
  readonly #fullAt = new Map<string, number>()
  #sweepAt = SWEPT_FROM

  /** `clock` need not be that of the wall. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  /** Counts one; 0, or after how many seconds there may be another. */
  take(key: string, perMinute: number): number {
    const now = this.#clock()
    const fullAt = Math.max(this.#fullAt.get(key) ?? now, now) + MINUTE_MS / perMinute
    // A hair more than a minute, since numbers are rounded.
    const early = fullAt - now - MINUTE_MS - 1e-3
    if (early > 0) return Math.ceil(early / 1_000)
    this.#fullAt.set(key, fullAt)
    if (this.#fullAt.size > this.#sweepAt) this.#sweep(now)
    return 0
  }

  #sweep(now: number): void {
    for (const [key, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(key)
    this.#sweepAt = Math.max(2 * this.#fullAt.size, SWEPT_FROM)
  }
}
