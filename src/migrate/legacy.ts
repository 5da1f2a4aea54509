import type { RiskLevel } from '../model.ts'

/** What the predecessor kept, as far as it can be read. Times are milliseconds since 1970. */

export interface LegacyTurn {
  /** The time as it stands in the store: it names the turn, to the microsecond. */
  stamp: string
  at: number
  query: string
  response: string
  riskLevel: RiskLevel
  emotionScore: number | null
  references: number
}

export interface LegacyPoint {
  stamp: string
  at: number
  score: number | null
  riskLevel: RiskLevel
}

export interface LegacyUser {
  userId: string
  createdAt: number | null
  lastActiveAt: number | null
  /** Ever counted; at least what is there. */
  totalChats: number
  totalRiskAlerts: number
  topics: readonly string[]
  /** Oldest first. */
  turns: readonly LegacyTurn[]
  /** Oldest first. */
  points: readonly LegacyPoint[]
  quarantined: readonly Quarantined[]
  /** What is more than can be taken over of one user, in pages, read when it is asked for. */
  beyond(): AsyncIterable<readonly Quarantined[]>
}

/** A record that can't be taken over, as it stood, and why. */
export interface Quarantined {
  store: 'sqlite' | 'redis'
  userId: string
  /** Where it stood: a column or a key, and its place in a list. */
  where: string
  reason: Reason
  /** As it stood, in text; null where it is too long or no text. */
  record: string | null
}

/** The reasons, as reports count them. */
export const REASONS = {
  bad_json: 'It is no JSON.',
  bad_shape: 'A field is missing, or of the wrong type.',
  bad_timestamp: 'Its time is missing, or is none.',
  future_timestamp: 'Its time lies in the future.',
  bad_text: 'It holds halves of characters.',
  empty_query: 'Nobody asked anything in it.',
  bad_number: 'It is not a whole number from 0 on.',
  bad_topic: 'A topic is empty, or longer than 64 characters.',
  wrong_type: 'The key is of another type.',
  too_large: 'It is too large to be what the predecessor wrote.',
  too_many: 'It is beyond the first 10,000, or 8 MB, of one list.',
  nobody: 'It belongs to nobody in particular: an empty id, or `anonymous`, which everybody unnamed shared.',
  bad_user_id: 'The id of the user is too long, or no text.',
} as const
export type Reason = keyof typeof REASONS

/** One store of the predecessor, of which nothing is changed. */
export interface LegacySource {
  readonly store: 'sqlite' | 'redis'
  /** How many users there are, about. */
  count(): Promise<number>
  /** Whoever there is anything of, each at least once. */
  userIds(): AsyncIterable<string>
  /** What belongs to no user at all, in pages. */
  strays(): AsyncIterable<readonly Quarantined[]>
  /** Null where there is nothing of them. */
  read(userId: string): Promise<LegacyUser | null>
  close(): Promise<void>
}
