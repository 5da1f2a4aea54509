import { setTimeout } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { isExpired } from '../../errors.ts'
import type { StorageMode } from '../../model.ts'
import { connectRedis } from '../redis/connect.ts'
import { warningsOf } from '../redis/inspect.ts'
import type { RedisStore } from '../redis/store.ts'
import type { Pin, Reconciliation } from '../store.ts'
import { Backlog } from './backlog.ts'
import { Changes } from './changes.ts'
import { type DataSet, dataSetOf } from './data-set.ts'
import { Interrupted, Refused, wordOf } from './faults.ts'
import type { Joint } from './joint.ts'
import { completeAtFirst, putBack } from './mendable.ts'
import { keepPacks } from './packing.ts'
import type { Places } from './places.ts'
import { pushAll } from './push.ts'
import type { Primary, State } from './state.ts'
import { Tail } from './tail.ts'
import { Tidy } from './tidy.ts'
import { type Verified, verify } from './verify.ts'

const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 100
/** Every so many tries in vain, an operator is told why. */
const NOTED_TRIES = 50
/** How long leaving on purpose waits for the replica to have everything. */
const PIN_PATIENCE_MS = 2_000
/** How long coming back on request waits for what comes of it. */
const UNPIN_PATIENCE_MS = 2_000

/**
 * Which store is in charge. Everything that Redis is asked goes over a connection that was verified, and that is given up at
 * the first sign of trouble: then SQLite is in charge, and new connections are tried until one is verified again.
 */
export class Link {
  readonly places: Places
  dataSet: DataSet
  /** Of what is written here, too. */
  readonly changes = new Changes()
  readonly statusChanges = new Changes()
  /** Acknowledged, not in Redis. */
  pending = 0
  pinned = false
  lastError: string | null = null
  reconciliation: Reconciliation | null = null
  readonly #joint: Joint
  readonly #closing = new AbortController()
  readonly #warned = new Set<string>()
  #state: State
  #rejoining: Promise<void> | undefined
  #tidying: Promise<void> = Promise.resolve()
  #joining: Redis | undefined
  #firstTry = Promise.withResolvers<void>()

  constructor(joint: Joint, { places, pending, dataSet }: { places: Places; pending: number; dataSet: DataSet }) {
    this.#joint = joint
    this.places = places
    this.pending = pending
    this.dataSet = dataSet
    this.#state = { mode: 'FALLBACK', since: joint.clock() }
  }

  get state(): State {
    return this.#state
  }

  get mode(): StorageMode {
    return this.#state.mode
  }

