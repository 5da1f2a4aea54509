import { z } from 'zod'
import { ALERT_EVENT_KINDS, ALERT_STATUSES, ATTENTIONS, RISK_LEVELS, type RiskLevel } from '../../model.ts'
import { HoldersJson } from '../holders.ts'
import { TriageSchema } from '../triage.ts'

/** What the rows of the database look like, for those who read them. Keys are the column names or their aliases in the query. */

/** A column that holds JSON. */
export const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text)
      } catch {
        context.addIssue({ code: 'custom', message: 'is not JSON' })
        return z.NEVER
      }
    })
    .pipe(schema)

export const Rank = z.int().min(0).max(4)
export const levelOf = (rank: number): RiskLevel => RISK_LEVELS[rank] ?? 'UNKNOWN'
const Level = Rank.transform(levelOf)
const RiskName = z.enum(RISK_LEVELS)

/** Numbers that can't be read: a count starts again from the least that it can be, a time is unknown. */
export const countFrom = (least: number) => z.int().min(least).catch(least)
export const Time = z.int().min(0)
export const UnsureTime = Time.nullable().catch(null)

export const Count = z.object({ count: z.int() })

/** A limit that can't be read limits nothing. */
const Limit = z.number().catch(0)
export const Limits = z.object({
  conversations: Limit,
  conversationsDays: Limit,
  emotions: Limit,
  emotionsDays: Limit,
  profileDays: Limit,
  alertsDays: Limit,
  triage: TriageSchema,
})
export const PolicyRow = z.object({ n: z.int(), at: z.int(), limits: json(Limits) })

/** Whoever was active was there: the best that is known when the creation can't be read. */
export function withCreation<T extends { createdAt: number | null; lastActiveAt: number | null }>(user: T): T & { createdAt: number } {
  return { ...user, createdAt: user.createdAt ?? user.lastActiveAt ?? 0 }
}

/** A user is no less a user for a field that can't be read. */
export const UserRow = z
  .object({
    userId: z.string(),
    createdAt: UnsureTime,
    lastActiveAt: UnsureTime,
    totalChats: countFrom(0),
    totalRiskAlerts: countFrom(0),
    currentRisk: Level.catch('UNKNOWN'),
    attention: z.enum(ATTENTIONS).catch('NONE'),
    counselor: z.string().nullable().catch(null),
  })
  .transform(withCreation)

export const ConversationRow = z.object({
  id: z.string(),
  userId: z.string(),
  occurredAt: z.int(),
  query: z.string(),
  response: z.string(),
  riskLevel: Level,
  emotionScore: z.number().nullable(),
  references: z.int(),
  topics: json(z.array(z.string())),
})

export const EmotionRow = z.object({
  id: z.string(),
  userId: z.string(),
  occurredAt: z.int(),
  score: z.number().nullable(),
  riskLevel: Level,
})

export const UserTopicRow = z.object({ name: z.string(), count: countFrom(1), firstSeenAt: Time.catch(0), lastSeenAt: Time.catch(0) })
export const TopicRow = z.object({ name: z.string(), userCount: countFrom(1) })

const Trigger = z.object({ occurredAt: z.number(), query: z.string(), response: z.string(), riskLevel: RiskName })

export const Status = z.enum(ALERT_STATUSES).catch('OPEN')

export const AlertRow = z.object({
  id: z.string(),
  userId: z.string(),
  // Somebody should look at an alert of which that can't be read.
  level: Level.catch('IMMINENT'),
  status: Status,
  occurrences: countFrom(1),
  raisedAt: Time.catch(0),
  lastSeenAt: Time.catch(0),
  conversationId: z.string(),
  trigger: json(Trigger).nullable().catch(null),
  version: countFrom(1),
  assignee: z.string().nullable().catch(null),
  acknowledged: json(z.object({ by: z.string(), at: Time, until: Time }))
    .nullable()
    .catch(null),
  resolved: json(z.object({ by: z.string(), at: Time, resolution: z.string(), until: UnsureTime }))
    .nullable()
    .catch(null),
  // One of which that can't be read is escalated at once.
  escalation: json(z.object({ since: Time, step: z.int().min(0), to: z.array(z.string()), next: Time.nullable() })).catch({
    since: 0,
    step: 0,
    to: [],
    next: 0,
  }),
})
export const ALERT = `id, user_id AS userId, level, status, occurrences, raised_at AS raisedAt, last_seen_at AS lastSeenAt,
  conversation_id AS conversationId, exchange AS "trigger", version, assignee, acknowledged, resolved, escalation`

const AlertEventFields = {
  id: z.string(),
  alertId: z.string(),
  kind: z.enum(ALERT_EVENT_KINDS),
  at: z.number(),
  actor: z.string().nullable(),
  note: z.string().nullable(),
}
export const AlertEventRow = z.object({ ...AlertEventFields, level: Level, before: json(HoldersJson).nullable().catch(null) })
export const ALERT_EVENT = 'id, alert_id AS alertId, kind, at, actor, note, level, holders AS "before"'
export const AlertEventJson = z.object({ ...AlertEventFields, level: RiskName, before: HoldersJson.nullable().default(null).catch(null) })
