import type Database from 'better-sqlite3'
import { z } from 'zod'
import { storeUnavailable } from '../../../errors.ts'
import { type Counts, type Fork, type Head, isErased, type Joined, type Marks, type Pack, type UserCopy } from '../../copy.ts'
import { LOG_RETENTION_MS, markOf, type Policy } from '../../rules.ts'
import type { Event, LogEntry, Outcome, ReadRequest, Reads, Removed, SweepReport, ToldEntry, View } from '../../store.ts'
import { loadPositions } from '../apply.ts'
import { compact } from '../compact.ts'
import { nextUsers, readCopies } from '../copies.ts'
import { DataFile } from '../data-file.ts'
import { ErasureNotes, marksBy, noteAsked, type RecalledErasures, raiseAndErase } from '../erasures.ts'
import { addFork, chainAt, readLog, readTold } from '../log.ts'
import { openDatabase } from '../open.ts'
import { answerAll } from '../reads/answer.ts'
import { Sight } from '../reads/view.ts'
import { scrub, scrubOrLeaveIt } from '../scrub.ts'
import { snapshot } from '../snapshot.ts'
import type { Sql } from '../sql.ts'
import { loadMeta, loadPolicies, loadStaff, type Meta, marksOf } from '../state.ts'
import { expiredUsers, sweepLog, sweepUsers } from '../sweep.ts'
import { type Answered, applyAhead, lack, renumber } from './ahead.ts'
import { countsOf, factsOf, type ReplicaFacts } from './facts.ts'
import { forgottenBy } from './forgotten.ts'
import { addToJournal, countPending, type Journaled, type JournalPage, journalAfter, type Pushable, pushable, rescue } from './journal.ts'
import { JournaledEvents } from './journaled.ts'
import { letGo, patchedUsers, recall, settleKept, sweepKept, wholeAmong } from './kept.ts'
import { raiseMarks } from './marks.ts'
import { outcomeOf } from './outcome.ts'
import { beginOrigin, isSoleWriter, own } from './own.ts'
import { dropPacks, savePacks, unpackedUsers } from './packs.ts'
import { noteRevs, type Pulled, type RevPage, replaceUsers } from './pull.ts'
import { beginRebuild, rewind, startOver } from './rewind.ts'
import { adoptEpoch, seedHead, seedLog, settle } from './seed.ts'
import { applyEntries, type OwnEntry } from './tail.ts'

const UserRow = z.object({ userId: z.string() })

/**
 * The database file of an instance that is joined to a Redis: its journal, and its replica of the data set. Everything is
 * synchronous; it lives in a thread of its own (worker.ts). Methods throw what SQLite throws as STORE_UNAVAILABLE.
 */
export class Replica {
  readonly #db: Database.Database
  readonly #sql: Sql
  readonly #file: DataFile
  readonly #erasures: ErasureNotes
  readonly #recalled: RecalledErasures
  readonly #journaled = new JournaledEvents()
  /** What went with removals that nobody has asked about yet, by their indexes. */
  readonly #removed = new Map<number, Removed>()

  constructor(path: string) {
    const opened = openDatabase(path)
    this.#db = opened.db
    this.#sql = opened.sql
    this.#file = new DataFile(opened.path)
    this.#erasures = new ErasureNotes(opened.path, opened.sql)
    this.#recalled = this.#erasures.recall((events) => addToJournal(opened.sql, events))
  }

  /** What became of the erasures that were noted beside the file, when it was opened. */
  readonly recalledErasures = (): RecalledErasures => this.#recalled

