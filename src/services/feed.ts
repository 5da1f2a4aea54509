import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { cursorExpired, isExpired } from '../errors.ts'
import type { Mark, Place, Store, StoreStatus, ToldEntry } from '../store/store.ts'
import { marksUpTo, withMark } from '../store/trail.ts'
import { type AlertPage, AlertPages, heardOf, nothing } from './alert-pages.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { type Given, gaveAhead, gaveSettled, type Heard, shortId } from './given.ts'
import { Audience, Inbox, MAX_WAITING } from './inbox.ts'
import { LogPlaces, persistently } from './log-places.ts'
import {
  type AlertMessage,
  type AlertSubscription,
  type Known,
  type Message,
  REMEMBERED,
  Reader,
  type Standing,
  type Told,
  toldOf,
} from './reader.ts'
import { Recent } from './recent.ts'
import { streamOf } from './stream.ts'

const RETRY_MS = 500
const END_PATIENCE_MS = 500
const START_PATIENCE_MS = 10_000
/** How many cursors of those who joined last are remembered. */
const GIVENS = 1_000
/** How often a reader that is ahead of the tail looks whether it has come. */
const LAG_MS = 10

/**
 * Tells subscribers of alert events, from the log: one tail for all of them, and reads of its own for one that catches up.
 * Where the log takes on another epoch, entries may come again under other indexes; alert events are known by their ids.
 */
export class AlertFeed {
  readonly #store: Store
  readonly #pages: AlertPages
  readonly #places: LogPlaces
  readonly #logger: Logger
  readonly #heartbeatMs: number
  readonly #audience = new Audience<Told>()
  readonly #closing = new AbortController()
  /** Behind the last entry that was told. */
  #at: Standing = { dataSetId: '', epoch: '', n: 0, settledEpoch: '' }
  /** Behind the last entry that was told with an index it keeps. */
  #settledAt: Place & Mark = { epoch: '', n: 0, chain: '' }
  /** What was told of the log. */
  #heard: Heard = { marks: [], steps: new Map(), ahead: new Map(), beyond: new Map() }
  /** How many entries were told. */
  #tellings = 0
  /** Which alert events were told, by their ids. */
  readonly #told = new Recent<string, Known>(REMEMBERED)
  /** What those who joined last had been given by then, by its cursor. */
  readonly #givens = new Recent<string, Given>(GIVENS)
  /** How often the log has gone back: what began before that can't go on. */
  #restorations = 0
  /** The feed is going to another place of the log without telling what is between: nobody may join it where it was. */
  #isMoving = false
  #tail: Promise<void> | undefined

  constructor({ store, logger, clock, heartbeatMs = 15_000 }: { store: Store; logger: Logger; clock: () => number; heartbeatMs?: number }) {
    this.#store = store
    this.#pages = new AlertPages(store, logger, clock)
    this.#places = new LogPlaces(store, logger)
    this.#logger = logger
    this.#heartbeatMs = heartbeatMs
  }

