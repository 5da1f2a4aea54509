import { XinyiError } from '../errors.ts'
import type { Caller } from '../model.ts'
import { Rate } from './rate.ts'

export interface QuotaLimits {
  /** Requests of a person's token, of a service's, and subscriptions that run at a time of either; 0: no limit. */
  readonly perMinute: number
  readonly servicePerMinute: number
  readonly subscriptions: number
}

/** How much each token asks for. Whoever comes without one, over the socket in DATA_DIR or where AUTH is off, is not counted. */
export class Quotas {
  readonly #limits: QuotaLimits
  readonly #rate: Rate
  readonly #subscriptions = new Map<string, number>()

  /** `clock` need not be that of the wall. */
  constructor(limits: QuotaLimits, clock?: () => number) {
    this.#limits = limits
    this.#rate = new Rate(clock)
  }

  /** Counts one request. A minute's requests may come at once; 0, or after how many seconds there may be another. */
  request(caller: Caller): number {
    const { roles } = caller
    const key = countedBy(caller)
    const perMinute = roles.every((role) => role === 'SERVICE') ? this.#limits.servicePerMinute : this.#limits.perMinute
    if (key === undefined || perMinute === 0) return 0
    return this.#rate.take(key, perMinute)
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
