import { cursorExpired, isExpired } from '../../errors.ts'
import type { LogEntry, LogPage, Place, ToldEntry, Trail } from '../store.ts'
import { wordOf } from './faults.ts'
import type { Link } from './link.ts'
import type { Local } from './local.ts'
import type { RemoteReplica } from './replica.ts'
import type { Primary, State } from './state.ts'

type Indexed = Pick<LogEntry, 'n' | 'settled'>

interface ReadEntries<Entry extends Indexed> {
  there(state: Primary, place: Place): Promise<LogPage<Entry>>
  here(replica: RemoteReplica, n: number): Promise<Entry[]>
}

/** The log as it is here: Redis', or where that is away SQLite's, with what is applied ahead of it. */
export class JoinedLog {
  readonly #link: Link
  readonly #local: Local

  constructor(link: Link, local: Local) {
    this.#link = link
    this.#local = local
  }

  entries(after: Place, limit: number): Promise<LogPage<LogEntry>> {
    return this.#entries(after, {
      there: ({ primary }, place) => primary.log(place, limit),
      here: (replica, n) => replica.log(n, limit),
    })
  }

  told(after: Place, limit: number): Promise<LogPage<ToldEntry>> {
    return this.#entries(after, {
      there: async ({ primary, tail }, place) => {
        const known = place.epoch === primary.epoch ? tail.told(place.n, limit) : []
        if (known.length > 0) return { epoch: primary.epoch, entries: known }
        const page = await primary.told(place, limit)
        const newest = page.entries.at(-1)
        if (newest) tail.saw(newest)
        return page
      },
      here: (replica, n) => replica.told(n, limit),
    })
  }

  placeOf(trail: Trail): Promise<Place> {
    return this.#inOneEpoch(async (state, epoch) => {
      const { places } = this.#link
      const ns = trail.marks.map(({ n }) => n)
      const chains = await this.#chainsAt(state, ns)
      return epoch === places.epoch ? places.placeOf(trail, chains) : this.placeOf(trail)
    })
  }

  /** SQLite may reach further back than Redis. */
  async #chainsAt(state: State, ns: readonly number[]): Promise<(string | null)[]> {
    const there = state.mode === 'PRIMARY' ? await state.primary.chainAt(ns) : [null]
    const here = there.includes(null) ? await this.#local.replica.chainAt(ns) : []
    return ns.map((_, i) => there[i] ?? here[i] ?? null)
  }

  #entries<Entry extends Indexed>(after: Place, read: ReadEntries<Entry>): Promise<LogPage<Entry>> {
    return this.#inOneEpoch((state, epoch) => this.#page(state, { epoch, n: this.#link.places.indexOf(after) }, read))
  }

  /** Again, where what the indexes mean has changed meanwhile. */
  async #inOneEpoch<T>(work: (state: State, epoch: string) => Promise<T>): Promise<T> {
    const { state, places } = this.#link
    const { epoch } = places
    try {
      return await work(state, epoch)
    } catch (error) {
      if (state.mode === 'PRIMARY' && !isExpired(error)) this.#link.leave(state, wordOf(error))
      if (epoch !== places.epoch) return this.#inOneEpoch(work)
      throw error
    }
  }

  async #page<Entry extends Indexed>(state: State, { epoch, n }: Place, read: ReadEntries<Entry>): Promise<LogPage<Entry>> {
    if (state.mode === 'PRIMARY') {
      try {
        return await read.there(state, { epoch, n })
      } catch (error) {
        // Redis may have lost the beginning of its log (trimmed, or filled anew), and the replica not.
        if (!isExpired(error)) throw error
      }
    } else {
      await this.#local.whole()
    }
    const entries = await read.here(this.#local.replica, n)
    const { places } = this.#link
    if (epoch !== places.epoch) return this.#entries({ epoch, n }, read)
    if (state.mode === 'PRIMARY') {
      // What is applied ahead has its index only until it comes by the log, which may have given it to another.
      const ordered = entries.filter(({ settled }) => settled)
      if (ordered.length === 0) throw cursorExpired()
      return { epoch, entries: ordered }
    }
    // While an absence lasts, nothing that came in it is settled, though Redis may have been filled with it already.
    const last = places.settled(Number.MAX_SAFE_INTEGER).n
    return { epoch, entries: entries.map((entry) => ({ ...entry, settled: entry.settled && entry.n <= last })) }
  }

  async grown(after: Place, signal: AbortSignal): Promise<void> {
    const { places, changes } = this.#link
    places.indexOf(after)
    while (!signal.aborted && after.epoch === places.epoch) {
      const { state } = this.#link
      // In quiet times nothing changes for days: whoever waits no more must not be waited for.
      const stop = new AbortController()
      try {
        const turn = AbortSignal.any([signal, stop.signal])
        const change = changes.next(turn)
        const { entries } = await this.told(after, 1)
        if (entries.length > 0) return
        await Promise.race([state.mode === 'PRIMARY' ? state.tail.grown(after.n, turn) : change, change])
      } finally {
        stop.abort()
      }
    }
  }
}