  /** Begins to follow the log at its present end. */
  async start(): Promise<void> {
    await persistently(() => this.#goToEnd(), START_PATIENCE_MS)
    this.#tail = this.#follow()
  }

  /** What came after the cursor (without one: nothing of the past), then what comes. Rejects when the cursor can't be used. */
  async subscribe(asked: AlertSubscription): Promise<AsyncIterableIterator<AlertMessage>> {
    const restorations = this.#restorations
    const { present, ...end } = await persistently(() => this.#end(), END_PATIENCE_MS)
    const begin = asked.after == null ? end : await this.#places.begin(decodeCursor(present.dataSetId, asked.after), asked)
    const reader = new Reader({ minLevel: asked.minLevel, present, ...begin })

    const inbox = new Inbox<Told>(MAX_WAITING)
    const ready: Message[] = []
    let beat: NodeJS.Timeout | undefined
    let hasLeft = false
    let saidAt = performance.now()
    // Whoever is cut off again and again, and misses nothing that they want, gets on all the same.
    const sayHowFar = () => {
      if (performance.now() - saidAt < this.#heartbeatMs) return
      saidAt = performance.now()
      asked.onIdle?.(this.#cursorOf(reader.given))
    }
    // Nothing is begun before the first is asked for, so a subscription that nobody reads holds nothing.
    const next = async (): Promise<{ value: AlertMessage } | null> => {
      for (;;) {
        const first = ready.shift()
        if (first) return { value: this.#messageOf(first) }
        // Who has left while they caught up must not join: nobody would let go of them again.
        if (hasLeft || this.#closing.signal.aborted) return null
        if (beat) {
          const news = await inbox.take()
          if (!news) return null
          ready.push(...reader.take(news))
        } else if (restorations !== this.#restorations) throw cursorExpired()
        // Nothing is awaited after this look at the tail, so no entry falls between it and joining.
        else if (this.#isAtTail(reader.at)) beat = this.#join(inbox, reader, asked)
        else {
          ready.push(...(await this.#catchUp(reader)))
          if (ready.length === 0 && !hasLeft) sayHowFar()
        }
      }
    }
    return streamOf(next, () => {
      hasLeft = true
      clearInterval(beat)
      this.#audience.delete(inbox)
      inbox.end()
    })
  }

  /** Who listens now, and how many were ended since the start for reading too slowly. */
  get audience(): { size: number; ended: number } {
    const { size, ended } = this.#audience
    return { size, ended }
  }

  /** The cursor of somebody who has been given everything up to now. */
  async present(): Promise<string> {
    const { present, given } = await persistently(() => this.#end(), END_PATIENCE_MS)
    return encodeCursor(present.dataSetId, given)
  }

  /** Ends every subscription. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#audience.end()
    await this.#tail
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing
    let failing = false
    while (!signal.aborted) {
      try {
        if (failing) {
          await this.#places.present()
          failing = false
          this.#logger.info('the store answers again, and the alert feed goes on')
        }
        await this.#store.logGrown(this.#at, signal)
        if (!signal.aborted) await this.#advance()
      } catch (error) {
        if (signal.aborted) return
        if (!failing) this.#logger.warn({ err: error }, 'the store does not answer the alert feed, which tries again')
        failing = true
        if (isExpired(error)) {
          this.#restorations += 1
          this.#isMoving = true
          this.#audience.end(error)
          await this.#goToEnd().catch(noop)
          this.#isMoving = false
        }
        await setTimeout(RETRY_MS, undefined, { signal }).catch(noop)
      }
    }
  }

  async #advance(): Promise<void> {
    let isHeard = true
    const { epoch, entries, alerts } = await this.#pages.read(this.#at, this.#closing.signal, () => (isHeard = !this.#audience.isEmpty))
    // Somebody has begun to listen meanwhile.
    if (!isHeard && !this.#audience.isEmpty) return
    if (epoch !== this.#at.epoch) {
      // Goes on from where the log has forked from what was told.
      this.#at = await this.#places.standing({ ...this.#at, marks: this.#heard.marks })
      // Whoever joins it there has not been given what came after.
      this.#heard = { ...this.#heard, marks: marksUpTo(this.#at.n, this.#heard.marks) }
      return
    }
    for (const entry of entries) {
      const told = toldOf(entry, this.#at, { alerts, known: this.#known })
      this.#at = { ...this.#at, n: entry.n }
      if (entry.settled) {
        this.#settledAt = { epoch: this.#at.settledEpoch, n: entry.n, chain: entry.chain }
        if (told.length > 0 || entry === entries.at(-1)) this.#heard = { ...this.#heard, marks: withMark(this.#heard.marks, entry) }
      }
      for (const each of told) {
        this.#tellings += 1
        this.#remember(each)
        this.#audience.give({ ...each, marks: this.#heard.marks })
      }
    }
  }

  readonly #known = (id: string): Known | undefined => this.#told.get(id)

  #remember({ settledIn, origin, seq, alertEvents }: Told): void {
    for (const [ordinal, { event, known }] of alertEvents.entries()) {
      const step = { origin, seq, ordinal }
      const one = { ...step, isWhole: ordinal === alertEvents.length - 1 }
      this.#heard =
        settledIn === null ? gaveAhead(this.#heard, shortId(event.id), one, { isNew: known.toldAt === 0 }) : gaveSettled(this.#heard, one)
      const { settled, ahead } = known
      const at = settledIn === null ? { settled, ahead: ahead ?? step } : { settled: step, ahead }
      this.#told.set(event.id, { toldAt: this.#tellings, ...at })
    }
  }

  async #goToEnd(): Promise<void> {
    const { dataSetId, epoch, n, settled } = await this.#places.present()
    // What is not settled yet will come again, and so may what is, should the log go back; it is of the past all the same.
    const past = await this.#pages.between({ epoch, n: settled.n }, n)
    const before = await this.#pages.recent({ epoch, n: settled.n })
    const last = await this.#pages.markAt({ epoch, n: settled.n }).catch(nothing)
    for (const { id } of past) this.#told.set(id, { toldAt: this.#tellings, settled: null, ahead: null })
    const heard = heardOf(this.#heard, [...before, ...past])
    this.#heard = { ...heard, marks: last.reduce(withMark, heard.marks) }
    this.#at = { dataSetId, epoch, n, settledEpoch: settled.epoch }
    this.#settledAt = { chain: '', ...settled }
  }

  /** For one who wants nothing of the past. */
  async #end(): Promise<{ present: StoreStatus; at: Place; given: Given }> {
    // As of before the end of the log is looked up: what is told meanwhile is not of the past.
    const [told, heard] = [this.#at, this.#heard]
    const present = await this.#places.present()
    const { epoch, n, settled } = present
    const isThere = epoch === told.epoch
    const past = await this.#pages.between({ epoch, n: isThere ? told.n : settled.n }, n)
    const last = isThere ? [] : await this.#pages.markAt({ epoch, n: settled.n }).catch(nothing)
    const marks = isThere ? heard.marks : last.reduce(withMark, [])
    return { present, at: { epoch, n }, given: { upTo: settled, ...heardOf({ ...heard, marks }, past), due: [] } }
  }

  readonly #cursorOf = (given: Given): string => encodeCursor(this.#at.dataSetId, given)
  readonly #messageOf = ({ given, ...message }: Message): AlertMessage => ({ ...message, cursor: this.#cursorOf(given) })

  #isAtTail({ epoch, n }: Place): boolean {
    return !this.#isMoving && epoch === this.#at.epoch && n === this.#at.n
  }

  /** It hears what is told from now on; answers what tells it its cursor now and then, until that is cleared. */
  #join(inbox: Inbox<Told>, reader: Reader, { onIdle, onTooSlow }: AlertSubscription): NodeJS.Timeout {
    const cursor = this.#cursorOf(reader.given)
    const given = this.#givens.get(cursor) ?? reader.given
    this.#givens.set(cursor, given)
    this.#audience.add(inbox, onTooSlow)
    reader.listen(this.#tellings, given)
    const joinedAt = this.#settledAt
    const tellCursor = () => {
      // Before it joined more may have been told than it could read: Redis may have gone away with that.
      if (this.#settledAt !== joinedAt && this.#settledAt.epoch === this.#at.settledEpoch) reader.reach(this.#settledAt, this.#heard.marks)
      onIdle?.(this.#cursorOf(reader.given))
    }
    // Whoever is cut off before anything comes can go on from here, too.
    tellCursor()
    return setInterval(() => {
      if (inbox.isAwaited) tellCursor()
    }, this.#heartbeatMs)
  }

  /** What comes next for a reader that catches up, no further than was told to the others. Nothing: it has to wait for the tail. */
  async #catchUp(reader: Reader): Promise<Message[]> {
    if (reader.at.epoch !== this.#at.epoch) {
      const at = await this.#places.standing({ ...reader.at, marks: reader.given.marks })
      const present = await this.#places.standing({ ...reader.present, marks: [] })
      if (at.epoch === present.epoch) reader.goBackTo(at, present)
    }
    const tail = this.#at
    if (reader.at.epoch === tail.epoch && reader.at.n <= tail.n) {
      const told = (entry: ToldEntry, alerts: AlertPage['alerts']) => toldOf(entry, tail, { alerts, known: this.#known })
      const isWanted = (entry: ToldEntry) => told(entry, NONE).some((each) => reader.wants(each))
      const { epoch, entries, alerts } = await this.#pages.read(reader.at, this.#closing.signal, isWanted)
      if (epoch === tail.epoch) {
        const past = entries.filter(({ n }) => n <= tail.n)
        const messages = past.flatMap((entry) => told(entry, alerts)).flatMap((each) => reader.take(each))
        const settled = past.findLast((entry) => entry.settled)
        if (settled) reader.reach({ epoch: tail.settledEpoch, n: settled.n, chain: settled.chain })
        reader.goTo({ epoch, n: past.at(-1)?.n ?? reader.at.n })
        return messages
      }
    }
    await setTimeout(LAG_MS)
    return []
  }
}

const NONE: AlertPage['alerts'] = new Map()
const noop = (): void => {}
