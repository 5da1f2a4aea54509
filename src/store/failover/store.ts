import { dirname } from 'node:path'
import { StartError, XinyiError } from '../../errors.ts'
import type { Limits, StorageBackend } from '../../model.ts'
import type { RedisTarget } from '../redis/connect.ts'
import { DamagedUsers } from '../redis/faults.ts'
import { tellingOf } from '../sqlite/erasures.ts'
import type {
  Answers,
  Appended,
  Event,
  Joined,
  LogEntry,
  LogPage,
  Pin,
  Place,
  Reading,
  ReadRequest,
  Store,
  StoreStatus,
  SweepReport,
  ToldEntry,
  Trail,
  View,
} from '../store.ts'
import { dataSetOf } from './data-set.ts'
import { compactBoth, policyOf, snapshotOf, staffOf } from './facts.ts'
import { isTimeout, Outdated, Refused, wordOf } from './faults.ts'
import type { Joint } from './joint.ts'
import { Link } from './link.ts'
import { Local } from './local.ts'
import { JoinedLog } from './log.ts'
import { Places } from './places.ts'
import { openReplica } from './replica.ts'
import type { Primary } from './state.ts'
import { sweepBoth } from './sweep.ts'
import { Writes } from './writes.ts'

const FIRST_TRY_MS = 1_500
const PING_PATIENCE_MS = 100

export interface FailoverOptions {
  target: RedisTarget
  /** Of the database file. */
  path: string
  localTimeZone: string
  logger: Joint['logger']
  clock: () => number
  seams?: Joint['seams']
}

/**
 * One store made of two. Redis orders the log and answers, and SQLite is the journal of what was acknowledged here, and a
 * replica that takes over when Redis does not answer. Rejects with StartError where the file, or the Redis, must not be used.
 */
export async function openFailoverStore({ path, ...options }: FailoverOptions): Promise<Store> {
  const replica = options.seams?.replica ?? (await openReplica(path))
  const facts = await replica.facts()
  for (const [fields, sentence] of tellingOf(await replica.recalledErasures())) options.logger.warn(fields, sentence)
  const store = new FailoverStore(new Local(replica), { ...options, dir: dirname(path), facts })
  try {
    await store.begin()
    return store
  } catch (error) {
    await store.close()
    if (!(error instanceof Refused)) throw error
    throw new StartError(`${error.message} (Data directory: ${dirname(path)}.)`)
  }
}

class FailoverStore implements Store {
  readonly #local: Local
  readonly #link: Link
  readonly #writes: Writes
  readonly #log: JoinedLog

  constructor(
    local: Local,
    { facts, ...options }: Omit<FailoverOptions, 'path'> & { dir: string; facts: Awaited<ReturnType<Local['replica']['facts']>> },
  ) {
    this.#local = local
    this.#writes = new Writes(local)
    const joint: Joint = {
      ...options,
      joinedAt: performance.now(),
      answered: { epoch: '', n: 0 },
      seen: { epoch: '', n: 0, chain: '' },
      forked: null,
      isInterrupted: false,
      isCompared: false,
      stuck: null,
      incompleteSince: new Map(),
      local,
      exclusively: (work) => this.#writes.exclusively(work),
      append: (events) => this.append(events),
      closeOrigins: (origins) => this.#writes.closeOrigins(origins),
    }
    this.#link = new Link(joint, { places: new Places(facts.lineage, facts.n), pending: facts.journalSize, dataSet: dataSetOf(facts) })
    this.#log = new JoinedLog(this.#link, local)
  }

  readonly begin = (): Promise<void> => this.#link.begin(FIRST_TRY_MS)

  get backend(): StorageBackend {
    return this.#link.mode === 'PRIMARY' ? 'REDIS' : 'SQLITE'
  }

  get secret(): Buffer {
    return this.#link.dataSet.secret
  }

  get pendingWrites(): number {
    return this.#link.pending
  }

  append(events: readonly Event[]): Promise<Appended> {
    return this.#writes.append(events, this.#link)
  }

