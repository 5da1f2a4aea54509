import { setTimeout } from 'node:timers/promises'
import { Repeater } from '@repeaterjs/repeater'
import type { Logger } from 'pino'
import { cursorExpired, storeUnavailable, XinyiError } from '../errors.ts'
import type { Place, Store, StoreStatus } from '../store/store.ts'
import { decodeCursor, END, encodeCursor, type Given, type Position, shortId } from './cursor.ts'
import { Audience, Inbox, MAX_WAITING } from './inbox.ts'
import {
  type AlertMessage,
  type AlertSubscription,
  isAfter,
  type Lost,
  REMEMBERED,
  Reader,
  type Standing,
  type Told,
  toldOf,
} from './reader.ts'
import { Recent } from './recent.ts'

const PAGE = 100
const RETRY_MS = 500
/** How often a reader that is ahead of the tail looks whether it has come. */
const LAG_MS = 10
/** How often the log may change its epoch while a place in it is looked for. */
const MAX_TRIES = 50
/** How long a subscription waits for Redis where its cursor can't be placed without. */
const PATIENCE_MS = 3_000

/**
 * Tells subscribers of alert events, from the log: one tail for all of them, and reads of its own for one that catches up.
 * Where the log takes on another epoch, entries may come again under other indexes; alert events are known by their ids.
 */
export class AlertFeed {
  readonly #store: Store
  readonly #logger: Logger
  readonly #heartbeatMs: number
  readonly #audience = new Audience<Told | Lost>()
  readonly #closing = new AbortController()
  /** Behind the last entry that was told. */
  #at: Standing = { epoch: '', n: 0, settledEpoch: '' }
  /** Behind the last entry that was told with an index it keeps. */
  #settledAt: Position = { epoch: '', n: 0, ordinal: END }
  /** How many entries were told. */
  #tellings = 0
  /** Which alert events were told; as which telling, the last time; and where they are settled (null: nowhere yet). */
  readonly #told = new Recent<string, { position: Position | null; telling: number }>(REMEMBERED)
  /** Where alert events had been settled whose entries the log has lost. */
  readonly #lost = new Recent<string, Position>(REMEMBERED)
  /** How often the log has gone back: what began before that can't go on. */
  #restorations = 0
  #tail: Promise<void> | undefined

  constructor(store: Store, logger: Logger, heartbeatMs = 15_000) {
    this.#store = store
    this.#logger = logger
    this.#heartbeatMs = heartbeatMs
  }

  /** Begins to follow the log at its present end. */
  async start(): Promise<void> {
    await this.#goToEnd()
    this.#tail = this.#follow()
  }

