import { type AlertEvent, type RiskAlert, type RiskLevel, riskRank } from '../model.ts'
import type { Place, ToldEntry } from '../store/store.ts'
import {
  covers,
  coversAhead,
  type Given,
  gaveAhead,
  gaveSettled,
  type Heard,
  isPast,
  MAX_DUE,
  type Source,
  type Step,
  shortId,
} from './cursor.ts'
import { Recent } from './recent.ts'

/** How many ids of alert events are remembered to tell repeats by. */
export const REMEMBERED = 10_000

/** A place in the log as it is now. */
export interface Standing extends Place {
  /** Of the indexes of settled entries, as every instance knows it. */
  settledEpoch: string
}

/** An entry of the log that tells something, as far as subscribers may hear of it: never anybody's words. */
export interface Told extends Place {
  /** An epoch in which every instance knows it by the same index; null while it has none of its own yet. */
  settledIn: string | null
  /** In short. */
  origin: string
  seq: number
  /** An alert is null where it was erased meanwhile, or nobody listens. */
  alertEvents: readonly { event: AlertEvent; alert: RiskAlert | null; known: Known }[]
}

/** What is known of an alert event from before. */
export interface Known {
  /** The count of tellings when whoever listened then heard of it; 0: never. */
  toldAt: number
  /** Where the log has it: another instance may have recorded the same. */
  settled: (Source & Step) | null
}

export const UNKNOWN: Known = { toldAt: 0, settled: null }

/** An entry as it is told, if it tells something. */
export function toldOf(
  { n, settled, from, alertEvents }: ToldEntry,
  standing: Standing,
  of: { alerts: ReadonlyMap<string, RiskAlert>; known: (id: string) => Known | undefined },
): Told[] {
  if (!from) return []
  const { epoch, settledEpoch } = standing
  const events = alertEvents.map((event) => ({ event, alert: of.alerts.get(event.alertId) ?? null, known: of.known(event.id) ?? UNKNOWN }))
  return [{ epoch, n, settledIn: settled ? settledEpoch : null, origin: shortId(from.origin), seq: from.seq, alertEvents: events }]
}

export interface AlertMessage {
  /** Subscribing with `after: cursor` goes on behind this message. */
  cursor: string
  /** It happened before the subscription began. */
  replayed: boolean
  event: AlertEvent
  /** As it was when the event was told. */
  alert: RiskAlert
}

export interface AlertSubscription {
  after?: string | null | undefined
  minLevel: RiskLevel
  /** Called at the beginning, once what was missed is given, and now and then while nothing comes, with the cursor of whoever was given all that came up to then. */
  onIdle?: ((cursor: string) => void) | undefined
  /** Called when it is ended because too much waits for it. */
  onTooSlow?: (() => void) | undefined
}

export interface Message {
  given: Given
  /** It happened before the reading began. */
  replayed: boolean
  event: AlertEvent
  alert: RiskAlert
}

/** What one subscriber has been given of the log, and what of the next entry it is to be given. */
export class Reader {
  readonly #minLevel: RiskLevel
  #at: Place
  /** The end of the log when the reading began. */
  #present: Place
  #upTo: Place
  #heard: Heard
  /** What was given before it began to listen. Of what came since, the feed knows more: what an event brought about may be another thing where it comes again. */
  #before: Heard | null = null
  readonly #due = new Recent<string, true>(MAX_DUE)
  /** The count of tellings when this reader began to listen. */
  #listensSince = Number.POSITIVE_INFINITY

  constructor(options: { minLevel: RiskLevel; at: Place; present: Place; given: Given }) {
    this.#minLevel = options.minLevel
    this.#at = options.at
    this.#present = options.present
    this.#upTo = options.given.upTo
    const { steps, ahead, beyond, due } = options.given
    this.#heard = { steps, ahead, beyond }
    for (const id of due) this.#due.set(id, true)
  }

  /** Behind the entry that was read last. */
  get at(): Place {
    return this.#at
  }

  get present(): Place {
    return this.#present
  }

  /** What it has been given so far. */
  get given(): Given {
    return { upTo: this.#upTo, ...this.#heard, due: this.#due.keys() }
  }

  /** Goes on, on the way to the present: the log is read up to there, or has another epoch, in which these are its places. */
  goTo(at: Place, present = this.#present): void {
    this.#at = at
    this.#present = present
  }

  /** From now on it hears all that is told. */
  listen(tellings: number): void {
    this.#before = this.#heard
    this.#listensSince = tellings
  }

  /** It has taken all that is told up to a place of the log, settled in the present epoch. */
  reach(place: Place): void {
    if (place.epoch !== this.#upTo.epoch || place.n > this.#upTo.n) this.#upTo = place
  }

  /** Whether any of it is to be given. */
  wants({ origin, seq, settledIn, alertEvents }: Told): boolean {
    return alertEvents.some((each, ordinal) => this.#isWanted(each, origin, { seq, ordinal }, settledIn !== null))
  }

  take(told: Told): Message[] {
    const { epoch, n, settledIn, origin, seq, alertEvents } = told
    const replayed = epoch === this.#present.epoch && n <= this.#present.n
    return alertEvents.flatMap((each, ordinal): Message[] => {
      const { event, alert } = each
      const short = shortId(event.id)
      const step = { seq, ordinal }
      const isWhole = ordinal === alertEvents.length - 1
      const isWanted = this.#isWanted(each, origin, step, settledIn !== null)
      if (isWanted && (event.kind === 'ESCALATED' || event.kind === 'LAPSED')) this.#due.set(short, true)
      if (settledIn !== null) {
        this.#heard = gaveSettled(this.#heard, { origin, ...step, isWhole })
        this.reach({ epoch: settledIn, n: isWhole ? n : n - 1 })
      } else {
        this.#heard = gaveAhead(this.#heard, short, { origin, ...step, isWhole }, isWanted)
      }
      return isWanted && alert ? [{ given: this.given, replayed, event, alert }] : []
    })
  }

  #isWanted({ event, known }: Told['alertEvents'][number], origin: string, step: Step, settled: boolean): boolean {
    if (known.toldAt > this.#listensSince || riskRank(event.level) < riskRank(this.#minLevel)) return false
    const before = this.#before ?? this.#heard
    const isElsewhere = known.settled !== null && covers(before.steps, known.settled.origin, known.settled)
    // An instance that tells it ahead of the log may not know yet what the log says of it, which the reader was told.
    const isGiven = settled ? covers(before.steps, origin, step) : isPast(before.steps, origin, step)
    const isCovered = isGiven || coversAhead(before, origin, step, settled) || isElsewhere
    const short = shortId(event.id)
    return !isCovered && !this.#heard.beyond.has(short) && !before.beyond.has(short) && !this.#due.has(short)
  }
}
