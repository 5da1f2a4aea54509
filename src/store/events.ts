import type { Counselor, EmotionPoint, Limits, RiskLevel } from '../model.ts'
import type { LogEntry, ToldEntry } from './store.ts'

/** An immutable fact about one user; a `policy` and a `joined` are about the data set, their user is ''. */
export type Event = {
  [K in keyof EventPayloads]: {
    /** The caller's idempotency key or a fresh UUIDv7; scoped by user. */
    id: string
    user: string
    kind: K
    /** When this service took it. */
    acceptedAt: number
    occurredAt: number
    payload: EventPayloads[K]
    /** Every process start takes a new origin; (origin, seq) means one event for ever. */
    origin: string
    /** Counts the events of an origin from 1, without gaps. */
    seq: number
    /** "seq origin" of what it was before it got another origin. */
    formerly?: string | undefined
  }
}[keyof EventPayloads]

export interface EventPayloads {
  recorded: {
    query: string
    response: string
    riskLevel: RiskLevel
    emotionScore: number | null
    references: number
    /** NFC, distinct. */
    topics: readonly string[]
    /** Digest of the content as the caller gave it, before defaults: tells a repeat from another conversation under the same id. */
    fingerprint: string
    /** An alert is asked for, which is not escalated, although it happened days before it was recorded. */
    raisesLate?: true | undefined
    /** The system that it was taken over from, which has counted it there. */
    source?: string | undefined
    /**
     * Redis had lost it, and it is recorded again after the user's history was cleared: it counts, its alert too, but nothing of it is listed, and
     * its texts are not here any more.
     */
    countsOnly?: true | undefined
  }
  /**
   * What another system (`source`) had of the user until it was left, besides the conversations that were taken over one by one: its
   * counters, which go before those of an earlier event of the same source; topics; and points of conversations that it kept no more.
   */
  adopted: {
    source: string
    totalChats: number
    totalRiskAlerts: number
    createdAt: number | null
    lastActiveAt: number | null
    topics: readonly string[]
    points: readonly Omit<EmotionPoint, 'userId'>[]
  }
  cleared: Record<string, never>
  /** Somebody, or the passing of time, does something about an alert. */
  acted: AlertAction
  /** A counselor (sub) is to look after the user, and their unresolved alert; null: nobody. */
  assigned: { counselor: string | null; actor: string | null; note: string | null }
  /** `upTo`: where it was applied, what was accepted up to then is gone. */
  erased: { reason: string; upTo?: number | undefined }
  expired: Record<string, never>
  policy: { limits: Limits }
  /** Somebody of the staff has signed in, for the first time under this name and with this role. */
  joined: Counselor
  /** What is left of an event whose payload was erased before it got its index, or that changed nothing where it was logged first. Its user and id are ''. */
  void: Record<string, never>
}

export interface AlertAction {
  alertId: string
  action: 'ACKNOWLEDGE' | 'RESOLVE' | 'ESCALATE' | 'NOTE' | 'LAPSE' | 'EXPIRE'
  /** The version of the alert that it was decided on; null for what any version may have. */
  version: number | null
  /** Who (sub); null for the passing of time. */
  actor: string | null
  note: string | null
  /** RESOLVE: how it was resolved. */
  resolution: string | null
  /** ESCALATE: whom it tells (subs). */
  to: readonly string[]
  /** ESCALATE, LAPSE, EXPIRE: the deadline that has passed; null where somebody decided it. */
  due: number | null
}

/**
 * Whether the log keeps an event of which this has come. In another order of it a duplicate may be the first of its id; but what is done about
 * alerts comes again by itself.
 */
export const isKept = (outcome: LogEntry['outcome'], kind: Event['kind'] | undefined): boolean =>
  outcome === 'applied' || (outcome === 'duplicate' && (kind === 'recorded' || kind === 'adopted'))

/** What an entry of the log tells of alerts. */
export const toldBy = ({
  n,
  settled,
  alertEvents,
  origin,
  seq,
  chain,
  formerly,
}: Pick<LogEntry, 'n' | 'settled' | 'alertEvents' | 'origin' | 'seq' | 'chain' | 'formerly'>): ToldEntry => ({
  ...{ n, settled, chain, alertEvents },
  from: alertEvents.length > 0 ? { origin, seq, formerly } : null,
})
