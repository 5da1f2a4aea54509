import { randomUUID } from 'node:crypto'
import type { AlertEvent, Conversation, Counselor, EmotionPoint, RiskAlert, UserTopic } from '../model.ts'
import type { Policy, Sources } from './rules.ts'

/** What one store gives to the other: a user, or the whole data set around the users, in terms of neither. */

/** Everything that the state machine keeps of a user. */
export interface UserState {
  /** Index of the last event applied. */
  rev: number
  createdAt: number
  lastActiveAt: number | null
  totalChats: number
  totalRiskAlerts: number
  /** The greatest acceptedAt applied. */
  acceptedAt: number
  /** The least time of what was recorded, of acceptance or occurrence; 0 where that is not known. */
  oldestAt: number
  /** The newest three points ever, newest first: [occurredAt, id, risk rank]. */
  lastPoints: readonly (readonly [number, string, number])[]
  alertsRaised: number
  /** The unresolved alert, and its level as a rank. */
  openAlertId: string | null
  openAlertLevel: number | null
  /** When lists and topics expired although the user, having alerts, did not. */
  strippedAt: number | null
  /** The newest UTC day, counted from 1970, on which the trend alone raised an alert. */
  trendDay: number | null
  counselor: string | null
  /** Whether Redis has them, or had, from somebody who need not have had all of them: whoever has them whole puts them back once more. */
  patched: boolean
  /** What other systems had counted. */
  sources: Sources
  /** Newest first, as physically kept. */
  conversations: readonly Omit<Conversation, 'userId'>[]
  /** Newest first, as physically kept. */
  emotions: readonly Omit<EmotionPoint, 'userId'>[]
  /** By the bytes of their names. */
  topics: readonly UserTopic[]
  /** The memory of ids, by (acceptedAt, id). `source` names the event: "seq origin". */
  seen: readonly { id: string; acceptedAt: number; fingerprint: string; alertId: string | null; source: string }[]
  /** Oldest first. */
  alerts: readonly (Omit<RiskAlert, 'userId'> & { history: readonly AlertEvent[] })[]
}

export interface UserCopy {
  user: string
  /** Null: not there. */
  state: UserState | null
  erasedAt: number | null
  expiredAt: number | null
}

/** A user as Redis has packed them, in its own form. */
export interface Pack {
  user: string
  rev: number
  /** What else is to be said of the user (packed.lua). */
  about: Uint8Array
  /** What puts the user's own keys back. */
  commands: Uint8Array
}

/** Whether there is something in a state that an erasure, applied up to this time, should have removed. */
export const isErased = ({ oldestAt }: UserState, erasedAt: number | null): boolean =>
  erasedAt !== null && oldestAt > 0 && oldestAt <= erasedAt

/** When a mark (HMAC of a user id under the tombstone key, hex) was set. */
export type Marks = readonly (readonly [mark: string, at: number])[]

/** Somebody of the staff who has signed in: what is known of them, and since when (ms). The latest stands. */
export interface Joined extends Counselor {
  at: number
}

/** Who a data set is, and where its log stands. */
export interface Identity {
  dataSetId: string
  epoch: string
  /** 32 bytes, hex. */
  tombstoneKey: string
}

/** A data set without its users and its log. */
export interface Head extends Identity {
  n: number
  /** Index of the newest entry that was trimmed off the log. */
  trimmed: number
  /** At `trimmed`. */
  trimmedChain: string
  /** At `n`. */
  chain: string
  positions: Readonly<Record<string, number>>
  policies: readonly Policy[]
  staff: readonly Joined[]
  tombstones: Marks
  expiries: Marks
  /** Epochs of the log, oldest first, each with the index at which it forked from the one before. */
  lineage: readonly Fork[]
}

/** How much there is of what concerns no present user alone. */
export interface Counts {
  tombstones: number
  expiries: number
  policies: number
  staff: number
}

/**
 * An epoch that began with a Redis filled from one instance. What the users were made of there may go beyond the log that came
 * with them: every other instance looks who is of another revision there, and takes those users over.
 */
const SEEDED = 'seeded-'
const PARTIAL = `${SEEDED}partial-`
export const seededEpoch = (isPartial: boolean): string => `${isPartial ? PARTIAL : SEEDED}${randomUUID()}`
export const isSeeded = (epoch: string): boolean => epoch.startsWith(SEEDED)
/** Its users were not all complete: whoever holds events that its positions lack brings them. */
export const isPartial = (epoch: string): boolean => epoch.startsWith(PARTIAL)
/** Whether that was so at any time in this lineage: also whoever fills Redis after that from what it was given then may lack what others have. */
export const isFilledInPart = (lineage: readonly Fork[]): boolean => lineage.some(({ epoch }) => isPartial(epoch))

/**
 * An epoch that began with a backup to which the data set was rolled back on purpose: what came after that, wherever it is, is given up, and so
 * are all places from before. The greater one is the later.
 */
const ROLLBACK = 'rollback-'
export const rollbackEpoch = (now: number): string => `${ROLLBACK}${String(now).padStart(15, '0')}-${randomUUID()}`
export const isRollback = ({ epoch }: Fork): boolean => epoch.startsWith(ROLLBACK)
/** The newest in a lineage; '' where there was none. */
export const newestRollback = (lineage: readonly Fork[]): string =>
  lineage.filter(isRollback).reduce((newest, { epoch }) => (epoch > newest ? epoch : newest), '')

export interface Fork {
  epoch: string
  n: number
}
