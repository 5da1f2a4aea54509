import { type AlertEvent, type RiskLevel, riskRank } from '../model.ts'
import type { Place, ToldEntry } from '../store/store.ts'
import { type Given, MAX_BEYOND, type Position, shortId } from './cursor.ts'
import { Recent } from './recent.ts'

/** How many ids of alert events are remembered to tell repeats by. */
export const REMEMBERED = 10_000

/** A place in the log as it is now. */
export interface Standing extends Place {
  /** Of the indexes of settled entries, as every instance knows it. */
  settledEpoch: string
}

/** An entry of the log, as far as subscribers may hear of it: never anybody's words. */
export interface Told extends Place {
  /** An epoch in which every instance knows it by the same index; null while it has none of its own yet. */
  settledIn: string | null
  /** `toldAt`: the count of tellings when whoever listened then heard of it already; 0: never before. `settledAt`: where it is settled, as far as the feed knows, though not here. */
  alertEvents: readonly { event: AlertEvent; toldAt: number; settledAt: Position | null }[]
}

/** An entry as it is told; `known` is what was told before. */
export function toldOf(
  { n, settled, alertEvents }: ToldEntry,
  { epoch, settledEpoch }: Standing,
  known: (id: string) => { position: Position | null; telling: number } | undefined,
): Told {
  const events = alertEvents.map((event) => {
    const { telling = 0, position = null } = known(event.id) ?? {}
    return { event, toldAt: telling, settledAt: settled ? null : position }
  })
  return { epoch, n, settledIn: settled ? settledEpoch : null, alertEvents: events }
}

/** Alert events that were told, but whose entries the log has lost, so that they will come again elsewhere. */
export interface Lost {
  lost: readonly string[]
}

export interface AlertMessage {
  /** Subscribing with `after: cursor` goes on behind this message. */
  cursor: string
  /** It happened before the subscription began. */
  replayed: boolean
  event: AlertEvent
}

export interface AlertSubscription {
  after?: string | null | undefined
  minLevel: RiskLevel
  /** Called now and then while nothing comes, with the cursor of whoever was given all that came up to then. */
  onIdle?: ((cursor: string) => void) | undefined
  /** Called when it is ended because too much waits for it. */
  onTooSlow?: (() => void) | undefined
}

export interface Message {
  given: Given
  /** It happened before the reading began. */
  replayed: boolean
  event: AlertEvent
}

export const isAfter = (a: Omit<Position, 'epoch'>, b: Omit<Position, 'epoch'>): boolean =>
  a.n > b.n || (a.n === b.n && a.ordinal > b.ordinal)

/** What one subscriber has been given of the log, and what of the next entry it is to be given. */
export class Reader {
  readonly #minLevel: RiskLevel
  #at: Place
  /** The end of the log when the reading began. */
  #present: Place
  #upTo: Position
  readonly #beyond = new Recent<string, true>(MAX_BEYOND)
  /** The count of tellings when this reader began to listen. */
  #listensSince = Number.POSITIVE_INFINITY
  /** Given while catching up, of which the feed may know nothing. */
  readonly #caughtUp = new Recent<string, true>(REMEMBERED)

  constructor(options: { minLevel: RiskLevel; at: Place; present: Place; given: Given }) {
    this.#minLevel = options.minLevel
    this.#at = options.at
    this.#present = options.present
    this.#upTo = options.given.upTo
    for (const id of options.given.beyond) this.#beyond.set(id, true)
  }

  /** Behind the entry that was read last. */
  get at(): Place {
    return this.#at
  }

  get present(): Place {
    return this.#present
  }

  /** The log has another epoch, in which these are its places. */
  goTo(at: Place, present: Place): void {
    this.#at = at
    this.#present = present
  }

  /** From now on it hears all that is told. */
  listen(tellings: number): void {
    this.#listensSince = tellings
  }

  /** What it has been given when it has taken all that was told up to a position; `settledEpoch`: the present one. */
  upTo(position: Position, settledEpoch: string): Given {
    // One of an epoch that is over says less than what it may have begun behind.
    if (position.epoch === settledEpoch && !this.#covers(position)) this.#upTo = position
    return { upTo: this.#upTo, beyond: this.#beyond.keys() }
  }

  /** Reads an entry on the way to the present. */
  catchUp(told: Told): Message[] {
    const messages = this.take(told)
    for (const { event } of messages) this.#caughtUp.set(shortId(event.id), true)
    this.#at = { epoch: told.epoch, n: told.n }
    return messages
  }

  take(told: Told | Lost): Message[] {
    if ('lost' in told) {
      for (const id of told.lost) this.#beyond.set(shortId(id), true)
      return []
    }
    const { epoch, n, settledIn } = told
    const replayed = epoch === this.#present.epoch && n <= this.#present.n
    return told.alertEvents.flatMap(({ event, toldAt, settledAt }, ordinal) => {
      const isGiven = this.#settle(event.id, settledIn === null ? null : { epoch: settledIn, n, ordinal })
      const isCovered = settledAt !== null && this.#covers(settledAt)
      if (isGiven || isCovered || toldAt > this.#listensSince || riskRank(event.level) < riskRank(this.#minLevel)) return []
      if (settledIn === null) this.#beyond.set(shortId(event.id), true)
      return { given: { upTo: this.#upTo, beyond: this.#beyond.keys() }, replayed, event }
    })
  }

  /** Takes note of where an alert event is settled, if it is. Answers whether it had been given before. */
  #settle(id: string, position: Position | null): boolean {
    const short = shortId(id)
    const isGiven = this.#beyond.has(short) || this.#caughtUp.has(short)
    if (!position) return isGiven
    this.#beyond.delete(short)
    if (this.#covers(position)) return true
    this.#upTo = position
    return isGiven
  }

  #covers(position: Position): boolean {
    return position.epoch === this.#upTo.epoch && !isAfter(position, this.#upTo)
  }
}