  readonly facts = (): ReplicaFacts => factsOf(this.#sql, this.#meta())

  /** DataFile.writeError */
  readonly writeError = (): string | null => this.#file.writeError

  /** Keeps events durably. Where an erasure among them can't be noted none is kept: whoever is refused may send theirs again. */
  journal(events: readonly Event[]): void {
    this.#keep((sql) => {
      addToJournal(sql, events)
      noteAsked(sql, events)
      this.#erasures.note()
    })
    this.#journaled.remember(events)
  }

  /** Keeps events durably and applies them, with what is before them in the journal, ahead of the log. */
  journalAndApply(events: readonly Event[]): Answered[] {
    return this.#keep((sql) => {
      addToJournal(sql, events)
      const answered = applyAhead(sql, this.#meta().tombstoneKey, Number.MAX_SAFE_INTEGER)
      this.#erasures.note()
      return answered
    })
  }

  /** The first step away from Redis: what it has said so far stands, what is applied ahead goes behind that. */
  renumber(): void {
    this.#journaled.clear()
    this.#write(renumber)
  }

  readonly applyAhead = (limit: number): Answered[] => this.#write((sql) => applyAhead(sql, this.#meta().tombstoneKey, limit))

  /** What became of events that are applied here; null for those that are not. */
  outcomes(events: readonly Event[]): (Outcome | null)[] {
    const { tombstoneKey } = this.#meta()
    return events.map((event) => outcomeOf({ sql: this.#sql, mark: markOf(tombstoneKey, event.user) }, event, this.#removed))
  }

  rescue(behind: Readonly<Record<string, number>>, fresh: string): void {
    this.#write((sql) => {
      rescue(sql, behind, fresh)
      own(sql, fresh)
      renumber(sql)
    })
  }

  readonly journalAfter = (page: JournalPage): Journaled[] => journalAfter(this.#sql, page)

  pushable(positions: Readonly<Record<string, number>>, limit: number): Pushable {
    return pushable(this.#sql, positions, limit)
  }

  /** How many events of the journal these positions do not cover. */
  readonly countPending = (positions: Readonly<Record<string, number>>): number => countPending(this.#sql, positions)

  /** Takes over the next entries of the log. Answers how many followed on what is here. */
  applyEntries(entries: readonly (LogEntry | OwnEntry)[]): number {
    const taken = this.#lightly((sql) => applyEntries(sql, this.#meta(), this.#journaled.complete(sql, entries), this.#removed))
    this.#journaled.forget(entries.slice(0, taken))
    return taken
  }

  readonly chainAt = (ns: readonly number[]): (string | null)[] => ns.map((n) => chainAt(this.#sql, n))

  /** Takes the log back to index n; `epoch`: of what comes after that from now on. */
  rewind(n: number, epoch?: string): void {
    this.#write((sql) => {
      rewind(sql, n)
      if (epoch !== undefined) addFork(sql, { epoch, n })
    })
  }

  /** Has what is held here and these positions of Redis lack pushed again (kept.ts). */
  recall(from: 'kept' | 'log', positions: Readonly<Record<string, number>>): void {
    this.#write((sql) => recall(sql, from, positions))
  }

  readonly settleKept = (n: number, positions: Readonly<Record<string, number>>): void =>
    this.#write((sql) => settleKept(sql, n, positions))

  readonly adoptEpoch = (of: { epoch: string; lineage: readonly Fork[] }): void => this.#write((sql) => adoptEpoch(sql, of))

  /** Answers where it stands then: whoever asks after that reads another log. */
  beginRebuild(head: Head): ReplicaFacts {
    this.#write((sql) => beginRebuild(sql, head))
    // There may be notes under its key. Whoever is in Redis in spite of them is found when they are taken over.
    this.#erasures.recall(() => {})
    return this.facts()
  }

  /** Has those erased who are here, and were erased elsewhere up to these times. */
  readonly eraseMarked = (tombstones: Marks): void => this.#write((sql) => addToJournal(sql, raiseAndErase(sql, tombstones)))

  /** The same, by their erasures. */
  readonly eraseAs = (events: readonly Event[]): void => this.eraseMarked(marksBy(events, this.#meta().tombstoneKey))

  startOver(of: { epoch: string; lineage: readonly Fork[] }): void {
    this.#journaled.clear()
    this.#removed.clear()
    this.#write((sql) => startOver(sql, of))
  }

  readonly positions = (): Record<string, number> => loadPositions(this.#sql)
  readonly dirtyUsers = (limit: number): string[] =>
    this.#sql.all(UserRow, 'SELECT user_id AS userId FROM dirty LIMIT ?', limit).map(({ userId }) => userId)

  /** How many rows went here with the erasure at index n. */
  takeRemovedRows(n: number): number {
    const rows = this.#removed.get(n)?.sqliteRows ?? 0
    this.#removed.delete(n)
    return rows
  }

  /** Those of them who are known, and in the view. */
  known(users: readonly string[], view?: View): string[] {
    if (!view) return this.#among('users', users)
    return this.#use((sql) => users.filter((user) => new Sight(sql, view).sees(user)))
  }

  /** Those of them in whom there is something that an erasure should have removed, and up to when they were erased. */
  overdueAmong(users: readonly string[]): [user: string, at: number][] {
    return this.copies(users).flatMap(({ user, state, erasedAt }): [string, number][] =>
      state && erasedAt !== null && isErased(state, erasedAt) ? [[user, erasedAt]] : [],
    )
  }

  readonly dirtyAmong = (users: readonly string[]): string[] => this.#among('dirty', users)
  readonly wholeAmong = (...of: [users: readonly string[], positions?: Record<string, number>]): string[] => wholeAmong(this.#sql, ...of)
  readonly lack = (users: readonly string[]): void => this.#write((sql) => lack(sql, users))
  readonly patchedUsers = (after: string, limit: number): string[] => patchedUsers(this.#sql, after, limit)

  markDirty(users: readonly string[]): void {
    this.#write((sql) => {
      for (const user of users) sql.run('INSERT OR IGNORE INTO dirty (user_id) VALUES (?)', user)
    })
  }

  /** Puts users here as Redis had them; null when that is refused, else those whom Redis has lost (pull.ts). */
  readonly replaceUsers = (from: Pulled): string[] | null => this.#write((sql) => replaceUsers(sql, this.#meta(), from))

  readonly noteRevs = (page: RevPage): boolean => this.#write((sql) => noteRevs(sql, this.#meta(), page))
  readonly letGo = (): void => this.#write(letGo)
  readonly copies = (users: readonly string[]): UserCopy[] => this.#sql.snapshot(() => readCopies(this.#sql, this.#meta(), users))
  readonly nextUsers = (after: string, limit: number): string[] => nextUsers(this.#sql, after, limit)
  readonly seedHead = (epoch: string, entries: number): Head => this.#sql.snapshot(() => seedHead(this.#sql, this.#meta(), epoch, entries))
  readonly seedLog = (after: number, limit: number): LogEntry[] => this.#sql.snapshot(() => seedLog(this.#sql, after, limit))

  readonly unpackedUsers = (...of: [after: string, limit: number, since: number]): ReturnType<typeof unpackedUsers> =>
    this.#use((sql) => unpackedUsers(sql, ...of))
  readonly dropPacks = (users: readonly string[]): void => this.#write((sql) => dropPacks(sql, users))
  protected readonly inSnapshot = <T>(work: (sql: Sql) => T): T => this.#use((sql) => sql.snapshot(() => work(sql)))
  protected readonly keepPacks = (epoch: string, packs: readonly Pack[], isSame: (here: UserCopy) => boolean): number =>
    this.#lightly((sql) => (epoch === this.#meta().epoch ? savePacks(sql, this.#meta(), packs, isSame) : 0))
  readonly settle = (head: Parameters<typeof settle>[1]): void => this.#write((sql) => settle(sql, head))

  read(requests: readonly ReadRequest[], now: number, view?: View): Reads[keyof Reads]['answer'][] {
    return this.inSnapshot((sql) => answerAll(sql, requests, now, view))
  }

  readonly counts = (): Counts => countsOf(this.#sql)

  readonly marks = (): Pick<Head, 'tombstones' | 'expiries' | 'policies' | 'staff'> => this.#sql.snapshot(() => marksOf(this.#sql))

  /** Answers how many were later, and which are later here. */
  raiseMarks(marks: Parameters<typeof raiseMarks>[1]): ReturnType<typeof raiseMarks> {
    return this.#write((sql) => raiseMarks(sql, marks))
  }
  readonly forgottenBy = (page: Pick<Pulled, 'copies' | 'positions'>, now: number): Event[] => forgottenBy(this.#sql, page, now)
  readonly policies = (): Policy[] => loadPolicies(this.#sql)
  readonly staff = (): Joined[] => loadStaff(this.#sql)

  readonly log = (after: number, limit: number): LogEntry[] => this.#use((sql) => readLog(sql, after, limit))
  readonly told = (after: number, limit: number): ToldEntry[] => this.#use((sql) => readTold(sql, after, limit))

  readonly sweepUsers = (after: string, limit: number, now: number): ReturnType<typeof sweepUsers> =>
    this.#write((sql) => sweepUsers(sql, after, limit, now))
  readonly sweepLog = (limit: number, now: number): number =>
    this.#write((sql) => Math.max(sweepLog(sql, limit, now), sweepKept(sql, now - LOG_RETENTION_MS, limit)))
  readonly expiredUsers = (now: number): SweepReport['expiredUsers'] => this.#use((sql) => expiredUsers(sql, now))

  /** Before anything is written here under an origin. Answers the newest of its events that is here: in the log, or in the journal. */
  readonly beginOrigin = (origin: string): number => this.#write((sql) => beginOrigin(sql, origin))

  /** Whether nobody but this data directory has ever written, by these positions of Redis and by what is here. */
  readonly isSoleWriter = (positions: Readonly<Record<string, number>>): boolean => this.#use((sql) => isSoleWriter(sql, positions))

  /** Takes what was erased out of the bytes of the file; `later`: unless it is too large to do that while others wait. */
  readonly scrub = (when: 'now' | 'later'): void => this.#use(() => scrub(this.#db, when))
  readonly compact = (options: { mayHoldUp: boolean }): number | null => this.#use(() => compact(this.#db, options))

  /** Other work goes on meanwhile. */
  readonly snapshot = (file: string): Promise<void> => snapshot(this.#db, file)

  close(): void {
    if (!this.#db.open) return
    scrubOrLeaveIt(this.#db, 'later')
    this.#db.close()
  }

  #among(table: 'users' | 'dirty', users: readonly string[]): string[] {
    const found = `SELECT user_id AS userId FROM ${table} WHERE user_id IN (SELECT value FROM json_each(?))`
    return this.#sql.all(UserRow, found, JSON.stringify(users)).map(({ userId }) => userId)
  }

  #meta(): Meta {
    const meta = loadMeta(this.#sql)
    if (!meta) throw storeUnavailable(new Error('The data file is damaged.'))
    return meta
  }

  readonly #keep = <T>(work: (sql: Sql) => T): T => this.#file.keep(() => this.#write(work))

  /** What is lost of it with the power comes again from Redis; and the next event that is journaled makes it durable. */
  #lightly<T>(work: (sql: Sql) => T): T {
    this.#db.pragma('synchronous = NORMAL')
    try {
      return this.#write(work)
    } finally {
      this.#db.pragma('synchronous = FULL')
    }
  }

  #write<T>(work: (sql: Sql) => T): T {
    return this.#file.write(() => {
      const answer = this.#use((sql) => sql.transaction(() => work(sql)))
      this.#erasures.noteOrOwe()
      return answer
    })
  }

  #use<T>(work: (sql: Sql) => T): T {
    if (!this.#db.open) throw storeUnavailable(new Error('The store was closed.'))
    return work(this.#sql)
  }
}
