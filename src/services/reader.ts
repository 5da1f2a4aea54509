import { type AlertEvent, type RiskAlert, type RiskLevel, riskRank } from '../model.ts'
import { sourceIn } from '../store/rules.ts'
import type { Mark, Place, ToldEntry } from '../store/store.ts'
import { marksUpTo, withMark } from '../store/trail.ts'
import {
  covers,
  coversAhead,
  type Given,
  gaveAhead,
  gaveSettled,
  type Heard,
  isPast,
  MAX_BEYOND,
  MAX_DUE,
  type Source,
  type Step,
  shortId,
} from './given.ts'
import { Recent } from './recent.ts'

/** How many ids of alert events are remembered to tell repeats by. */
export const REMEMBERED = 10_000

/** A place in the log as it is now. */
export interface Standing extends Place {
  /** A server that has begun without Redis takes over that of the others. */
  dataSetId: string
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
  /** What it was before it got another origin. */
  former?: Source | undefined
  chain: string
  /** What whoever has been told all up to here has come past; absent where it is told to one alone. */
  marks?: readonly Mark[]
  /** An alert is null where it was erased meanwhile, or nobody listens. */
  alertEvents: readonly { event: AlertEvent; short: string; alert: RiskAlert | null; known: Known }[]
}

/** What is known of an alert event from before. */
export interface Known {
  /** The count of tellings when whoever listened then heard of it; 0: never. */
  toldAt: number
  /** Where the log has it: another instance may have recorded the same. */
  settled: (Source & Step) | null
  /** As what it was first told ahead of the log: its event may have got another origin since. */
  ahead: (Source & Step) | null
}

export const UNKNOWN: Known = { toldAt: 0, settled: null, ahead: null }

