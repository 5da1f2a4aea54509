import { setTimeout } from 'node:timers/promises'
import type { RedisStore } from '../redis/store.ts'
import type { RemoteReplica } from '../sqlite/replica/remote.ts'
import type { LogEntry } from '../store.ts'
import { Changes } from './changes.ts'
import { Interrupted, Outdated } from './faults.ts'

const PAGE = 200
/** So many entries are taken over at a time, so that nothing waits long for the thread that does it. */
const STEP = 100
const RETRY_MS = 500
const GATHER_MS = 15

/** Follows the log of Redis, and keeps the replica up with it. */
export class Tail {
  readonly #primary: RedisStore
  readonly #replica: RemoteReplica
  readonly #stopped = new AbortController()
  readonly #changes = new Changes()
  /** Index of the newest entry that Redis is known to have. */
  #known: number
  /** Index of the newest entry that the replica has. */
  #taken: number
  readonly #erased: () => void
  readonly #trouble: (error: unknown) => void
  readonly #done: Promise<void>

  constructor(options: {
    primary: RedisStore
    replica: RemoteReplica
    n: number
    /** Someone's data has to go from the bytes of the file, too. */
    onErasure: () => void
    /** SQLite does not take what comes. */
    onTrouble: (error: unknown) => void
    onLost: (error: unknown) => void
  }) {
    this.#primary = options.primary
    this.#replica = options.replica
    this.#known = options.n
    this.#taken = options.n
    this.#erased = options.onErasure
    this.#trouble = options.onTrouble
    this.#done = this.#follow().catch((error: unknown) => {
      this.#stop()
      options.onLost(error)
    })
  }

  /** Ends it; resolves when nothing more comes to the replica. */
  stop(): Promise<void> {
    this.#stop()
    return this.#done
  }

  get taken(): number {
    return this.#taken
  }

  /** Waits until Redis has an entry after this index, or the signal aborts, or the tail has ended. */
  async grown(after: number, signal: AbortSignal): Promise<void> {
    while (this.#known <= after && !signal.aborted && !this.#stopped.signal.aborted) await this.#changes.next(signal)
  }

  /** Waits until the replica has entry n, but not longer than so; answers whether it has. */
  async reached(n: number, patienceMs: number): Promise<boolean> {
    const late = AbortSignal.any([AbortSignal.timeout(patienceMs), this.#stopped.signal])
    while (this.#taken < n && !late.aborted) await this.#changes.next(late)
    return this.#taken >= n
  }

  #stop(): void {
    this.#stopped.abort()
    this.#changes.announce()
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopped
    let next = this.#read(this.#taken, false)
    while (!signal.aborted) {
      const entries = await next
      // The next entries come while these are taken over.
      next = this.#read(entries.at(-1)?.n ?? this.#taken, entries.length === PAGE)
      next.catch(() => {})
      for (let i = 0; i < entries.length && !signal.aborted; i += STEP) await this.#take(entries.slice(i, i + STEP))
    }
  }

  /** Entries after index n: at once if there are more, else when there are some. */
  async #read(n: number, areMore: boolean): Promise<readonly LogEntry[]> {
    const { signal } = this.#stopped
    const place = { epoch: this.#primary.epoch, n }
    if (!areMore) {
      await this.#primary.logGrown(place, signal)
      if (signal.aborted) return []
      this.#hasUpTo(n + 1)
      // Nobody waits for the replica, and a hundred entries cost little more than one.
      await setTimeout(GATHER_MS, undefined, { signal }).catch(() => {})
    }
    const { epoch, entries } = await this.#primary.log(place, PAGE)
    if (epoch !== place.epoch) throw new Outdated('the log of Redis has forked')
    this.#hasUpTo(entries.at(-1)?.n ?? n)
    return entries
  }

  #hasUpTo(n: number): void {
    this.#known = Math.max(this.#known, n)
    this.#changes.announce()
  }

  async #take(entries: readonly LogEntry[]): Promise<void> {
    for (let tries = 0; !this.#stopped.signal.aborted; tries += 1) {
      try {
        const taken = await this.#replica.applyEntries(entries)
        this.#taken = entries[taken - 1]?.n ?? this.#taken
        this.#changes.announce()
        if (taken < entries.length) throw new Interrupted()
        if (entries.some(({ event }) => event?.kind === 'erased' || event?.kind === 'expired')) this.#erased()
        return
      } catch (error) {
        if (error instanceof Outdated) throw error
        // The disk has to be put right; Redis can't help it.
        if (tries === 0) this.#trouble(error)
        await setTimeout(RETRY_MS, undefined, { signal: this.#stopped.signal }).catch(() => {})
      }
    }
  }
}
