import type {
  AlertCount,
  AlertEvent,
  AlertStatus,
  Attention,
  Conversation,
  Durability,
  EmotionPoint,
  Limits,
  Overview,
  RiskAlert,
  RiskLevel,
  StorageBackend,
  StorageMode,
  TopicCount,
  User,
  UserOrder,
  UserTopic,
} from '../model.ts'
import type { Joined } from './copy.ts'
import type { AlertAction, Event, EventPayloads } from './events.ts'
import type { Key, Page, Slice } from './page.ts'
import type { Mark, Place, Trail } from './trail.ts'

export type { AlertAction, Event, EventPayloads, Joined, Key, Mark, Page, Place, Slice, Trail }

/**
 * The contract of a store: an ordered log of events, the state that follows from it, and plural reads of that state.
 *
 * State is a deterministic function of the log; every store computes the same one (docs/architecture.md gives the rules).
 * A method rejects with XinyiError STORE_UNAVAILABLE when the store can't be reached or can't take the work; after a
 * rejected `append` it is unknown which of its events were applied. Domain outcomes are answers, never errors.
 */
export interface Store {
  /** Which store answers reads now. */
  readonly backend: StorageBackend
  /** What every instance of the data set knows, and nobody else: for keys to be derived from. */
  readonly secret: Buffer
  /** Acknowledged, not yet in Redis; 0 where there is only one store. */
  readonly pendingWrites: number
  /** Applies the events in this order, and answers for each. Events of one origin must come in the order of their seq. */
  append(events: readonly Event[]): Promise<Appended>
  /**
   * Answers every request, in the order asked, from one moment of the state. `now` decides what is expired. With a view the answers are what
   * they would be if nobody existed but those in it.
   */
  read<const R extends readonly ReadRequest[]>(requests: R, now: number, view?: View): Promise<Reading<R>>
  /** The retention limits in force; null before the first policy event. */
  policy(): Promise<Limits | null>
  /** Who has signed in of the staff, and what is known of them; in no order. */
  staff(): Promise<Joined[]>
  /**
   * The entries after a place, oldest first, at most `limit`, fewer where they are long; none only at the end. A place in an earlier epoch is
   * first taken back to where the log forked from it. CURSOR_EXPIRED if the log does not reach there: it was trimmed, has gone back, or the
   * epoch is not known.
   */
  log(after: Place, limit: number): Promise<LogPage<LogEntry>>
  /** What the same entries tell of alerts. */
  told(after: Place, limit: number): Promise<LogPage<ToldEntry>>
  /**
   * Where in the log as it is now somebody goes on who was at a place: at the newest of the marks that it has, else where the log has forked from the
   * place's epoch. CURSOR_EXPIRED as for `log`, and where it is known not to be the log that they were in.
   */
  placeOf(trail: Trail): Promise<Place>
  /** Waits until the log has an entry after this place, or its epoch is another; resolves early when the signal aborts. CURSOR_EXPIRED as for `log`. */
  logGrown(after: Place, signal: AbortSignal): Promise<void>
  /** Removes what has been expired for more than a day, and log entries older than 30 days; changes no answer. */
  sweep(now: number): Promise<SweepReport>
  /** How the store is doing. Answers also when nothing else does. */
  status(): Promise<StoreStatus>
  /** Waits until the mode, the reachability of Redis or the reconciliation in `status` is another; resolves early when the signal aborts. */
  statusChanged(signal: AbortSignal): Promise<void>
  /** 'sqlite' moves a joined store off Redis until 'auto' lets it go back. BAD_USER_INPUT where there is only one store. */
  pin(to: Pin): Promise<void>
  /** Copies SQLite, with its journal, as it is at one moment, into a new file. BAD_USER_INPUT where there is only Redis. */
  snapshot(file: string): Promise<void>
  /** Gives back room that nothing needs any more. `mayHoldUp`: also where writes have to wait for that; else a large data file is left, and its size in bytes is answered. */
  compact(options: { mayHoldUp: boolean }): Promise<number | null>
  /** Finishes what was begun and lets go of everything; later calls reject. */
  close(): Promise<void>
}

export type Pin = 'sqlite' | 'auto'

export interface Appended {
  /** One for each event. */
  outcomes: Outcome[]
  /** Where all of it is stored by now. */
  durability: Durability
}

export interface Reading<R extends readonly ReadRequest[]> {
  answers: Answers<R>
  /** The store that answered. */
  served: StorageBackend
}

