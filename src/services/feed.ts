import { setTimeout } from 'node:timers/promises'
import { Repeater } from '@repeaterjs/repeater'
import type { Logger } from 'pino'
import { cursorExpired, storeUnavailable, XinyiError } from '../errors.ts'
import { type AlertEvent, type RiskLevel, riskRank } from '../model.ts'
import type { LogEntry, Store } from '../store/store.ts'
import { decodeCursor, encodeCursor, type Position } from './cursor.ts'
import { Inbox } from './inbox.ts'

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
}

/** What subscribers need of a log entry: never anybody's words. */
type Told = Pick<LogEntry, 'n' | 'alertEvents'>

const PAGE = 100
const RETRY_MS = 500
/** How many entries with alert events wait for a subscriber that reads slowly before it is ended. */
const MAX_WAITING = 1_000

/** Tells subscribers of alert events, from the log: one tail for all of them, and reads of its own for one that catches up. */
export class AlertFeed {
  readonly #store: Store
  readonly #logger: Logger
  readonly #inboxes = new Set<Inbox<Told>>()
  readonly #closing = new AbortController()
  #dataSetId = ''
  /** Index of the last entry that was told. */
  #n = 0
  /** How often the log has gone back: what began before that can't go on. */
  #restorations = 0
  #tail: Promise<void> | undefined

  constructor(store: Store, logger: Logger) {
    this.#store = store
    this.#logger = logger
  }

  /** Begins to follow the log at its present end. */
  async start(): Promise<void> {
    await this.#goToEnd()
    this.#tail = this.#follow()
  }

  /** What came after the cursor (without one: nothing of the past), then what comes. Rejects when the cursor can't be used. */
  async subscribe({ after, minLevel }: AlertSubscription): Promise<AsyncIterableIterator<AlertMessage>> {
    const restorations = this.#restorations
    const { n: present } = await this.#end()
    let given = after == null ? endOf(present) : await this.#positionOf(after)
    const messagesOf = ({ n, alertEvents }: Told): AlertMessage[] =>
      alertEvents
        .map((event, ordinal) => ({ event, position: { n, ordinal } }))
        .filter(({ event, position }) => isAfter(position, given) && riskRank(event.level) >= riskRank(minLevel))
        .map(({ event, position }) => ({ cursor: encodeCursor(this.#dataSetId, position), replayed: n <= present, event }))

    // The executor runs from the first next() on, so a subscription that nobody reads holds nothing.
    return new Repeater<AlertMessage>(async (push, stop) => {
      const inbox = new Inbox<Told>(MAX_WAITING)
      const ended = () => inbox.ended || this.#closing.signal.aborted
      const tell = async (entry: Told): Promise<void> => {
        for (const message of messagesOf(entry)) if (!ended()) await push(message)
        // The tail may lag behind the place where the subscription began.
        if (isAfter(endOf(entry.n), given)) given = endOf(entry.n)
      }
      stop.then(() => inbox.end())
      try {
        while (unreadAfter(given) < this.#n && !ended()) for (const entry of await this.#page(unreadAfter(given))) await tell(entry)
        if (ended()) return
        if (restorations !== this.#restorations) throw cursorExpired()
        // Nothing was awaited since that last look at the tail, so no entry falls between it and joining.
        this.#inboxes.add(inbox)
        for (let entry = await inbox.take(); entry; entry = await inbox.take()) await tell(entry)
      } finally {
        this.#inboxes.delete(inbox)
        stop()
      }
    })
  }

  /** Ends every subscription. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#endAll()
    await this.#tail
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing
    let failing = false
    while (!signal.aborted) {
      try {
        if (failing) {
          await this.#end()
          failing = false
          this.#logger.info('the store answers again, and the alert feed goes on')
        }
        await this.#store.logGrown(this.#n, signal)
        if (!signal.aborted) for (const entry of await this.#store.log(this.#n, PAGE)) this.#tell(entry)
      } catch (error) {
        if (signal.aborted) return
        if (!failing) this.#logger.warn({ err: error }, 'the store does not answer the alert feed, which tries again')
        failing = true
        if (error instanceof XinyiError && error.code === 'CURSOR_EXPIRED') {
          this.#restorations += 1
          this.#endAll(error)
          await this.#goToEnd().catch(noop)
        }
        await setTimeout(RETRY_MS, undefined, { signal }).catch(noop)
      }
    }
  }

  #tell({ n, alertEvents }: LogEntry): void {
    this.#n = n
    if (alertEvents.length === 0) return
    for (const inbox of this.#inboxes) if (!inbox.give({ n, alertEvents })) inbox.end(tooSlow())
  }

  #endAll(error?: Error): void {
    for (const inbox of this.#inboxes) inbox.end(error)
  }

  async #goToEnd(): Promise<void> {
    const { dataSetId, n } = await this.#end()
    this.#dataSetId = dataSetId
    this.#n = n
  }

  /** The newest entry of the log, which may be one that was not told yet. */
  async #end(): Promise<{ dataSetId: string; n: number }> {
    const { dataSetId, n, redis } = await this.#store.status()
    if (redis && !redis.reachable) throw storeUnavailable()
    return { dataSetId, n }
  }

  async #positionOf(cursor: string): Promise<Position> {
    const position = decodeCursor(this.#dataSetId, cursor)
    const [entry] = await this.#store.log(position.n - 1, 1)
    if (entry?.n !== position.n) throw cursorExpired('after')
    return position
  }

  async #page(after: number): Promise<LogEntry[]> {
    const entries = await this.#store.log(after, PAGE)
    if (entries.length === 0) throw cursorExpired('after')
    return entries
  }
}

/** Behind everything in an entry. */
const endOf = (n: number): Position => ({ n, ordinal: Number.POSITIVE_INFINITY })
/** The index after which there may be something unread: an entry may be read in part. */
const unreadAfter = ({ n, ordinal }: Position): number => (ordinal === Number.POSITIVE_INFINITY ? n : n - 1)
const isAfter = (a: Position, b: Position): boolean => a.n > b.n || (a.n === b.n && a.ordinal > b.ordinal)
const noop = (): void => {}

const tooSlow = (): XinyiError =>
  new XinyiError(
    'RATE_LIMITED',
    `This subscription was ended because it had not read its last ${MAX_WAITING} messages.`,
    'Subscribe again with the cursor of the last message that arrived.',
  )
