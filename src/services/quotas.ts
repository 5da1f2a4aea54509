import { XinyiError } from '../errors.ts'
import type { Caller } from '../model.ts'

const MINUTE_MS = 60_000
/** From so many on, keys that have their whole quota again are let go. */
const SWEPT_FROM = 1_000

export interface QuotaLimits {
  /** Requests of a person's token, of a service's, and subscriptions that run at a time of either; 0: no limit. */
  readonly perMinute: number
  readonly servicePerMinute: number
  readonly subscriptions: number
}

/** How much each token asks for. Whoever comes without one, over the socket in DATA_DIR or where AUTH is off, is not counted. */
export class Quotas {
  readonly #limits: QuotaLimits
  readonly #clock: () => number
  /** When each key has its whole quota again: all that a bucket of tokens has to remember. */
  readonly #fullAt = new Map<string, number>()
  readonly #subscriptions = new Map<string, number>()
  #sweepAt = SWEPT_FROM

  /** `clock` need not be that of the wall. */
  constructor(limits: QuotaLimits, clock: () => number = () => performance.now()) {
    this.#limits = limits
    this.#clock = clock
  }

  /** Counts one request. A minute's requests may come at once; 0, or after how many seconds there may be another. */
  request(caller: Caller): number {
    const { roles } = caller
    const key = countedBy(caller)
    const perMinute = roles.every((role) => role === 'SERVICE') ? this.#limits.servicePerMinute : this.#limits.perMinute
    if (key === undefined || perMinute === 0) return 0
    const now = this.#clock()
    const fullAt = Math.max(this.#fullAt.get(key) ?? now, now) + MINUTE_MS / perMinute
    // A hair more than a minute, since numbers are rounded.
    const early = fullAt - now - MINUTE_MS - 1e-3
    if (early > 0) return Math.ceil(early / 1_000)
    this.#fullAt.set(key, fullAt)
    if (this.#fullAt.size > this.#sweepAt) this.#sweep(now)
    return 0
  }

  /** Counts a subscription until what it answers is called; null where it is one too many. */
  subscribe(caller: Caller): (() => void) | null {
    const key = countedBy(caller)
    if (key === undefined || this.#limits.subscriptions === 0) return () => {}
    const running = this.#subscriptions.get(key) ?? 0
    if (running >= this.#limits.subscriptions) return null
    this.#subscriptions.set(key, running + 1)
    let counted = true
    return () => {
      if (!counted) return
      counted = false
      const left = (this.#subscriptions.get(key) ?? 1) - 1
      if (left > 0) this.#subscriptions.set(key, left)
      else this.#subscriptions.delete(key)
    }
  }

  #sweep(now: number): void {
    for (const [key, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(key)
    this.#sweepAt = Math.max(2 * this.#fullAt.size, SWEPT_FROM)
  }
}

/** The token, also in the sessions that were begun with it: each of them a quota of its own would be none. */
const countedBy = ({ key, token }: Caller): string | undefined => token ?? key

export const tooManyRequests = (seconds: number): XinyiError =>
  new XinyiError(
    'RATE_LIMITED',
    'This token sends too many requests.',
    `Try again in ${seconds} s, and ask for more at once. RATE_LIMIT_PER_MINUTE is the limit.`,
  )

export const tooManySubscriptions = (): XinyiError =>
  new XinyiError(
    'RATE_LIMITED',
    'Too many subscriptions of this token run.',
    'End some of them: one can tell of every alert that its reader may see. MAX_SUBSCRIPTIONS_PER_TOKEN is the limit.',
  )
