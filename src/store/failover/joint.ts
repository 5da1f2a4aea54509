import type { Logger } from 'pino'
import type { RedisTarget } from '../redis/connect.ts'
import type { Event, Mark, Place } from '../store.ts'
import type { Local } from './local.ts'
import type { RemoteReplica } from './replica.ts'

/** Where tests take a safeguard away, or hold something up; never set by a configuration. */
export interface Seams {
  /** No replay ends before this. */
  holdReplay?: Promise<void>
  /** Instead of a thread of its own. */
  replica?: RemoteReplica
  /** What Redis and SQLite hold is never compared. */
  withoutComparison?: boolean
  /** Nobody is packed. */
  withoutPacking?: boolean
  /** Redis is filled with what the rows tell alone. */
  withoutPacks?: boolean
  /** Whatever log a new connection leads to counts as the one that is here. */
  withoutVerification?: boolean
}

/** What the parts of the joining of two stores share. */
export interface Joint {
  readonly target: RedisTarget
  readonly localTimeZone: string
  /** Of the data file. */
  readonly dir: string
  readonly local: Local
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error' | 'debug'>
  readonly clock: () => number
  /** When Redis was last in charge here, by performance.now(). */
  joinedAt: number
  /** The newest entry that Redis has answered for here. */
  answered: Place
  /** The newest entry that Redis had told of here when it was left, whether or not SQLite has it. */
  seen: Place & Mark
  /** The epoch that was begun in Redis when the log there was found not to meet the one here; null once Redis is in charge. */
  forked: string | null
  /** The log of Redis was seen not to go on from what is here, although both agree up to there. */
  isInterrupted: boolean
  /** Everybody was found the same in both stores since the log of Redis last went another way. */
  isCompared: boolean
  /**
   * That Redis lacks events that come before what is here, as of the last try (`at`): how many events it had of all origins, and the newest
   * that it had of each one that is stuck; how long was waited since any of these came, and since others brought anything.
   */
  stuck: { at: number; events: number; reached: Record<string, number>; inAllMs: number; quietMs: number } | null
  /** Since when Redis lacks users of whom not everything may be here, by performance.now(). */
  readonly incompleteSince: Map<string, number>
  /** No more events of these origins are taken: whoever writes under one begins another. */
  closeOrigins(origins: ReadonlySet<string>): void
  readonly seams?: Seams | undefined
  /** Writes events of the instance's own, like any other. */
  append(events: readonly Event[]): Promise<unknown>
  /** Nothing is written here meanwhile. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
}