/**
 * Those whom a counselor may see, and nobody else: to whom they are assigned; who has an unresolved alert that they are to look after; and
 * to whom nobody is assigned, with an unresolved alert that nobody else has acknowledged. An alert is seen with its person.
 *
 * A view looks at no more than MAX_CANDIDATES of those who come into question (the first two, and everybody with an unresolved alert to whom nobody
 * is assigned). Where there are more, `users`, `alerts` and `topicUsers` go on in pages that may end early, without a total; `topic`, `topics`
 * and `overview` count those who were looked at, and the total of topics is null.
 */
export interface View {
  /** The counselor's sub. */
  counselor: string
}

export interface LogPage<Entry> {
  /** The epoch that the entries' indexes are of; the next place to ask from is (epoch, n of the last entry). */
  epoch: string
  entries: Entry[]
}

export type Outcome =
  /** Took index n and changed the state. */
  | {
      type: 'applied'
      n: number
      /** recorded: whether the conversation is retained (it is not when older than the retention). acted: whether it was carried out; otherwise the alert's history notes that it was not. */
      kept: boolean
      /** recorded: the alert that it raised or added to. acted, assigned: the alert that it concerns. */
      alertId: string | null
      /** cleared, erased, expired: what went. */
      removed: Removed | null
    }
  /** Took index n, changes nothing but the revision: the id is known with the same content. alertId as first answered. */
  | { type: 'duplicate'; n: number; alertId: string | null }
  /** Took index n, changes nothing: the id is known with other content, or the event's condition does not hold (clearing or expiring a user who is not there, or not due). */
  | { type: 'conflict'; n: number }
  /** Took index n, changes nothing: accepted or occurred not after the user's erasure at `erasedAt`. */
  | { type: 'dead'; n: number; erasedAt: number }
  /** Took index n, changes nothing: a `void`. */
  | { type: 'erased'; n: number }
  /** No index: seq is at or below the origin's position. */
  | { type: 'known'; position: number }
  /** No index: seq is beyond the origin's next. */
  | { type: 'gap'; position: number }
  /** No index: the store is not in the epoch that was verified when it was opened, or knows of something that came since. */
  | { type: 'stale' }
  /** No index: what the store holds of the user does not fit together (keys are missing); nothing is changed. */
  | { type: 'damaged' }

export interface Removed {
  conversations: number
  emotions: number
  topics: number
  alerts: number
  /** Keys deleted in Redis; null where there is none. */
  redisKeys: number | null
  sqliteRows: number
}

export interface UserFilter {
  /** currentRisk at or above. */
  minRisk?: RiskLevel | undefined
  attention?: Attention | undefined
  /** Any of. */
  topics?: readonly string[] | undefined
  /** lastActiveAt at or after. */
  activeSince?: number | undefined
  /** Prefix of userId. */
  search?: string | undefined
  hasOpenAlert?: boolean | undefined
  /** The counselor (sub) who looks after them. */
  counselor?: string | undefined
  /** Whether nobody does. */
  unassigned?: boolean | undefined
}

export interface AlertFilter {
  status?: readonly AlertStatus[] | undefined
  minLevel?: RiskLevel | undefined
  /** The counselor (sub) who is to look after it. */
  assignee?: string | undefined
  /** Whether nobody is. */
  unassigned?: boolean | undefined
}

/** Most users, or alerts, that one filtered page looks at. */
export const MAX_CANDIDATES = 5_000
/** Most people who come into question that one view looks at: each of its counts reads all of them, and Redis does nothing else meanwhile. */
export const MAX_IN_VIEW = 1_000

