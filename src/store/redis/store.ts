import type { Redis } from 'ioredis'
import { z } from 'zod'
import { badInput } from '../../errors.ts'
import type { Limits } from '../../model.ts'
import type { Counts, Fork, Head, Identity, UserCopy } from '../copy.ts'
import { checkView } from '../rules.ts'
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
import { MAX_CANDIDATES, MAX_IN_VIEW } from '../store.ts'
import { placeOf } from '../trail.ts'
import { answersWithin, type RedisTarget } from './connect.ts'
import { type Asked, type Copied, decodeWanted, type Revs, readCompleted, readCopies, readPacks, readPatched, readRevs } from './copies.ts'
import { decodeStaff, replies, texts } from './decode.ts'
import { encodeEvent, encodeRequest, Marks } from './encode.ts'
import { DamagedUsers, Fault, fenced, noFile, unavailable, withoutText, wordOf } from './faults.ts'
import { Growth } from './growth.ts'
import { decodeCounts, decodeHead, decodePolicy, decodePositions, decodeRaised, type Lost, raising, scanMarks } from './head.ts'
import { lineageOf } from './inspect.ts'
import { decodeTaken, readEntries, readTold } from './log.ts'
import { packTexts } from './pack.ts'
import { decodeAs } from './reads.ts'
import { type Manner, type Restored, restoreUser } from './restore.ts'
import { runScript, type ScriptName } from './script.ts'
import { statusOf } from './status.ts'
import { forget, giveBack, sweep } from './sweep.ts'
import { UserIndex } from './user-index.ts'

/** What must hold for an answer of reads to count: the position of an origin is at least so. */
type Fence = readonly { origin: string; seq: number }[]

/** A data set in Redis, over one connection. When that is lost, so is this store: whatever is there afterwards has to be looked at first. */
export class RedisStore implements Store {
  readonly backend = 'REDIS'
  readonly pendingWrites = 0
  /** Resolves with a word or two when the connection is lost, or closed. */
  readonly lost: Promise<string>
  readonly #redis: Redis
  readonly #timeZone: string
  readonly #target: RedisTarget
  readonly #growth: Growth
  readonly #marks: Marks
  readonly #index = new UserIndex((argument) => this.#run('reindex', argument))
  readonly #since = Date.now()
  #identity: Identity
  #lastError: string | null = null
  #closed = false

