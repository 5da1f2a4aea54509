import { z } from 'zod'
import {
  ALERT_EVENT_KINDS,
  ALERT_STATUSES,
  type AlertEvent,
  attentionOf,
  type Conversation,
  type EmotionPoint,
  RISK_LEVELS,
  type RiskAlert,
  type RiskLevel,
  type User,
  type UserTopic,
} from '../../model.ts'
import { HoldersJson } from '../holders.ts'
import { JoinedSchema } from '../joined.ts'
import type { Joined } from '../store.ts'

/** JSON and hashes as the scripts keep them, to the model; null for what can't be read. */

export const rank = z
  .number()
  .int()
  .min(0)
  .max(4)
  .transform((index): RiskLevel => RISK_LEVELS[index] ?? 'UNKNOWN')
export const time = z.number().int()

export const recordSchema = z.object({
  created: time,
  active: time.optional(),
  chats: z.number().int(),
  risks: z.number().int(),
  last: z.array(z.tuple([time, z.string(), rank])).optional(),
  level: rank.optional(),
  counselor: z.string().optional(),
})

const conversationSchema = z.object({
  id: z.string(),
  at: time,
  query: z.string(),
  response: z.string(),
  rank,
  emotion_score: z.number().nullable(),
  references_count: z.number().int(),
  topics: z.array(z.string()),
})

/** What most scripts answer, and the texts in it: made once, for making a schema takes far longer than using it. */
export const replies = z.array(z.unknown())
export const texts = z.array(z.string())

const pointSchema = z.object({ id: z.string(), at: time, score: z.number().nullable(), rank })

const alertEventSchema = z.object({
  id: z.string(),
  alertId: z.string(),
  kind: z.enum(ALERT_EVENT_KINDS),
  at: time,
  level: z.enum(RISK_LEVELS),
  actor: z.string().nullable().default(null),
  note: z.string().nullable().default(null),
  before: HoldersJson.nullable().default(null).catch(null),
})

const triggerSchema = z.object({ at: time, rank, query: z.string(), response: z.string() })

const count = z.coerce.number().int()
const alertSchema = z.object({
  user: z.string(),
  level: z.coerce.number().pipe(rank),
  status: z.enum(ALERT_STATUSES),
  occurrences: count,
  raised: count,
  seen: count,
  conversation: z.string(),
  version: count,
  trigger: z.string().optional(),
  assignee: z.string().optional(),
  ackBy: z.string().optional(),
  ackAt: count.optional(),
  ackUntil: count.optional(),
  resolvedBy: z.string().optional(),
  resolvedAt: count.optional(),
  resolvedUntil: count.optional(),
  resolution: z.string().optional(),
  // An escalation of which that can't be read is due at once.
  since: count.catch(0),
  step: count.catch(0),
  to: z.string().catch('[]'),
  next: count.optional().catch(0),
})

/** JSON of a shape; null where it is not. */
export function parse<T>(schema: z.ZodType<T>, text: string): T | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  return schema.safeParse(value).data ?? null
}

export function decodeUser(userId: string, text: string): User | null {
  const record = parse(recordSchema, text)
  if (!record) return null
  const levels = (record.last ?? []).map(([, , level]) => level)
  const known: RiskLevel[] = [levels[0] ?? 'UNKNOWN', record.level ?? 'UNKNOWN']
  return {
    userId,
    createdAt: record.created,
    lastActiveAt: record.active ?? null,
    totalChats: record.chats,
    totalRiskAlerts: record.risks,
    currentRisk: RISK_LEVELS.findLast((level) => known.includes(level)) ?? 'UNKNOWN',
    attention: attentionOf(levels),
    counselor: record.counselor ?? null,
  }
}

export function decodeConversation(userId: string, text: string): Conversation | null {
  const found = parse(conversationSchema, text)
  if (!found) return null
  const { id, at, query, response, rank: riskLevel, emotion_score, references_count, topics } = found
  return { id, userId, occurredAt: at, query, response, riskLevel, emotionScore: emotion_score, references: references_count, topics }
}

export function decodePoint(userId: string, text: string): EmotionPoint | null {
  const found = parse(pointSchema, text)
  return found && { id: found.id, userId, occurredAt: found.at, score: found.score, riskLevel: found.rank }
}

export function decodeTally(name: string, text: string): UserTopic | null {
  const [, times, first, last] = /^(\d+) (\d+) (\d+)$/.exec(text) ?? []
  return times === undefined ? null : { name, count: Number(times), firstSeenAt: Number(first), lastSeenAt: Number(last) }
}

export const decodeAlertEvent = (text: string): AlertEvent | null => parse(alertEventSchema, text)

const alertEvents = z.array(alertEventSchema)
export const decodeAlertEvents = (text: string): AlertEvent[] => parse(alertEvents, text) ?? []

/** [field, value, field, value …] as pairs. */
export function pairs<T>(flat: readonly T[]): [T, T][] {
  return flat.flatMap((field, i) => {
    const value = flat[i + 1]
    return i % 2 === 0 && value !== undefined ? [[field, value] satisfies [T, T]] : []
  })
}

export function decodeAlert(id: string, fields: readonly string[]): RiskAlert | null {
  const found = alertSchema.safeParse(Object.fromEntries(pairs(fields))).data
  if (!found) return null
  const { user, raised, seen, conversation, trigger, assignee, ackBy, ackAt, ackUntil } = found
  const { resolvedBy, resolvedAt, resolvedUntil, resolution, since, step, to, next, level, status, occurrences, version } = found
  const exchange = trigger === undefined ? null : parse(triggerSchema, trigger)
  return {
    id,
    userId: user,
    level,
    status,
    occurrences,
    version,
    raisedAt: raised,
    lastSeenAt: seen,
    conversationId: conversation,
    trigger: exchange && { occurredAt: exchange.at, query: exchange.query, response: exchange.response, riskLevel: exchange.rank },
    assignee: assignee ?? null,
    acknowledged: ackBy === undefined || ackAt === undefined || ackUntil === undefined ? null : { by: ackBy, at: ackAt, until: ackUntil },
    resolved:
      resolvedBy === undefined || resolvedAt === undefined
        ? null
        : { by: resolvedBy, at: resolvedAt, resolution: resolution ?? '', until: resolvedUntil ?? null },
    escalation: { since, step, to: parse(texts, to) ?? [], next: next ?? null },
  }
}

/** Who has signed in. */
export const decodeStaff = (reply: unknown): Joined[] => texts.parse(reply).flatMap((text) => parse(JoinedSchema, text) ?? [])