  /** What came after the cursor (without one: nothing of the past), then what comes. Rejects when the cursor can't be used. */
  async subscribe(asked: AlertSubscription): Promise<AsyncIterableIterator<AlertMessage>> {
    const restorations = this.#restorations
    const present = await this.#present()
    const begin =
      asked.after == null
        ? await this.#beginAt(present)
        : await this.#goBackTo(decodeCursor(present.dataSetId, asked.after), AbortSignal.timeout(PATIENCE_MS))
    const reader = new Reader({ minLevel: asked.minLevel, present, ...begin })

    // The executor runs from the first next() on, so a subscription that nobody reads holds nothing.
    return new Repeater<AlertMessage>(async (push, stop) => {
      const inbox = new Inbox<Told | Lost>(MAX_WAITING)
      const ended = () => inbox.ended || this.#closing.signal.aborted
      const give = async (messages: ReturnType<Reader['take']>): Promise<void> => {
        for (const { given, ...message } of messages)
          if (!ended()) await push({ cursor: encodeCursor(present.dataSetId, given), ...message })
      }
      let beat: NodeJS.Timeout | undefined
      stop.then(() => inbox.end())
      try {
        while (!ended()) {
          if (restorations !== this.#restorations) throw cursorExpired()
          if (this.#isAtTail(reader.at)) break
          for (const told of await this.#next(reader)) await give(reader.catchUp(told))
        }
        if (ended()) return
        // Nothing was awaited since that last look at the tail, so no entry falls between it and joining.
        this.#audience.add(inbox, asked.onTooSlow)
        reader.listen(this.#tellings)
        const isIdle = () => inbox.isAwaited
        beat = setInterval(
          () => isIdle() && asked.onIdle?.(encodeCursor(present.dataSetId, reader.upTo(this.#settledAt, this.#at.settledEpoch))),
          this.#heartbeatMs,
        )
        for (let news = await inbox.take(); news; news = await inbox.take()) await give(reader.take(news))
      } finally {
        clearInterval(beat)
        this.#audience.delete(inbox)
        stop()
      }
    })
  }

  /** The cursor of somebody who has been given everything up to now. */
  async present(): Promise<string> {
    const present = await this.#present()
    return encodeCursor(present.dataSetId, (await this.#beginAt(present)).given)
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
          await this.#present()
          failing = false
          this.#logger.info('the store answers again, and the alert feed goes on')
        }
        await this.#store.logGrown(this.#at, signal)
        if (!signal.aborted) await this.#advance()
      } catch (error) {
        if (signal.aborted) return
        if (!failing) this.#logger.warn({ err: error }, 'the store does not answer the alert feed, which tries again')
        failing = true
        if (error instanceof XinyiError && error.code === 'CURSOR_EXPIRED') {
          this.#restorations += 1
          this.#audience.end(error)
          await this.#goToEnd().catch(noop)
        }
        await setTimeout(RETRY_MS, undefined, { signal }).catch(noop)
      }
    }
  }

  async #advance(): Promise<void> {
    const { epoch, entries } = await this.#store.told(this.#at, PAGE)
    if (epoch !== this.#at.epoch) return this.#changeEpoch(await this.#standing(this.#at))
    for (const entry of entries) {
      const told = toldOf(entry, this.#at, (id) => this.#told.get(id))
      this.#at = { ...this.#at, n: entry.n }
      if (told.settledIn !== null) this.#settledAt = { epoch: told.settledIn, n: entry.n, ordinal: END }
      if (told.alertEvents.length === 0) continue
      this.#tellings += 1
      this.#remember(told)
      this.#audience.give(told)
    }
  }

  /** Goes on from where the log has forked from what was told. Of that, what had been settled behind the fork is so no more. */
  #changeEpoch(to: Standing): void {
    const isFork = to.settledEpoch !== this.#at.settledEpoch
    this.#at = to
    if (!isFork) return
    const lost: string[] = []
    for (const [id, { position, telling }] of this.#told.entries()) {
      const isLost = position !== null && position.n > to.n
      if (isLost) {
        lost.push(id)
        this.#lost.set(id, position)
      }
      this.#told.set(id, { position: isLost || !position ? null : { ...position, epoch: to.settledEpoch }, telling })
    }
    if (lost.length > 0) this.#audience.give({ lost })
  }

  #remember({ n, settledIn, alertEvents }: Told): void {
    for (const [ordinal, { event }] of alertEvents.entries()) {
      const position = settledIn === null ? (this.#told.get(event.id)?.position ?? null) : { epoch: settledIn, n, ordinal }
      this.#told.set(event.id, { position, telling: this.#tellings })
    }
  }

  async #goToEnd(): Promise<void> {
    const { epoch, n, settled } = await this.#present()
    // What is not settled yet will come again, and is of the past all the same.
    for (const id of await this.#idsBetween({ epoch, n: settled.n }, n)) this.#told.set(id, { position: null, telling: this.#tellings })
    this.#at = { epoch, n, settledEpoch: settled.epoch }
    this.#settledAt = { ...settled, ordinal: END }
  }

  /** The alert events after a place, up to an index of the same epoch; the newest of them, if there are very many. */
  async #idsBetween({ epoch, n }: Place, end: number): Promise<string[]> {
    const ids: string[] = []
    for (let at = Math.max(n, end - REMEMBERED); at < end; ) {
      const page = await this.#store.told({ epoch, n: at }, PAGE)
      const entries = page.epoch === epoch ? page.entries : []
      ids.push(...entries.flatMap(({ alertEvents }) => alertEvents.map(({ id }) => id)))
      at = entries.at(-1)?.n ?? end
    }
    return ids
  }

  /** How the log stands. Its newest entry may be one that was not told yet. */
  async #present(): Promise<StoreStatus> {
    const status = await this.#store.status()
    if (status.backend === 'REDIS' && !status.redis?.reachable) throw storeUnavailable()
    return status
  }

  /** Where a place is in the log as it is now: further back, if the log has forked before it. */
  async #standing({ epoch, n }: Place): Promise<Standing> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const present = await this.#present()
      const page = await this.#store.told({ epoch, n }, 1)
      // With nothing after the place, it is the end.
      const at = page.entries[0] ? page.entries[0].n - 1 : present.n
      if (page.epoch === present.epoch) return { epoch: page.epoch, n: at, settledEpoch: present.settled.epoch }
    }
    throw storeUnavailable(new Error('the log changes its epoch all the time'))
  }

  /** For one who wants nothing of the past. */
  async #beginAt({ epoch, n, settled }: StoreStatus): Promise<{ at: Place; given: Given }> {
    const told = this.#told.entries().flatMap(([id, { position }]) => (position ? [] : [id]))
    const from = epoch === this.#at.epoch ? Math.max(settled.n, this.#at.n) : settled.n
    const unsettled = [...told, ...(await this.#idsBetween({ epoch, n: from }, n))]
    // More may have been told than is here now that Redis is away.
    const isBehind = settled.epoch === this.#settledAt.epoch && settled.n < this.#settledAt.n
    const upTo = isBehind ? this.#settledAt : { ...settled, ordinal: END }
    return { at: { epoch, n }, given: { upTo, beyond: unsettled.map(shortId) } }
  }

  /** For one who has been given so much. What is not known away from Redis may be known when it is back. */
  async #goBackTo(given: Given, late: AbortSignal): Promise<{ at: Place; given: Given }> {
    const changed = this.#store.statusChanged(late)
    try {
      return await this.#findPlace(given)
    } catch (error) {
      if (!(error instanceof XinyiError && error.code === 'CURSOR_EXPIRED')) throw error
      const { mode } = await this.#store.status()
      if (mode === 'PRIMARY' || mode === 'EMBEDDED') return await this.#findPlace(given)
      if (late.aborted) throw storeUnavailable(error)
      await changed
      return await this.#goBackTo(given, late)
    }
  }

  async #findPlace({ upTo, beyond }: Given): Promise<{ at: Place; given: Given }> {
    try {
      const { settledEpoch, ...at } = await this.#standing(upTo)
      if (at.n < upTo.n) {
        const lost = this.#lost.entries().filter(([, position]) => position.epoch === upTo.epoch && !isAfter(position, upTo))
        return { at, given: { upTo, beyond: [...lost.map(([id]) => shortId(id)), ...beyond] } }
      }
      const same = { upTo: { ...upTo, epoch: settledEpoch }, beyond }
      if (upTo.ordinal === END) return { at, given: same }
      // The entry may have been read in part.
      const before = { ...at, n: at.n - 1 }
      await this.#store.told(before, 1)
      return { at: before, given: same }
    } catch (error) {
      throw error instanceof XinyiError && error.code === 'CURSOR_EXPIRED' ? cursorExpired('after') : error
    }
  }

  #isAtTail({ epoch, n }: Place): boolean {
    return epoch === this.#at.epoch && n === this.#at.n
  }

  /** What a reader that catches up reads next: no more than was told to the others. Nothing: it has to wait for the tail. */
  async #next(reader: Reader): Promise<Told[]> {
    if (reader.at.epoch !== this.#at.epoch) {
      const [at, present] = [await this.#standing(reader.at), await this.#standing(reader.present)]
      if (at.epoch === present.epoch) reader.goTo(at, present)
    }
    const tail = this.#at
    if (reader.at.epoch === tail.epoch && reader.at.n <= tail.n) {
      const { epoch, entries } = await this.#store.told(reader.at, PAGE)
      if (epoch === tail.epoch)
        return entries.filter(({ n }) => n <= tail.n).map((entry) => toldOf(entry, tail, (id) => this.#told.get(id)))
    }
    await setTimeout(LAG_MS)
    return []
  }
}

const noop = (): void => {}
