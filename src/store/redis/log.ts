import { z } from 'zod'
import type { Event, LogEntry, Outcome } from '../store.ts'
import { decodeAlertEvents, decodeConversation, pairs, parse } from './decode.ts'

const n = z.number()
const text = z.string()

/** What append.lua answers for an event. */
export function decodeOutcome(kind: Event['kind'], reply: unknown): Outcome {
  const [type, ...rest] = z.tuple([z.string()]).rest(z.unknown()).parse(reply)
  switch (type) {
    case 'stale':
      return { type }
    case 'known':
    case 'gap':
      return { type, position: n.parse(rest[0]) }
    case 'dead':
      return { type, n: n.parse(rest[0]), erasedAt: n.parse(rest[1]) }
    case 'conflict':
      return { type, n: n.parse(rest[0]) }
    case 'duplicate':
      return { type, n: n.parse(rest[0]), alertId: text.parse(rest[1]) || null }
    case 'applied':
      return applied(kind, rest)
    default:
      throw new Error(`append.lua answered ${type}`)
  }
}

function applied(kind: Event['kind'], rest: readonly unknown[]): Outcome {
  const common = { type: 'applied', n: n.parse(rest[0]), kept: false, alertId: null, removed: null } satisfies Outcome
  if (kind === 'policy') return common
  if (kind === 'recorded') return { ...common, kept: rest[1] === 1, alertId: text.parse(rest[2]) || null }
  const [, conversations, emotions, topics, alerts, redisKeys] = z.tuple([n, n, n, n, n, n]).parse(rest)
  return { ...common, removed: { conversations, emotions, topics, alerts, redisKeys, sqliteRows: 0 } }
}

const entrySchema = z.object({
  origin: text,
  seq: z.coerce.number(),
  id: text,
  user: text,
  kind: z.enum(['recorded', 'cleared', 'erased', 'expired', 'policy']),
  at: z.coerce.number(),
  occurred: z.coerce.number(),
  fingerprint: text,
  body: text,
  outcome: z.enum(['applied', 'duplicate', 'conflict', 'dead']),
  alerts: text,
})
type Entry = z.infer<typeof entrySchema>

const reasonSchema = z.object({ reason: text })
export const limitsSchema = z.object({ conversations: n, conversationsDays: n, emotions: n, emotionsDays: n, profileDays: n })

function eventOf(entry: Entry): Event | null {
  if (entry.outcome !== 'applied') return null
  const { id, user, at: acceptedAt, occurred: occurredAt, origin, seq, kind, body, fingerprint } = entry
  const common = { id, user, acceptedAt, occurredAt, origin, seq }
  switch (kind) {
    case 'recorded': {
      const conversation = decodeConversation(user, body)
      if (!conversation) return null
      const { query, response, riskLevel, emotionScore, references, topics } = conversation
      return { ...common, kind, payload: { query, response, riskLevel, emotionScore, references, topics, fingerprint } }
    }
    case 'policy': {
      const limits = parse(limitsSchema, body)
      return limits && { ...common, kind, payload: { limits } }
    }
    case 'erased': {
      const payload = parse(reasonSchema, body)
      return payload && { ...common, kind, payload }
    }
    default:
      return { ...common, kind, payload: {} }
  }
}

/** The entries from `after` + 1 to `last`. An index that the stream lacks was erased, and so counts one that can't be read: it must not hold up those behind it. */
export function decodeEntries(after: number, last: number, reply: unknown): LogEntry[] {
  const rows = z.array(z.tuple([text, z.array(text)])).parse(reply)
  const found = new Map(
    rows.map(([id, fields]) => [Number(id.split('-')[0]), entrySchema.safeParse(Object.fromEntries(pairs(fields))).data]),
  )
  return Array.from({ length: last - after }, (_, i) => after + 1 + i).map((index) => {
    const entry = found.get(index)
    if (!entry) return { n: index, event: null, outcome: 'erased', alertEvents: [] }
    return { n: index, event: eventOf(entry), outcome: entry.outcome, alertEvents: decodeAlertEvents(entry.alerts) }
  })
}
