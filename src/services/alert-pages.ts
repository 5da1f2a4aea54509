import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { isExpired } from '../errors.ts'
import { type AlertEvent, type AlertTrigger, DAY_MS, type RiskAlert } from '../model.ts'
import type { Event, LogPage, Mark, Place, Store, ToldEntry } from '../store/store.ts'
import { covers, gaveAhead, gaveSettled, type Heard, type OneOf, shortId } from './given.ts'
import { farthest } from './log-places.ts'
import { REMEMBERED } from './reader.ts'
import { Recent } from './recent.ts'

/** Alerts are told away from Redis no faster than pages can be read, while many others wait for SQLite. */
const PAGE = 500
/** So many are asked for at a time: each may hold long texts. Others wait for Redis, too, and one is queued behind many for SQLite. */
const ALERTS = { REDIS: 50, SQLITE: 250 }
/** Where a server comes back so do all who listened to it, with much the same to read. */
const SHARED_PAGES = 32
const SHARED_MS = 1_000
/** So many of them are known to be of the past, where they are found within this time. */
const [RECENT, RECENT_MS] = [1_000, 1_000]
const RETRY_MS = 20
/** How long alerts are waited for that the log tells of and the store does not have. */
const PATIENCE_MS = 1_000

/** An alert event that is not told any more. */
export interface Past extends OneOf {
  id: string
  settled: boolean
  /** What comes before it in its origin is of the past from this event on; of what is older and ahead of the log, that is not known. */
  since: number
}

export interface AlertPage {
  epoch: string
  entries: readonly ToldEntry[]
  /** By their ids, as they are now; those that are not here were not wanted, or erased meanwhile. */
  alerts: ReadonlyMap<string, RiskAlert>
}

/**
 * Reads what the log tells together with the alerts that it tells of. Between the two Redis may go away, and SQLite not have yet what
 * Redis had told: then nothing of it is told, in an epoch that is over.
 */
export class AlertPages {
  readonly #store: Store
  readonly #logger: Logger
  readonly #clock: () => number
  /** What the log told lately, by where it was read from. */
  readonly #shared = new Recent<string, { page: Promise<LogPage<ToldEntry>>; until: number }>(SHARED_PAGES)

  constructor(store: Store, logger: Logger, clock: () => number) {
    this.#store = store
    this.#logger = logger
    this.#clock = clock
  }

  /**
   * The next entries after a place, with the alerts of those that are wanted; none where the epoch has changed meanwhile. Of what is older
   * than alerts are kept, those that are gone are not missed.
   */
  async read(after: Place, signal: AbortSignal, isWanted: (entry: ToldEntry) => boolean): Promise<AlertPage> {
    const until = performance.now() + PATIENCE_MS
    let keptSince: Promise<number | undefined> | undefined
    for (let page = await this.#told(after); ; page = await this.#store.told(after, PAGE)) {
      const wanted = page.entries.filter((entry) => entry.from && isWanted(entry))
      const alerts = await this.#alertsOf(wanted)
      const lacking = idsOf(wanted).filter((id) => !alerts.has(id))
      if (lacking.length === 0) return { ...page, alerts }
      const again = await this.#store.told(after, PAGE)
      if (again.epoch !== page.epoch) return { epoch: again.epoch, entries: [], alerts }
      // Of whoever is erased the log tells nothing any more.
      keptSince ??= this.#keptSince()
      const told = idsOf(again.entries, await keptSince)
      const untold = lacking.filter((id) => told.includes(id))
      if (untold.length > 0 && performance.now() < until && !signal.aborted) await setTimeout(RETRY_MS)
      else {
        if (untold.length > 0) await this.#standIn(after, untold, alerts)
        return { ...page, alerts }
      }
    }
  }

  /** The next entries after a place, which others may have read just now: in one epoch a full page stays as it is, but for what is erased. */
  #told(after: Place): Promise<LogPage<ToldEntry>> {
    const key = `${after.n} ${after.epoch}`
    const known = this.#shared.get(key)
    if (known && performance.now() < known.until) return known.page
    const page = this.#store.told(after, PAGE)
    this.#shared.set(key, { page, until: performance.now() + SHARED_MS })
    const forget = () => {
      if (this.#shared.get(key)?.page === page) this.#shared.delete(key)
    }
    page.then(({ epoch, entries }) => {
      if (epoch !== after.epoch || entries.length < PAGE) forget()
    }, forget)
    return page
  }

