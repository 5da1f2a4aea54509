/** The vocabulary of the product. Times are milliseconds since 1970 (UTC); texts are well-formed Unicode. */

export const RISK_LEVELS = ['UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'IMMINENT'] as const
export type RiskLevel = (typeof RISK_LEVELS)[number]
/** 0 (UNKNOWN) to 4 (IMMINENT). */
export const riskRank = (level: RiskLevel): number => RISK_LEVELS.indexOf(level)
/** MEDIUM or above: counted as a risk alert, and raises one. */
export const isRisky = (level: RiskLevel): boolean => riskRank(level) >= riskRank('MEDIUM')

export const ATTENTIONS = ['NONE', 'WATCH', 'NEEDS_ATTENTION'] as const
export type Attention = (typeof ATTENTIONS)[number]

/** How much attention a person needs, from the last three risk levels ever recorded for them (fewer when there are fewer). */
export function attentionOf(lastLevels: readonly RiskLevel[]): Attention {
  const risky = lastLevels.filter(isRisky).length
  if (risky >= 2 && lastLevels.length === 3) return 'NEEDS_ATTENTION'
  return risky > 0 ? 'WATCH' : 'NONE'
}

export const ALERT_STATUSES = ['OPEN', 'ACKNOWLEDGED', 'RESOLVED'] as const
export type AlertStatus = (typeof ALERT_STATUSES)[number]
export const ALERT_EVENT_KINDS = [
  'RAISED',
  'OCCURRED',
  'LEVEL_RAISED',
  'ASSIGNED',
  'ACKNOWLEDGED',
  'LAPSED',
  'ESCALATED',
  'NOTED',
  'RESOLVED',
  'REOPENED',
] as const
export type AlertEventKind = (typeof ALERT_EVENT_KINDS)[number]

export const STORAGE_BACKENDS = ['REDIS', 'SQLITE'] as const
export type StorageBackend = (typeof STORAGE_BACKENDS)[number]
export const STORAGE_MODES = ['EMBEDDED', 'PRIMARY', 'FALLBACK', 'REPLAYING'] as const
export type StorageMode = (typeof STORAGE_MODES)[number]
export const DURABILITIES = ['BOTH', 'JOURNAL'] as const
export type Durability = (typeof DURABILITIES)[number]

export const USER_ORDERS = ['LAST_ACTIVE_DESC', 'RISK_DESC', 'CREATED_DESC', 'USER_ID_ASC'] as const
export type UserOrder = (typeof USER_ORDERS)[number]

export interface User {
  userId: string
  createdAt: number
  lastActiveAt: number | null
  totalChats: number
  totalRiskAlerts: number
  currentRisk: RiskLevel
  attention: Attention
  /** The sub of the counselor who looks after them. */
  counselor: string | null
}

export interface Conversation {
  /** Unique within its user only. */
  id: string
  userId: string
  occurredAt: number
  query: string
  response: string
  riskLevel: RiskLevel
  emotionScore: number | null
  references: number
  topics: readonly string[]
}

export interface EmotionPoint {
  /** The id of the conversation that it was taken from. */
  id: string
  userId: string
  occurredAt: number
  score: number | null
  riskLevel: RiskLevel
}

export interface UserTopic {
  name: string
  /** Conversations that touched it. */
  count: number
  firstSeenAt: number
  lastSeenAt: number
}

export interface TopicCount {
  name: string
  userCount: number
}

export interface AlertTrigger {
  occurredAt: number
  query: string
  response: string
  riskLevel: RiskLevel
}

export interface RiskAlert {
  id: string
  userId: string
  level: RiskLevel
  status: AlertStatus
  occurrences: number
  raisedAt: number
  lastSeenAt: number
  conversationId: string
  /** The alert's own copy of the exchange that raised it; null after the user's history was cleared. */
  trigger: AlertTrigger | null
  /** Counts changes of status, level and assignee; 1 when raised. */
  version: number
  /** The sub of the counselor who is to look after it. */
  assignee: string | null
  /** While somebody has taken it upon them: who (sub), since when, and until when that holds unless renewed. */
  acknowledged: { by: string; at: number; until: number } | null
  /** `until`: how long it is kept; null: for ever. */
  resolved: { by: string; at: number; resolution: string; until: number | null } | null
  /** Since when it waits for somebody, how many steps were taken, whom it was escalated to since nobody else has it (subs), and when the next one is due. */
  escalation: { since: number; step: number; to: readonly string[]; next: number | null }
}

/** Whose an alert is, and its person: who may see them follows from it. */
export interface Holders {
  /** The sub of the counselor who looks after the person. */
  counselor: string | null
  /** The sub of the counselor who is to look after the alert. */
  assignee: string | null
  /** The sub of whoever has it acknowledged. */
  acknowledgedBy: string | null
  /** The subs of those whom it was escalated to. */
  escalatedTo: readonly string[]
}

/** Whether a counselor may see a person with an unresolved alert. */
export const isHeldBy = (sub: string, { counselor, assignee, acknowledgedBy, escalatedTo }: Holders): boolean =>
  counselor === sub ||
  assignee === sub ||
  escalatedTo.includes(sub) ||
  (counselor === null && (acknowledgedBy === null || acknowledgedBy === sub))

export interface AlertEvent {
  id: string
  alertId: string
  kind: AlertEventKind
  at: number
  actor: string | null
  note: string | null
  /** RAISED, LEVEL_RAISED: the alert's level from then on. OCCURRED: the level of what occurred. */
  level: RiskLevel
  /** ACKNOWLEDGED, ASSIGNED, RESOLVED: whose it was until then. Others take it from nobody. */
  before: Holders | null
}

export const ROLES = ['SERVICE', 'COUNSELOR', 'SUPERVISOR', 'ADMIN'] as const
export type Role = (typeof ROLES)[number]
/** Those that people have. */
export const STAFF_ROLES = ['COUNSELOR', 'SUPERVISOR', 'ADMIN'] as const satisfies readonly Role[]

/** Somebody who looks after users. */
export interface Counselor {
  /** Stays the same for ever; the name may change. */
  sub: string
  name: string
  role: Role
}

/** Whoever makes a request. */
export interface Caller {
  sub: string
  name: string
  /** One as a rule; whoever comes through the socket in DATA_DIR has several. The first is how they are shown. */
  roles: readonly [Role, ...Role[]]
  /** When the token or the session that they came with ends; absent: never. */
  expiresAt?: number
  /** Stands for that token or session, and can't be made into it; absent where they came with neither. */
  key?: string
  /** Stands likewise for the token that a session was begun with: what is limited by token counts for all of its sessions together. */
  token?: string
}

export interface Overview {
  users: number
  /** Last active within 24 h. */
  activeUsers: number
  openAlerts: number
  /** Unresolved, HIGH or above, nobody assigned. */
  unassignedHigh: number
  oldestOpenRaisedAt: number | null
}

/** How many alerts there are of a level, in a status. */
export interface AlertCount {
  level: AlertLevel
  status: AlertStatus
  count: number
}

/** How much is kept of each user; 0 means without limit. */
export interface RetentionLimits {
  conversations: number
  conversationsDays: number
  emotions: number
  emotionsDays: number
  /** Days since the last activity; topics included. */
  profileDays: number
  /** Days since an alert was resolved: it goes then, with its history. */
  alertsDays: number
}

/** Levels that raise an alert. */
export const ALERT_LEVELS = ['MEDIUM', 'HIGH', 'IMMINENT'] as const
export type AlertLevel = (typeof ALERT_LEVELS)[number]

/** How soon somebody has to act upon an alert. */
export interface Triage {
  /** An alert that nobody has acknowledged so many minutes after it began to wait is escalated: one step for each number, which only grow. */
  escalateAfterMinutes: Readonly<Record<AlertLevel, readonly number[]>>
  /** An acknowledgement that is not renewed for so many minutes lapses. */
  acknowledgedForMinutes: Readonly<Record<AlertLevel, number>>
}

export const DEFAULT_TRIAGE: Triage = {
  escalateAfterMinutes: { MEDIUM: [60, 240], HIGH: [5, 15, 30], IMMINENT: [0, 2, 5] },
  acknowledgedForMinutes: { MEDIUM: 240, HIGH: 30, IMMINENT: 10 },
}

/** What holds for a data set as a whole. */
export interface Limits extends RetentionLimits {
  triage: Triage
}

export const MINUTE_MS = 60_000
export const DAY_MS = 86_400_000