/** An entry as it is told, if it tells something. */
export function toldOf(
  { n, settled, chain, from, alertEvents }: ToldEntry,
  standing: Standing,
  of: { alerts: ReadonlyMap<string, RiskAlert>; known: (id: string) => Known | undefined },
): Told[] {
  if (!from) return []
  const { epoch, settledEpoch } = standing
  const events = alertEvents.map((event) => {
    return { event, short: shortId(event.id), alert: of.alerts.get(event.alertId) ?? null, known: of.known(event.id) ?? UNKNOWN }
  })
  const { origin, seq, formerly } = from
  const source = sourceIn(formerly ?? '')
  const former = source ? { origin: shortId(source.origin), seq: source.seq } : undefined
  return [{ epoch, n, settledIn: settled ? settledEpoch : null, origin: shortId(origin), seq, former, chain, alertEvents: events }]
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
  /** Where the cursor can't be placed in the log: what the log still tells is told, and may have been before, instead of CURSOR_EXPIRED. */
  atLeastOnce?: boolean | undefined
  /** Called at the beginning, once what was missed is given, and now and then while nothing comes, or is found of it, with the cursor of whoever was given all up to there. */
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

/** What readers who were given the same have been given after the same: worked out once for all of them, as long as it is of use. */
class Shared {
  readonly #after = new WeakMap<object, Map<Given, Given>>()

  after(cause: object, given: Given, work: () => Given): Given {
    const known = this.#after.get(cause) ?? new Map<Given, Given>()
    this.#after.set(cause, known)
    const after = known.get(given) ?? work()
    known.set(given, after)
    return after
  }
}

const reached = new Shared()
const [taken, passedOver] = [new Shared(), new Shared()]

/** What one subscriber has been given of the log, and what of the next entry it is to be given. */
export class Reader {
  readonly #minLevel: RiskLevel
  #at: Place
  /** The end of the log when the reading began. */
  #present: Place
  #given: Given
  /** What was given before it began to listen. Of what came since, the feed knows more: what an event brought about may be another thing where it comes again. */
  #before: Heard | null = null
  /** The count of tellings when this reader began to listen. */
  #listensSince = Number.POSITIVE_INFINITY
  /** What was told ahead of the log since, and left to the log to tell, by the ids of alert events in short; the newest of it. */
  readonly #left = new Recent<string, true>(MAX_BEYOND)

  constructor({ minLevel, at, present, given }: { minLevel: RiskLevel; at: Place; present: Place; given: Given }) {
    this.#minLevel = minLevel
    this.#at = at
    this.#present = present
    this.#given = given
  }

  /** Behind the entry that was read last. */
  get at(): Place {
    return this.#at
  }

  get present(): Place {
    return this.#present
  }

  /** What it has been given so far; the same object for all who were given the same, since they began to listen. */
  get given(): Given {
    return this.#given
  }

  /** Goes on, on the way to the present: the log is read up to there. */
  goTo(at: Place): void {
    this.#at = at
  }

  /** The log has another epoch, in which these are its places. */
  goBackTo({ settledEpoch, epoch, n }: Standing, present: Place): void {
    this.#at = { epoch, n }
    this.#present = present
    const { upTo, marks } = this.#given
    if (upTo.epoch !== settledEpoch) this.#given = { ...this.#given, marks: marksUpTo(n, marks) }
  }

  /** From now on it hears all that is told. `given`: what it has been given so far, as the others call it. */
  listen(tellings: number, given = this.#given): void {
    this.#before = this.#given
    this.#given = given
    this.#listensSince = tellings
  }

  /** It has taken all that is told up to a place of the log, settled in the present epoch; `marks`: those of all who have. */
  reach(place: Place & Mark, marks?: readonly Mark[]): void {
    const { epoch, n } = place
    const given = this.#given
    this.#given = reached.after(place, given, () => {
      const upTo = further(given.upTo, { epoch, n })
      const all = marks ? newer(given, epoch, marks) : withMark(given.marks, place)
      return upTo === given.upTo && all === given.marks ? given : { ...given, upTo, marks: all }
    })
  }

  /** Whether any of it is to be given. */
  wants(told: Told): boolean {
    return told.alertEvents.some((_, ordinal) => this.#isWanted(told, ordinal))
  }

  take(told: Told): Message[] {
    const { epoch, n, settledIn, origin, seq, alertEvents } = told
    const replayed = epoch === this.#present.epoch && n <= this.#present.n
    return alertEvents.flatMap((each, ordinal): Message[] => {
      const { event, alert } = each
      const isWanted = this.#isWanted(told, ordinal)
      if (isWanted) this.#left.delete(each.short)
      else if (settledIn === null) this.#leave(each, origin, { seq, ordinal })
      this.#given = (isWanted ? taken : passedOver).after(each, this.#given, () => afterOne(this.#given, told, ordinal, isWanted))
      return isWanted && alert ? [{ given: this.#given, replayed, event, alert }] : []
    })
  }

  #isWanted({ origin, seq, former, settledIn, alertEvents }: Told, ordinal: number): boolean {
    const { event, short, known } = alertEvents[ordinal] as Told['alertEvents'][number]
    const [settled, step] = [settledIn !== null, { seq, ordinal }]
    if ((known.toldAt > this.#listensSince && !this.#left.has(short)) || riskRank(event.level) < riskRank(this.#minLevel)) return false
    const before = this.#before ?? this.#given
    const isElsewhere = known.settled !== null && covers(before.steps, known.settled.origin, known.settled)
    // An instance that tells it ahead of the log may not know yet what the log says of it, which the reader was told.
    const isGiven = settled ? covers(before.steps, origin, step) : isPast(before.steps, origin, step)
    const { ahead } = known
    const wasAhead = ahead !== null && coversAhead(before, ahead.origin, ahead, true)
    const wasFormer = former !== undefined && gave(before, former, ordinal, settled)
    const isCovered = isGiven || coversAhead(before, origin, step, settled) || isElsewhere || wasAhead || wasFormer
    return !isCovered && !this.#given.beyond.has(short) && !before.beyond.has(short) && !this.#given.due.includes(short)
  }

  /** Notes what whoever listens is not told though others are: the log has come past it without telling it, and may yet tell it in another order. */
  #leave({ short, known }: Told['alertEvents'][number], origin: string, step: Step): void {
    const { steps } = this.#before ?? this.#given
    if (known.toldAt <= this.#listensSince && isPast(steps, origin, step) && !covers(steps, origin, step)) this.#left.set(short, true)
  }
}

const gave = (heard: Heard, { origin, seq }: Source, ordinal: number, settled: boolean): boolean =>
  covers(heard.steps, origin, { seq, ordinal }) || coversAhead(heard, origin, { seq, ordinal }, settled)

/** What was given, with one more alert event of what is told, which was wanted or not. */
function afterOne(given: Given, { n, settledIn, origin, seq, chain, marks, alertEvents }: Told, ordinal: number, isWanted: boolean): Given {
  const isWhole = ordinal === alertEvents.length - 1
  const one = { origin, seq, ordinal, isWhole }
  const { event, short } = alertEvents[ordinal] as Told['alertEvents'][number]
  const isDue = isWanted && (event.kind === 'ESCALATED' || event.kind === 'LAPSED')
  const due = isDue ? [...given.due.filter((id) => id !== short), short].slice(-MAX_DUE) : given.due
  if (settledIn === null) return { ...given, ...gaveAhead(given, short, one, { isNew: isWanted }), due }
  return {
    ...given,
    ...gaveSettled(given, { ...one, mark: { n, chain } }),
    ...(marks && { marks: newer(given, settledIn, isWhole ? marks : marksUpTo(n - 1, marks)) }),
    due,
    upTo: further(given.upTo, { epoch: settledIn, n: isWhole ? n : n - 1 }),
  }
}

/**
 * The marks of one who has been given all that is told, where those of the feed are these. It may have gone back since, as SQLite has less than
 * Redis had told; but where Redis has another log, theirs are of the one that was left.
 */
const newer = ({ upTo, marks }: Given, settledEpoch: string, feeds: readonly Mark[]): readonly Mark[] =>
  settledEpoch === upTo.epoch && (marks[0]?.n ?? 0) > (feeds[0]?.n ?? 0) ? marks : feeds

const further = (upTo: Place, place: Place): Place => (place.epoch !== upTo.epoch || place.n > upTo.n ? place : upTo)