  /** The alert events after a place, up to an index of the same epoch, and what brought them about; the newest of them, if there are very many. */
  async between({ epoch, n: after }: Place, end: number): Promise<Past[]> {
    const found: Past[] = []
    const first = new Map<string, number>()
    const begin = Math.max(after, end - REMEMBERED)
    for (let at = begin; at < end; ) {
      const page = await this.#store.told({ epoch, n: at }, PAGE)
      const entries = page.epoch === epoch ? page.entries : []
      for (const { n, settled, chain, from, alertEvents } of entries) {
        if (!from || n > end) continue
        const { seq } = from
        const origin = shortId(from.origin)
        if (!first.has(origin)) first.set(origin, begin === after ? seq : 0)
        const one = { settled, origin, seq, since: first.get(origin) ?? 0, mark: settled ? { n, chain } : undefined }
        for (const [ordinal, { id }] of alertEvents.entries())
          found.push({ ...one, id, ordinal, isWhole: ordinal === alertEvents.length - 1 })
      }
      at = entries.at(-1)?.n ?? end
    }
    return found
  }

  /** The newest alert events up to a settled place, should the log go back: as far as it reaches, and they are soon found. */
  async recent(end: Place): Promise<readonly Past[]> {
    const until = performance.now() + RECENT_MS
    const { n: begin } = await farthest(this.#store, end, REMEMBERED)
    let found: Past[] = []
    for (let at = end.n; at > begin && found.length < RECENT && performance.now() < until; ) {
      const from = Math.max(begin, at - PAGE)
      // The log may have been trimmed since.
      const page = await this.between({ epoch: end.epoch, n: from }, at).catch(nothing)
      found = [...page, ...found]
      at = from
    }
    return found
  }

  /** The entry at a settled place, where the log tells it. */
  async markAt({ epoch, n }: Place): Promise<Mark[]> {
    if (n === 0) return []
    const { entries } = await this.#store.told({ epoch, n: n - 1 }, 1)
    return entries.filter((entry) => entry.settled && entry.n === n)
  }

  /** Of what came before this time an alert may be gone, as the retention has it. */
  async #keptSince(): Promise<number | undefined> {
    const days = (await this.#store.policy())?.alertsDays ?? 0
    return days > 0 ? this.#clock() - days * DAY_MS : undefined
  }

  /** An alert that is not here while Redis is away is told of by what the log says: that is less, but nobody is missed. */
  async #standIn(after: Place, ids: readonly string[], alerts: Map<string, RiskAlert>): Promise<void> {
    this.#logger.warn({ alerts: ids.length }, 'the log tells of alerts that are not there: they are told with what it says')
    const { entries } = await this.#store.log(after, PAGE)
    for (const { n, event, alertEvents } of entries) {
      // What comes behind so much is not known here.
      const isCleared =
        entries.length >= PAGE ||
        entries.some((later) => later.n > n && later.event?.kind === 'cleared' && later.event.user === event?.user)
      for (const told of alertEvents) if (event && ids.includes(told.alertId)) alerts.set(told.alertId, standInOf(event, told, isCleared))
    }
  }

  async #alertsOf(entries: readonly ToldEntry[]): Promise<Map<string, RiskAlert>> {
    const ids = idsOf(entries)
    const alerts = new Map<string, RiskAlert>()
    const atOnce = ALERTS[this.#store.backend]
    for (let i = 0; i < ids.length; i += atOnce) {
      const requests = ids.slice(i, i + atOnce).map((alertId) => ({ kind: 'alert', alertId }) as const)
      const { answers } = await this.#store.read(requests, this.#clock())
      for (const alert of answers) if (alert) alerts.set(alert.id, alert)
    }
    return alerts
  }
}

/** Where the log does not reach so far back, there is nothing. */
export function nothing(error: unknown): never[] {
  if (isExpired(error)) return []
  throw error
}

/** What was heard, with what is of the past. What had come to nothing ahead of the log is not: in another order it may come to something. */
export const heardOf = (heard: Heard, past: readonly Past[]): Heard =>
  past.reduce((so, { id, settled, since, ...one }) => {
    const isNew = !covers(so.steps, one.origin, one)
    return settled ? gaveSettled(so, one) : gaveAhead(so, shortId(id), one, { isNew, since })
  }, heard)

const triggerOf = ({ occurredAt, payload: { query, response, riskLevel } }: Extract<Event, { kind: 'recorded' }>): AlertTrigger => ({
  ...{ occurredAt, query, response, riskLevel },
})

function standInOf(event: Event, { alertId, level, at }: AlertEvent, isCleared: boolean): RiskAlert {
  const { user, occurredAt } = event
  return {
    ...{ id: alertId, userId: user, level, status: 'OPEN', occurrences: 1, raisedAt: at, lastSeenAt: occurredAt, version: 1 },
    conversationId: event.kind === 'recorded' ? event.id : '',
    trigger: event.kind === 'recorded' && !event.payload.countsOnly && !isCleared ? triggerOf(event) : null,
    ...{ assignee: null, acknowledged: null, resolved: null, escalation: { since: at, step: 0, to: [], next: null } },
  }
}

/** The alerts that entries tell of, as far as they tell of what came after a time. */
const idsOf = (entries: readonly ToldEntry[], since = Number.NEGATIVE_INFINITY): string[] => [
  ...new Set(entries.flatMap(({ alertEvents }) => alertEvents.flatMap(({ alertId, at }) => (at > since ? [alertId] : [])))),
]