  constructor(redis: Redis, identity: Identity, { localTimeZone, target }: { localTimeZone: string; target: RedisTarget }) {
    this.#redis = redis
    this.#identity = identity
    this.#timeZone = localTimeZone
    this.#target = target
    this.#growth = new Growth(target)
    this.#marks = new Marks(identity.tombstoneKey)
    redis.on('error', (error: unknown) => {
      this.#lastError = wordOf(error)
    })
    const lost = Promise.withResolvers<string>()
    this.lost = lost.promise
    const lose = () => lost.resolve(this.#closed ? 'closed' : (this.#lastError ?? 'connection lost'))
    redis.once('close', lose)
    redis.once('end', lose)
    if (redis.status !== 'ready') lose()
  }

  get epoch(): string {
    return this.#identity.epoch
  }

  /**
   * Answers the entries of the log, too; null where an event has none, or only the log has all of it. `asOf` (an index of the log): all of it is
   * stale where anything newer is known of these users.
   */
  async append(events: readonly Event[], { asOf }: { asOf?: number } = {}): Promise<Appended & { entries: (LogEntry | null)[] }> {
    if (events.length === 0) return { outcomes: [], entries: [], durability: 'JOURNAL' }
    const encoded = events.map((event) => encodeEvent(event, this.#marks, this.#timeZone))
    const packed = packTexts(encoded.flatMap((each) => each.texts))
    const answers = replies.parse(await this.#run('append', { asOf, events: encoded.map(({ event }) => event) }, [packed]))
    if (events.some(({ kind }) => kind === 'erased' || kind === 'expired')) await this.forget()
    // Redis alone may lose what it has not written to its disk yet.
    const taken = events.map((event, i) => decodeTaken(event, answers[i]))
    return { outcomes: taken.map(({ outcome }) => outcome), entries: taken.map(({ entry }) => entry), durability: 'JOURNAL' }
  }

  async read<const R extends readonly ReadRequest[]>(requests: R, now: number, view?: View, fence: Fence = []): Promise<Reading<R>> {
    checkView(requests, view)
    const ask = (some: readonly ReadRequest[], checked: boolean) =>
      this.#index.kept((mended) => this.#answers(some, { now, view, fence, checked, mended }))
    const answers = await ask(requests, false)
    const again = requests.filter((_, i) => answers[i] === undefined)
    const checked = again.length > 0 ? await ask(again, true) : []
    // The answers are those of the requests, one by one; the type system can't follow a map over a tuple.
    return { answers: answers.map((answer) => (answer === undefined ? checked.shift() : answer)) as Answers<R>, served: 'REDIS' }
  }

  /** Null where an index is lost. */
  async #answers(
    requests: readonly ReadRequest[],
    { now, view, fence, checked, mended }: { now: number; view: View | undefined; fence: Fence; checked: boolean; mended: boolean },
  ): Promise<unknown[] | null> {
    const reply = await this.#run('read', {
      now,
      view: view?.counselor,
      candidates: view ? MAX_IN_VIEW : MAX_CANDIDATES,
      fence: fence.map(({ origin, seq }) => [origin, seq]),
      mended,
      requests: requests.map((request) => encodeRequest(request, checked)),
    })
    const [state, ...answers] = replies.parse(reply)
    if (state === 'unindexed') return null
    if (state === 'damaged') throw unavailable(new DamagedUsers(texts.parse(answers)))
    if (state === 'behind') throw unavailable(new Fault('BEHIND'))
    fenced(state)
    return requests.map((request, i) => decodeAs(request.kind, request, answers[i], checked))
  }

  readonly forget = (): Promise<boolean> => forget((argument) => this.#run('forget', argument))

  /** Has others put users back whose keys are lost, or no more. Answers some of all who are wanted so. */
  readonly want = async (users: readonly string[], found: readonly string[]): Promise<string[]> =>
    decodeWanted(await this.#run('want', { users, found }))

  async policy(): Promise<Limits | null> {
    const [text] = texts.parse(await this.#ask('policy'))
    return decodePolicy(text ?? '')?.limits ?? null
  }

  readonly staff = async (): Promise<Joined[]> => (await this.#ask('staff')).flatMap(decodeStaff)

  async log(after: Place, limit: number): Promise<LogPage<LogEntry>> {
    return { epoch: this.epoch, entries: await readEntries((argument) => this.#run('log', argument), after, limit) }
  }

  async told(after: Place, limit: number): Promise<LogPage<ToldEntry>> {
    return { epoch: this.epoch, entries: await readTold((argument) => this.#run('log', argument), after, limit) }
  }

  async placeOf(trail: Trail): Promise<Place> {
    const lineage = await this.#try(() => lineageOf(this.#redis, this.epoch))
    return placeOf(trail, lineage, await this.chainAt(trail.marks.map(({ n }) => n)))
  }

  async logGrown(after: Place, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#closed) return
    if (after.epoch === this.epoch) {
      const seen = await this.#try(() => this.#growth.wait(after.epoch, after.n, signal))
      if (seen !== 'behind') return
    }
    // Only this store's own connection can tell that the log does not reach there.
    await this.told(after, 1)
  }

  readonly sweep = (now: number): Promise<SweepReport> => sweep((name, argument) => this.#run(name, argument), now)

  get secret(): Buffer {
    return Buffer.from(this.#identity.tombstoneKey, 'hex')
  }

  async status(): Promise<StoreStatus> {
    const { dataSetId, epoch } = this.#identity
    const found = await statusOf(this.#redis, epoch, 1 + this.#growth.connections, this.#lastError)
    const alone = { pinned: false, complete: true, pendingWrites: 0, writeError: null, reconciliation: null }
    const settled = { epoch, n: found.n }
    return { backend: 'REDIS', mode: 'PRIMARY', since: this.#since, dataSetId, epoch, settled, ...alone, ...found }
  }

  async statusChanged(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>()
    const stop = () => aborted.resolve()
    if (signal.aborted) return
    signal.addEventListener('abort', stop)
    await Promise.race([aborted.promise, this.lost])
    signal.removeEventListener('abort', stop)
  }

  readonly pin = (_: Pin): Promise<void> =>
    Promise.reject(
      badInput('There is only one store, so that it can not be changed.', 'Use a storage backend that joins Redis and SQLite.'),
    )

  readonly compact = (): Promise<null> => this.#try(() => giveBack(this.#redis))

  readonly snapshot = (_file: string): Promise<void> => Promise.reject(noFile())

  /** The chain of the log at some indexes; null where it does not tell (any more). */
  async chainAt(ns: readonly number[]): Promise<(string | null)[]> {
    return z.array(z.string().nullable()).parse(await this.#ask('chains', { ns }))
  }

  readonly head = async (): Promise<Head> => decodeHead(this.#identity, await this.#ask('head'))

  readonly positions = async (): Promise<Record<string, number>> => decodePositions((await this.#ask('positions'))[0])

  readonly counts = async (): Promise<Counts> => decodeCounts(await this.#ask('counts'))

  /** Makes good what was lost of these. Answers whether anything was. */
  async raise(lost: Lost): Promise<boolean> {
    const raised = await Promise.all(Array.from(raising(lost), async (step) => decodeRaised(await this.#run('raise', step))))
    return raised.some((count) => count > 0)
  }

  /** Some of the marks, in no order: those after the cursors that a scan before has answered. */
  readonly marks = (after: readonly string[]): ReturnType<typeof scanMarks> => this.#try(() => scanMarks(this.#redis, after))

  /**
   * Begins a new epoch, which forks from this one at n. `lost`: epochs that the lineage here lacks (it has gone back), so that places in
   * them go on to mean something. False: this epoch is not the present one any more.
   */
  async fork(epoch: string, n: number, lost: readonly Fork[] = []): Promise<boolean> {
    const forks = [...lost, { epoch, n }].map((fork) => JSON.stringify(fork))
    if ((await this.#run('fork', { to: epoch, forks })) !== 1) return false
    this.#identity = { ...this.#identity, epoch }
    return true
  }

  /** Whether Redis answers a new connection within so much time. */
  readonly ping = (patienceMs: number): Promise<boolean> => answersWithin(this.#target, patienceMs)

  /** Everything that is kept of some users, at one moment: these, or the next ones after an id, by the bytes of their ids. */
  readonly copies = (of: Asked): Promise<Copied> =>
    this.#index.kept((mended) => readCopies((argument) => this.#run('copies', { ...argument, mended }), this.#marks, of))

  /** The same of these users, with a pack of each that can be packed. */
  readonly packs = (users: readonly string[]): Promise<Copied> => readPacks((argument) => this.#run('packs', argument), this.#marks, users)

  readonly revs = (of: { after: string; limit: number }): Promise<Revs> =>
    this.#index.kept((mended) => readRevs((argument) => this.#run('revs', { ...argument, mended }), of))

  /** Puts a user back whose keys are missing or damaged, or (`wholeAsOf`) of whom not everything was there. */
  restore(copy: UserCopy, manner: Manner = {}): Promise<Restored> {
    const options = { ...manner, marks: this.#marks, timeZone: this.#timeZone }
    return restoreUser((argument, texts) => this.#run('restore', argument, texts), copy, options)
  }

  /** Everybody who was put back by somebody who need not have had all of them. */
  readonly patched = (): Promise<string[]> => readPatched((argument) => this.#ask('patched', argument))

  /** Those of these users who are not among them. */
  readonly completed = (users: readonly string[]): Promise<string[]> => readCompleted((argument) => this.#ask('patched', argument), users)

  async close(): Promise<void> {
    this.#closed = true
    this.#growth.close()
    this.#redis.disconnect()
  }

  /** What a script tells of this epoch; throws where it is over. */
  async #ask(name: ScriptName, argument: object = {}): Promise<unknown[]> {
    const [state, ...rest] = replies.parse(await this.#run(name, argument))
    fenced(state)
    return rest
  }

  #run(name: ScriptName, argument: object, packed: readonly (string | Buffer)[] = []): Promise<unknown> {
    return this.#try(() => runScript(this.#redis, name, { epoch: this.epoch, ...argument }, packed))
  }

  async #try<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await withoutText(call)
    } catch (error) {
      this.#lastError = wordOf(error)
      throw unavailable(new Fault(this.#lastError))
    }
  }
}