  /** Begins to look for Redis; resolves after the first try, or when that takes long. Rejects with Refused where Redis must not be joined. */
  async begin(patienceMs: number): Promise<void> {
    this.#joint.local.leave()
    this.#rejoin()
    const late = setTimeout(patienceMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {})
    await Promise.race([this.#firstTry.promise, late])
    if (this.#state.mode !== 'FALLBACK') return
    this.#joint.logger.warn(
      { because: this.lastError },
      'Redis can not be used yet: SQLite serves until it can, and what is recorded goes to Redis then',
    )
  }

  /** Gives a connection up, unless that was done before. `because`: null where that was asked for. */
  leave(from: State, because: string | null): void {
    if (this.#state !== from || from.mode === 'FALLBACK') return
    this.lastError = because
    from.primary.close().catch(() => {})
    if (from.mode === 'PRIMARY') {
      from.tail.stop()
      if (from.tail.newest) this.#joint.seen = { epoch: from.primary.epoch, ...from.tail.newest }
      this.#joint.joinedAt = performance.now()
      this.places.leave(from.tail.taken)
      this.#joint.local.leave()
    }
    this.#enter({ mode: 'FALLBACK', since: from.mode === 'PRIMARY' ? this.#joint.clock() : from.since })
    this.#rejoin()
    if (from.mode !== 'PRIMARY') return
    const { logger } = this.#joint
    const pendingWrites = this.pending
    // Writing takes as long as all of this: whoever waits for news gets them first.
    setImmediate(() => {
      if (because === null) logger.info('Redis is left on request: SQLite serves from now on')
      else logger.warn({ because, pendingWrites }, 'Redis can not be used: SQLite serves from now on')
    })
  }

  /** Redis has answered for the entry with this index. */
  answered({ primary: { epoch } }: Primary, n: number): void {
    const before = this.#joint.answered
    if (before.epoch !== epoch || before.n < n) this.#joint.answered = { epoch, n }
  }

  answeredIn({ primary: { epoch } }: Primary): number {
    return this.#joint.answered.epoch === epoch ? this.#joint.answered.n : 0
  }

  async pin(to: Pin): Promise<void> {
    this.pinned = to === 'sqlite'
    const wasAway = this.#state.mode === 'FALLBACK'
    if (this.pinned) {
      // A filling of Redis may take its time.
      this.#joining?.disconnect()
      await this.#joint.exclusively(async () => {
        const { state } = this
        if (state.mode === 'PRIMARY') await state.tail.reached((await state.primary.status()).n, PIN_PATIENCE_MS)
        this.leave(state, null)
      })
    }
    if (wasAway) this.lastError = null
    this.#announce()
    this.#rejoin()
    if (!this.pinned) await this.#tried()
  }

  /** Waits until Redis is in charge, or it is known why not, but not for long. */
  async #tried(): Promise<void> {
    const late = AbortSignal.any([AbortSignal.timeout(UNPIN_PATIENCE_MS), this.#closing.signal])
    while (this.#state.mode !== 'PRIMARY' && this.lastError === null && !late.aborted) await this.statusChanges.next(late)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#joining?.disconnect()
    const { state } = this
    if (state.mode === 'PRIMARY') await state.tail.stop()
    if (state.mode !== 'FALLBACK') await state.primary.close()
    this.#enter({ mode: 'FALLBACK', since: this.#joint.clock() })
    await this.#rejoining
    await this.#tidying
  }

  #enter(state: State): void {
    this.#state = state
    this.#announce()
  }

  #announce(): void {
    this.changes.announce()
    this.statusChanges.announce()
  }

  #rejoin(): void {
    this.#rejoining ??= this.#tryToJoin().finally(() => {
      this.#rejoining = undefined
      // The connection may have been lost, or the pin taken out, while the last try was ending.
      if (this.#wanted()) this.#rejoin()
    })
  }

  #wanted = (): boolean => this.#state.mode === 'FALLBACK' && !this.pinned && !this.#closing.signal.aborted

  async #tryToJoin(): Promise<void> {
    for (let tries = 1; this.#wanted(); tries += 1) {
      try {
        await this.#join()
      } catch (error) {
        const word = wordOf(error)
        if (error instanceof Refused) {
          this.#firstTry.reject(error)
          if (word !== this.lastError) this.#joint.logger.error(word)
        }
        if (word !== this.lastError) {
          this.lastError = word
          this.statusChanges.announce()
        }
        this.#joint.logger[tries % NOTED_TRIES === 0 ? 'warn' : 'debug']({ because: word, tries }, 'Redis can not be joined yet')
      }
      this.#firstTry.resolve()
      if (!this.#wanted()) return
      const wait = Math.min(FIRST_RETRY_MS * tries, LAST_RETRY_MS) * (0.75 + Math.random() / 2)
      await setTimeout(wait, undefined, { signal: this.#closing.signal }).catch(() => {})
    }
  }

  async #join(): Promise<void> {
    const { target, clock } = this.#joint
    const redis = await connectRedis(target, this.#closing.signal)
    this.#joining = redis
    try {
      const { epoch } = await this.#joint.local.replica.facts()
      const verified = await verify(redis, this.#joint)
      if (verified.primary.epoch !== epoch || verified.rebuild) this.#joint.isCompared = false
      for (const sentence of await warningsOf(redis, clock)) this.#warnOnce(sentence)
      const { primary } = verified
      const replaying = { mode: 'REPLAYING', since: clock(), primary, backlog: new Backlog() } as const
      if (!this.#wanted()) return redis.disconnect()
      this.#enter(replaying)
      this.#firstTry.resolve()
      primary.lost.then((word) => this.leave(this.#ofPrimary(primary), word))
      await this.#replay(verified, replaying)
    } catch (error) {
      this.#joint.isInterrupted ||= error instanceof Interrupted
      this.leave(this.#state, wordOf(error))
      redis.disconnect()
      throw error
    } finally {
      this.#joining = undefined
    }
  }

  #warnOnce(sentence: string): void {
    if (!this.#warned.has(sentence)) this.#joint.logger.warn(sentence)
    this.#warned.add(sentence)
  }

  /** The present state if it works with this store, else one that nothing can leave. */
  #ofPrimary = (primary: RedisStore): State =>
    this.#state.mode !== 'FALLBACK' && this.#state.primary === primary ? this.#state : { mode: 'FALLBACK', since: 0 }

  async #replay(verified: Verified, replaying: Extract<State, { mode: 'REPLAYING' }>): Promise<void> {
    const { primary, lineage, rebuild } = verified
    const { local, logger, clock } = this.#joint
    const { replica } = local
    // What is applied ahead has other indexes then.
    const caughtUp = (n: number) => this.places.leave(n)
    const report: Reconciliation = { startedAt: clock(), finishedAt: null, pushed: 0, pulled: 0, repaired: 0, inAgreement: null }
    this.pending = await replica.countPending(await primary.positions())
    this.reconciliation = report
    const mend = async (users: readonly string[]) => {
      await putBack(verified, this.#joint, { users, caughtUp })
      report.repaired += users.length
    }
    const pushed = (count: number): void => {
      this.pending = Math.max(0, this.pending - count)
      replaying.backlog.note(this.pending)
      report.pushed += count
    }
    const pushEverything = () => pushAll(primary, this.#joint, { mend, pushed })
    await local.whole()
    await pushEverything()
    report.repaired += await completeAtFirst(verified, this.#joint, caughtUp)
    await Promise.race([this.#joint.seams?.holdReplay, primary.lost])
    await this.#joint.exclusively(async () => {
      await pushEverything()
      // Of those who were written about meanwhile.
      report.repaired += await completeAtFirst(verified, this.#joint, caughtUp)
      if (this.#state !== replaying) return
      // No answer of the log there is now can come between this one and what follows at once.
      const now = rebuild ? await replica.beginRebuild(await primary.head()) : await replica.facts()
      Object.assign(this.#joint, { isInterrupted: false, forked: null })
      // Whoever comes to one that others have begun goes by theirs, even if it is lost again at once.
      this.dataSet = dataSetOf(now)
      if (rebuild) this.places.joinAnother(now.lineage, now.n)
      else this.places.join(lineage)
      if (this.#state !== replaying) {
        this.places.leave(now.n)
        return this.changes.announce()
      }
      const tail = new Tail({
        primary,
        replica,
        n: now.n,
        onTrouble: (error) => logger.warn({ because: wordOf(error) }, 'SQLite does not take over what Redis has; it is tried again'),
        onErasure: () => local.scrubSoon(),
        onLost: (error) => {
          this.#joint.isInterrupted = error instanceof Interrupted || isExpired(error)
          this.leave(this.#ofPrimary(primary), wordOf(error))
        },
      })
      const tidy = new Tidy({ primary, tail, joint: this.#joint, report })
      this.pending = 0
      this.lastError = null
      this.#enter({ mode: 'PRIMARY', since: clock(), primary, tail, tidy })
      logger.info({ pushed: report.pushed, milliseconds: clock() - replaying.since }, 'Redis is in charge')
    })
    const { state } = this
    if (state.mode !== 'PRIMARY') return
    const kept = { inCharge: () => this.#state === state, signal: this.#closing.signal }
    const isWhole = () => this.reconciliation?.finishedAt != null && this.reconciliation.inAgreement !== false
    const packing = keepPacks({ ...state, ...kept, joint: this.#joint, isWhole })
    this.#tidying = state.tidy.keep({ ...kept, announce: () => this.#announce() }).then(() => packing)
  }
}