  async read<const R extends readonly ReadRequest[]>(requests: R, now: number, view?: View): Promise<Reading<R>> {
    const { state } = this.#link
    const there = state.mode === 'PRIMARY' ? await this.#readThere(state, requests, { now, view }) : null
    if (there) return there
    if (this.#link.state.mode !== 'PRIMARY') await this.#local.whole()
    // The answers are those of the requests, one by one; the type system can't follow a map over a tuple.
    return { answers: (await this.#local.replica.read(requests, now, view)) as Answers<R>, served: 'SQLITE' }
  }

  /** What Redis answers; null when the replica has to. */
  async #readThere<const R extends readonly ReadRequest[]>(
    state: Primary,
    requests: R,
    of: { now: number; view: View | undefined },
    isSecond = false,
  ): Promise<Reading<R> | null> {
    try {
      const reading = await state.primary.read(requests, of.now, of.view, this.#writes.fence)
      if (isSecond) return reading
      const lost = await this.#lostIn(state, requests, reading.answers, of.view)
      if (lost.length === 0) return reading
      await state.tidy.mend(lost)
      if (state.tidy.leaves(lost)) return null
      return this.#readThere(state, requests, of, true)
    } catch (error) {
      const cause = error instanceof XinyiError ? error.cause : undefined
      if (cause instanceof DamagedUsers && !isSecond) {
        await state.tidy.mend(cause.users).catch(() => {})
        return this.#readThere(state, requests, of, true)
      }
      const isWell =
        cause instanceof DamagedUsers || error instanceof Outdated || (isTimeout(error) && (await state.primary.ping(PING_PATIENCE_MS)))
      // A question that was too long for Redis is no reason to leave it, if it can be answered here as well.
      if (!isWell || !(await state.tail.reached(this.#link.answeredIn(state), PING_PATIENCE_MS))) this.#link.leave(state, wordOf(error))
      return null
    }
  }

  /** Users that Redis does not know although they are known here, and in the view. */
  async #lostIn(state: Primary, requests: readonly ReadRequest[], answers: readonly unknown[], view: View | undefined): Promise<string[]> {
    const missing = requests.flatMap((request, i) => (request.kind === 'user' && answers[i] === null ? [request.userId] : []))
    if (missing.length === 0) return []
    // What was acknowledged here is known here.
    await state.tail.reached(this.#link.answeredIn(state), PING_PATIENCE_MS)
    const { replica } = this.#local
    const [here, dirty] = await Promise.all([replica.known(missing, view), replica.dirtyAmong(missing)])
    return here.filter((user) => !dirty.includes(user))
  }

  readonly policy = (): Promise<Limits | null> => policyOf(this.#link, this.#local)

  readonly staff = (): Promise<Joined[]> => staffOf(this.#link, this.#local)

  readonly log = (after: Place, limit: number): Promise<LogPage<LogEntry>> => this.#log.entries(after, limit)
  readonly told = (after: Place, limit: number): Promise<LogPage<ToldEntry>> => this.#log.told(after, limit)
  readonly placeOf = (trail: Trail): Promise<Place> => this.#log.placeOf(trail)
  readonly logGrown = (after: Place, signal: AbortSignal): Promise<void> => this.#log.grown(after, signal)

  readonly sweep = (now: number): Promise<SweepReport> => sweepBoth(this.#link, this.#local, now)

  async status(): Promise<StoreStatus> {
    const { state, places, pending, pinned, lastError, reconciliation } = this.#link
    const { epoch } = places
    const { replica } = this.#local
    const [facts, writeError] = await Promise.all([replica.facts().catch(() => null), replica.writeError().catch(() => null)])
    const there = state.mode === 'FALLBACK' ? null : await state.primary.status()
    const unreachable = { reachable: false, version: null, latencyMs: null, usedMemoryBytes: null, connections: 0, lastError: null }
    if (state.mode === 'PRIMARY' && !there?.redis?.reachable) this.#link.leave(state, there?.redis?.lastError ?? 'no answer')
    // Which indexes there are changed while they were asked for.
    if (epoch !== places.epoch) return this.status()
    const redis = there?.redis ?? unreachable
    const n = state.mode === 'PRIMARY' && there ? there.n : (facts?.n ?? 0) + (facts?.ahead ?? 0)
    return {
      backend: this.backend,
      mode: state.mode,
      since: state.since,
      pinned,
      complete: state.mode === 'PRIMARY' || facts?.isFirstCopy !== true,
      dataSetId: this.#link.dataSet.id,
      epoch,
      n,
      settled: places.settled(n),
      pendingWrites: pending,
      writeError,
      redis: { ...redis, lastError: redis.lastError ?? lastError },
      reconciliation: reconciliation && { ...reconciliation },
    }
  }

  readonly statusChanged = (signal: AbortSignal): Promise<void> => this.#link.statusChanges.next(signal)

  readonly pin = (to: Pin): Promise<void> => this.#link.pin(to)

  readonly compact = (options: { mayHoldUp: boolean }): Promise<number | null> => compactBoth(this.#link, this.#local, options)

  readonly snapshot = (file: string): Promise<void> => snapshotOf(this.#link, this.#local, file)

  async close(): Promise<void> {
    await this.#link.close()
    await this.#writes.exclusively(async () => {})
    await this.#local.close()
  }
}
