import { setTimeout } from 'node:timers/promises'
import { toldBy } from '../events.ts'
import type { RedisStore } from '../redis/store.ts'
import type { OwnEntry } from '../sqlite/replica/tail.ts'
import type { Event, LogEntry, Mark, ToldEntry } from '../store.ts'
import { Changes } from './changes.ts'
import { Interrupted, Outdated } from './faults.ts'
import type { RemoteReplica } from './replica.ts'

const PAGE = 200
/** So many entries are taken over at a time, so that nothing waits long for the thread that does it. */
const STEP = 100
const RETRY_MS = 500
/** After so long it is looked for news meanwhile. */
const LONG_MS = 50
/** Unless somebody waits for the replica: a hundred entries cost it little more than ten. */
const GATHER_MS = 15
/** The same for what is in the journal here already, and so would not be missing if Redis went away now. */
const GATHER_OWN_MS = 100
/** Entries that are handed in and wait to be taken over; beyond that they are read in their turn. */
const MAX_HANDED_IN = 2_000
const REMEMBERED_TOLD = 2_000

/** Follows the log of Redis, and keeps the replica up with it. What this instance had ordered itself is handed in, and need not be read. */
export class Tail {
  readonly #primary: RedisStore
  readonly #replica: RemoteReplica
  readonly #stopped = new AbortController()
  readonly #changes = new Changes()
  readonly #wanted = new Changes()
  #waiting = 0
  /** Index of the newest entry that Redis is known to have. */
  #known: number
  /** Index of the newest entry that the replica has. */
  #taken: number
  /** By index, ascending: what is handed in, beyond `taken`. */
  readonly #handedIn = new Map<number, LogEntry | OwnEntry>()
  /** By index: what the newest entries tell of alerts. */
  readonly #told = new Map<number, ToldEntry>()
  #newest: Mark | null = null
  /** Index of the newest removal that was read. */
  #removedAt = 0
  #growing: Promise<void> | undefined
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
    if (this.#taken >= n) return true
    const late = AbortSignal.any([AbortSignal.timeout(patienceMs), this.#stopped.signal])
    this.#waiting += 1
    this.#wanted.announce()
    while (this.#taken < n && !late.aborted) await this.#changes.next(late)
    this.#waiting -= 1
    return this.#taken >= n
  }

  #stop(): void {
    this.#stopped.abort()
    this.#changes.announce()
  }

  /** Entries of the journal that have just been ordered at this instance's request; null where only the log knows what became of one. */
  handIn(entries: readonly (LogEntry | null)[]): void {
    for (const entry of entries) {
      if (!entry) {
        // It may be an erasure: nothing of before it is told any more.
        this.#told.clear()
        continue
      }
      // The replica has journaled what it is about.
      const own = entry.event ? { ...entry, event: 'journaled' as const } : entry
      if (entry.n > this.#taken && this.#handedIn.size < MAX_HANDED_IN) this.#handedIn.set(entry.n, own)
      this.#remember(entry)
      this.#hasUpTo(entry.n)
    }
  }

  /** Redis has told somebody here of this entry. */
  saw({ n, chain }: Mark): void {
    if (n > this.#known) this.#hasUpTo(n)
    if (chain !== '' && n > (this.#newest?.n ?? 0)) this.#newest = { n, chain }
  }

  /** The newest entry that it has told of here, as far as that is known. */
  get newest(): Mark | null {
    return this.#newest
  }

  /** What the next entries after index n tell of alerts, at most so many, as far as that is at hand. */
  told(n: number, limit: number): ToldEntry[] {
    const found: ToldEntry[] = []
    for (let next = this.#told.get(n + 1); next && found.length < limit; next = this.#told.get(next.n + 1)) found.push(next)
    return found
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopped
    let page: Promise<readonly LogEntry[]> | undefined
    while (!signal.aborted) {
      if (!page) await this.#news()
      const ours = page ? [] : this.#nextHandedIn()
      const entries = ours.length > 0 || signal.aborted ? ours : await (page ?? this.#read(this.#taken))
      // The next entries come while these are taken over.
      page = ours.length === 0 && entries.length === PAGE ? this.#read(this.#taken + PAGE) : undefined
      page?.catch(() => {})
      for (let i = 0; i < entries.length && !signal.aborted; i += STEP) await this.#take(entries.slice(i, i + STEP))
    }
  }

  /** Waits until there is something to be taken over. */
  async #news(): Promise<void> {
    const { signal } = this.#stopped
    while (this.#known <= this.#taken && !signal.aborted) await Promise.race([this.#changes.next(signal), this.#grown()])
    if (this.#known - this.#taken < STEP && this.#waiting === 0) await this.#gather()
  }

  async #gather(): Promise<void> {
    const end = performance.now() + GATHER_OWN_MS
    do {
      const over = new AbortController()
      const signal = AbortSignal.any([this.#stopped.signal, over.signal])
      await Promise.race([setTimeout(GATHER_MS, undefined, { signal }).catch(() => {}), this.#wanted.next(signal)])
      over.abort()
    } while (this.#isOwn && this.#waiting === 0 && performance.now() < end && !this.#stopped.signal.aborted)
  }

  /** Whether all that is to be taken over was written here, and is less than a step. */
  get #isOwn(): boolean {
    const count = this.#known - this.#taken
    return count < STEP && count === this.#handedIn.size
  }

  /** Redis has more than is known. */
  #grown(): Promise<void> {
    const n = this.#known
    this.#growing ??= this.#primary
      .logGrown({ epoch: this.#primary.epoch, n }, this.#stopped.signal)
      .then(() => {
        if (!this.#stopped.signal.aborted) this.#hasUpTo(n + 1)
      })
      .finally(() => {
        this.#growing = undefined
      })
    return this.#growing
  }

  /** What follows at once on what is taken, of what is handed in. */
  #nextHandedIn(): (LogEntry | OwnEntry)[] {
    const found: (LogEntry | OwnEntry)[] = []
    for (let n = this.#taken + 1; found.length < PAGE; n += 1) {
      const entry = this.#handedIn.get(n)
      if (!entry) break
      found.push(entry)
    }
    return found
  }

  /** Entries after index n, as far as they are not handed in. */
  async #read(n: number): Promise<readonly LogEntry[]> {
    const place = { epoch: this.#primary.epoch, n }
    const [first = Number.POSITIVE_INFINITY] = this.#handedIn.keys()
    const { epoch, entries } = await this.#primary.log(place, Math.min(PAGE, Math.max(1, first - n - 1)))
    if (epoch !== place.epoch) throw new Outdated('the log of Redis has forked')
    for (const entry of entries) this.#remember(entry)
    this.#hasUpTo(entries.at(-1)?.n ?? n)
    return entries
  }

  #remember(entry: LogEntry): void {
    this.saw(entry)
    if (entry.event && isRemoval(entry.event)) {
      this.#told.clear()
      this.#removedAt = Math.max(this.#removedAt, entry.n)
    }
    // What is handed in only now may be of somebody who is gone since.
    if (entry.n < this.#removedAt) return
    this.#told.set(entry.n, toldBy(entry))
    for (const n of this.#told.keys()) {
      if (this.#told.size <= REMEMBERED_TOLD) break
      this.#told.delete(n)
    }
  }

  #hasUpTo(n: number): void {
    this.#known = Math.max(this.#known, n)
    this.#changes.announce()
  }

  async #take(entries: readonly (LogEntry | OwnEntry)[]): Promise<void> {
    for (let tries = 0; !this.#stopped.signal.aborted; tries += 1) {
      try {
        const taken = await this.#watchingDuring(this.#replica.applyEntries(entries))
        this.#taken = entries[taken - 1]?.n ?? this.#taken
        for (const { n } of entries) this.#handedIn.delete(n)
        this.#changes.announce()
        if (taken < entries.length) throw new Interrupted()
        if (entries.some(({ event }) => event && event !== 'journaled' && isRemoval(event))) this.#erased()
        return
      } catch (error) {
        if (error instanceof Outdated) throw error
        // The disk has to be put right; Redis can't help it.
        if (tries === 0) this.#trouble(error)
        await this.#watchingDuring(setTimeout(RETRY_MS, undefined, { signal: this.#stopped.signal }).catch(() => {}))
      }
    }
  }

  /** Whoever listens here hears of what others write also while SQLite takes long over something, or takes nothing. */
  async #watchingDuring<T>(work: Promise<T>): Promise<T> {
    let isOver = false
    const over = work.then(noop, noop).then(() => {
      isOver = true
    })
    const long = new AbortController()
    await Promise.race([over, setTimeout(LONG_MS, undefined, { signal: long.signal }).catch(noop)])
    long.abort()
    // Where Redis is lost the tail ends, and does not wait for it.
    while (!isOver && !this.#stopped.signal.aborted) await Promise.race([over, this.#grown().catch(() => over)])
    return work
  }
}

const noop = (): void => {}

const isRemoval = ({ kind }: Event): boolean => kind === 'erased' || kind === 'expired'