/** Each kind of read: what it asks and what it answers. Unknown users and ids answer null or an empty slice. */
export interface Reads {
  user: { ask: { userId: string }; answer: User | null }
  /** Keys: LAST_ACTIVE_DESC [lastActiveAt or 0], CREATED_DESC [createdAt], RISK_DESC [risk rank * 1e13 + lastActiveAt], all descending, id descending too; USER_ID_ASC [0], ascending. id = userId. */
  users: { ask: { order: UserOrder; filter: UserFilter; page: Page }; answer: Slice<User> }
  /** Newest first. Key: [occurredAt, id]. With minRisk the slice is filtered (total null). */
  conversations: { ask: { userId: string; minRisk?: RiskLevel | undefined; page: Page }; answer: Slice<Conversation> }
  conversation: { ask: { userId: string; id: string }; answer: Conversation | null }
  /** Newest first. Key: [occurredAt, id]. from and to are inclusive; given either, total is null. */
  emotions: { ask: { userId: string; from?: number | undefined; to?: number | undefined; page: Page }; answer: Slice<EmotionPoint> }
  emotion: { ask: { userId: string; id: string }; answer: EmotionPoint | null }
  /** All of a user's topics, in no order. */
  userTopics: { ask: { userId: string }; answer: readonly UserTopic[] }
  topic: { ask: { name: string }; answer: TopicCount | null }
  /** Most users first. Key: [-userCount, name], ascending. */
  topics: { ask: { page: Page }; answer: Slice<TopicCount> }
  /** Key: [0, userId], ascending. */
  topicUsers: { ask: { name: string; page: Page }; answer: Slice<User> }
  alert: { ask: { alertId: string }; answer: RiskAlert | null }
  /** Most severe, then oldest, first. Key: [(4 - level rank) * 1e13 + raisedAt, id], ascending. total null when a filter is given. */
  alerts: { ask: AlertFilter & { page: Page }; answer: Slice<RiskAlert> }
  /** Newest raised first. Key: [raisedAt, id], descending. */
  userAlerts: { ask: { userId: string; status?: readonly AlertStatus[] | undefined; page: Page }; answer: Slice<RiskAlert> }
  /** Oldest first. Key: [place in the history from 0, id], ascending. */
  alertHistory: { ask: { alertId: string; page: Page }; answer: Slice<AlertEvent> }
  /** Alerts of which something is due (triage.ts) at that time or before: the longest due first, at most `limit`. Never with a view. */
  dueAlerts: { ask: { until: number; limit: number }; answer: readonly RiskAlert[] }
  overview: { ask: Record<never, never>; answer: Overview }
  /** Of every level and status, by level, then status. Never with a view. */
  alertCounts: { ask: Record<never, never>; answer: readonly AlertCount[] }
}

export type ReadKind = keyof Reads
export type ReadRequest = { [K in ReadKind]: { kind: K } & Reads[K]['ask'] }[ReadKind]
export type Answer<R extends ReadRequest> = Reads[R['kind']]['answer']
export type Answers<R extends readonly ReadRequest[]> = { -readonly [I in keyof R]: Answer<R[I]> }

export interface LogEntry {
  n: number
  origin: string
  seq: number
  /** Hash over (origin, seq) of every entry up to this one: equal at equal n if and only if the logs are the same up to here. */
  chain: string
  /** False: an event of this instance that Redis has not ordered yet, under an index that it will not keep. */
  settled: boolean
  /** Of what was applied, and of duplicates. null: a void, or the payload was erased since. */
  event: Event | null
  outcome: 'applied' | 'duplicate' | 'conflict' | 'dead' | 'erased'
  /** Event.formerly */
  formerly?: string | undefined
  /** The alert events that applying it brought about, in order. */
  alertEvents: readonly AlertEvent[]
}

export interface ToldEntry extends Pick<LogEntry, 'n' | 'settled' | 'chain' | 'alertEvents'> {
  /** The event that brought them about; null where there are none. */
  from: Pick<LogEntry, 'origin' | 'seq' | 'formerly'> | null
}

export interface SweepReport {
  users: number
  removedItems: number
  removedLogEntries: number
  /** Users whose own expiry is due: the caller logs an `expired` event for each. acceptedAt = deadline. */
  expiredUsers: readonly { userId: string; deadline: number }[]
}

export interface StoreStatus {
  /** Which store answers reads now. */
  backend: StorageBackend
  mode: StorageMode
  /** Of the mode. */
  since: number
  /** Moved off Redis by `pin`. */
  pinned: boolean
  /** Whether the store that answers reads has every user: SQLite has not before it has taken over all of them once. */
  complete: boolean
  dataSetId: string
  /** Of the log's indexes at present. */
  epoch: string
  /** Index of the newest entry of the log; 0 when empty. */
  n: number
  /** The newest entry that keeps its index, as a place that every instance of the data set understands. */
  settled: Place
  /** Acknowledged, not yet in Redis. */
  pendingWrites: number
  /** Why the disk did not take what was last to be recorded, in a word such as SQLITE_FULL or FILE_GONE: recordings are refused until it does. Null where it took it. */
  writeError: string | null
  /** null: configured without Redis. */
  redis: {
    reachable: boolean
    version: string | null
    latencyMs: number | null
    usedMemoryBytes: number | null
    connections: number
    lastError: string | null
  } | null
  /** The newest bringing together of the two stores; null when there was none yet. */
  reconciliation: Reconciliation | null
}

export interface Reconciliation {
  startedAt: number
  finishedAt: number | null
  /** Events brought to Redis. */
  pushed: number
  /** Users taken over from Redis. */
  pulled: number
  /** Users that differed and were put right, in either store. */
  repaired: number
  /** Whether everybody was found the same in both stores since the log of Redis last went another way; null until that is known. */
  inAgreement: boolean | null
}
