import type { RiskAlert } from '../model.ts'
import { Recent } from './recent.ts'

const REMEMBERED = 100
/** As late as this, an alert as it is told need not be. */
const FRESH_MS = 250

/** Alerts as they are when an event of theirs is told: read once for all who are told at the same time. */
export class PresentAlerts {
  readonly #clock: () => number
  readonly #read = new Recent<string, { at: number; alert: Promise<RiskAlert | null> }>(REMEMBERED)

  constructor(clock: () => number) {
    this.#clock = clock
  }

  of(eventId: string, read: () => Promise<RiskAlert | null>): Promise<RiskAlert | null> {
    const known = this.#read.get(eventId)
    const now = this.#clock()
    if (known && Math.abs(now - known.at) < FRESH_MS) return known.alert
    const alert = read()
    this.#read.set(eventId, { at: now, alert })
    return alert
  }
}
