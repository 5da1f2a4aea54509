import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { badInput, StartError, storeUnavailable } from '../../errors.ts'
import type { Limits } from '../../model.ts'
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
import { indexOf, placeOf } from '../trail.ts'
import { applyAll } from './apply.ts'
import { compact } from './compact.ts'
import { DataFile } from './data-file.ts'
import { ErasureNotes, tellingOf } from './erasures.ts'
import { Growth } from './growth.ts'
import { chainAt, loadLineage, readLog, readTold } from './log.ts'
import { type Opened, openDatabase } from './open.ts'
import { answerAll } from './reads/answer.ts'
import { journalSize } from './replica/journal.ts'
import { scrub, scrubOrLeaveIt } from './scrub.ts'
import { snapshot } from './snapshot.ts'
import type { Sql } from './sql.ts'
import { loadMeta, loadPolicies, loadStaff, type Meta } from './state.ts'
import { expiredUsers, sweepLog, sweepUsers } from './sweep.ts'

/** So many users are tidied, and so many entries of the log removed, before others get their turn. */
const SWEEP_USERS = 100
const SWEEP_ENTRIES = 1_000
const SCRUB_DELAY_MS = 500

/** Opens the store in this file, which is made where there is none. Rejects with a StartError that says why it can't be used. */
export async function openSqliteStore({ path, logger }: { path: string; logger?: Warned }): Promise<Store> {
  const opened = openDatabase(path)
  const pending = journalSize(opened.sql)
  if (pending === 0) return new SqliteStore(opened, logger)
  opened.db.close()
  throw new StartError(
    `The data file ${opened.path} holds ${pending} writes that its Redis does not have yet. Start with MEMORY_STORAGE_BACKEND=redis, ` +
      'and change to sqlite when npx xinyi status tells of no pending writes.',
  )
}

interface Warned {
  warn(fields: object, sentence: string): void
}

class SqliteStore implements Store {
  readonly backend = 'SQLITE'
  readonly pendingWrites = 0
  readonly #db: Database.Database
  readonly #sql: Sql
  readonly #meta: Meta
  readonly #erasures: ErasureNotes
  readonly #growth: Growth
  readonly #file: DataFile
  readonly #since = Date.now()
  readonly #closed = Promise.withResolvers<void>()
  #scrubbing: NodeJS.Timeout | undefined

  constructor({ path, db, sql, meta }: Opened, logger?: Warned) {
    this.#db = db
    this.#sql = sql
    this.#erasures = new ErasureNotes(path, sql)
    const recalled = this.#erasures.recall((events) => applyAll(sql, keyOf(sql, meta), events))
    if (logger) for (const [fields, sentence] of tellingOf(recalled)) logger.warn(fields, sentence)
    this.#meta = loadMeta(sql) ?? meta
    this.#growth = new Growth(this.#meta.n)
    this.#file = new DataFile(path)
    // The process may have ended between an erasure and the scrub.
    this.#scrubSoon()
  }

  async append(events: readonly Event[]): Promise<Appended> {
    return this.#use((sql) => {
      const isErasing = events.some(({ kind }) => kind === 'erased')
      const apply = () => {
        const applied = applyAll(sql, this.#meta.tombstoneKey, events)
        if (isErasing) this.#noteErasures()
        return applied
      }
      const outcomes = this.#file.keep(() => this.#file.write(() => sql.transaction(apply)))
      this.#growth.grewTo(currentN(sql))
      if (isErasing) this.#scrubSoon()
      return { outcomes, durability: 'JOURNAL' }
    })
  }

  async read<const R extends readonly ReadRequest[]>(requests: R, now: number, view?: View): Promise<Reading<R>> {
    // The answers are those of the requests, one by one; the type system can't follow a map over a tuple.
    return this.#use((sql) => ({ answers: sql.snapshot(() => answerAll(sql, requests, now, view)) as Answers<R>, served: this.backend }))
  }

  async policy(): Promise<Limits | null> {
    return this.#use((sql) => loadPolicies(sql).at(-1)?.limits ?? null)
  }

  async staff(): Promise<Joined[]> {
    return this.#use(loadStaff)
  }

  async log(after: Place, limit: number): Promise<LogPage<LogEntry>> {
    return this.#use((sql) => ({ epoch: this.#meta.epoch, entries: readLog(sql, indexOf(after, loadLineage(sql)), limit) }))
  }

  async told(after: Place, limit: number): Promise<LogPage<ToldEntry>> {
    return this.#use((sql) => ({ epoch: this.#meta.epoch, entries: readTold(sql, indexOf(after, loadLineage(sql)), limit) }))
  }

  async placeOf(trail: Trail): Promise<Place> {
    return this.#use((sql) =>
      placeOf(
        trail,
        loadLineage(sql),
        trail.marks.map(({ n }) => chainAt(sql, n)),
      ),
    )
  }

  async logGrown(after: Place, signal: AbortSignal): Promise<void> {
    await this.#use((sql) => this.#growth.beyond(indexOf(after, loadLineage(sql)), signal))
  }

  async sweep(now: number): Promise<SweepReport> {
    const report = { users: 0, removedItems: 0, removedLogEntries: 0 }
    // No user id is empty, so that everybody comes after ''.
    for (let after: string | null = ''; after !== null; await setImmediate()) {
      const previous: string = after
      const swept = this.#use((sql) => sql.transaction(() => sweepUsers(sql, previous, SWEEP_USERS, now)))
      report.users += swept.users
      report.removedItems += swept.removedItems
      after = swept.last
    }
    for (let removed = 1; removed > 0; await setImmediate()) {
      removed = this.#use((sql) => sql.transaction(() => sweepLog(sql, SWEEP_ENTRIES, now)))
      report.removedLogEntries += removed
    }
    return this.#use((sql) => {
      scrub(this.#db, 'now')
      return { ...report, expiredUsers: expiredUsers(sql, now) }
    })
  }

  get secret(): Buffer {
    return this.#meta.tombstoneKey.export()
  }

  async status(): Promise<StoreStatus> {
    const { dataSetId, epoch } = this.#meta
    return this.#use((sql) => ({
      backend: this.backend,
      mode: 'EMBEDDED',
      since: this.#since,
      pinned: false,
      complete: true,
      dataSetId,
      epoch,
      n: currentN(sql),
      settled: { epoch, n: currentN(sql) },
      pendingWrites: 0,
      writeError: this.#file.writeError,
      redis: null,
      reconciliation: null,
    }))
  }

  async statusChanged(signal: AbortSignal): Promise<void> {
    // Nothing of it changes while the store is open, but for writeError, which is told with whatever comes next.
    if (!signal.aborted) await Promise.race([once(signal, 'abort'), this.#closed.promise])
  }

  async pin(_to: Pin): Promise<void> {
    throw notJoined()
  }

  async snapshot(file: string): Promise<void> {
    try {
      await snapshot(this.#db, file)
    } catch (error) {
      throw storeUnavailable(error)
    }
  }

  async compact(options: { mayHoldUp: boolean }): Promise<number | null> {
    return this.#use(() => compact(this.#db, options))
  }

  async close(): Promise<void> {
    this.#growth.end()
    this.#closed.resolve()
    if (this.#scrubbing) this.#scrubOrLeaveIt()
    this.#db.close()
  }

  #use<T>(work: (sql: Sql) => T): T {
    if (!this.#db.open) throw storeUnavailable(new Error('The store was closed.'))
    try {
      return work(this.#sql)
    } catch (error) {
      throw error instanceof Database.SqliteError ? storeUnavailable(error) : error
    }
  }

  /** Before anybody is told of them. Where one can't be noted nothing of its batch is kept: whoever is refused may send theirs again. */
  #noteErasures(): void {
    try {
      this.#erasures.note()
    } catch (error) {
      throw storeUnavailable(error)
    }
  }

  /** Writing the file anew holds everybody up, so it is done once for erasures that follow each other. */
  #scrubSoon(): void {
    this.#scrubbing ??= setTimeout(() => this.#scrubOrLeaveIt(), SCRUB_DELAY_MS).unref()
  }

  #scrubOrLeaveIt(): void {
    clearTimeout(this.#scrubbing)
    this.#scrubbing = undefined
    if (this.#db.open) scrubOrLeaveIt(this.#db, 'later')
  }
}

const keyOf = (sql: Sql, meta: Meta): Meta['tombstoneKey'] => (loadMeta(sql) ?? meta).tombstoneKey

const currentN = (sql: Sql): number => loadMeta(sql)?.n ?? 0

const notJoined = (): Error =>
  badInput('This server has only its SQLite store.', 'Pinning is for MEMORY_STORAGE_BACKEND=redis, where SQLite can stand in.', 'to')
