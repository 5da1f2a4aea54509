import { z } from 'zod'
import { cursorExpired } from '../../errors.ts'
import { AdoptedSchema } from '../adopted.ts'
import { isKept, toldBy } from '../events.ts'
import { CounselorSchema } from '../joined.ts'
import type { Event, LogEntry, Outcome, Place, ToldEntry } from '../store.ts'
import { AlertActionSchema, AssignmentSchema, TriageSchema } from '../triage.ts'
import { decodeAlertEvents, decodeConversation, pairs, parse, replies } from './decode.ts'
import { fenced } from './faults.ts'

const n = z.number()
const text = z.string()

const placed = z.tuple([z.enum(['applied', 'duplicate', 'conflict', 'dead', 'erased']), n, text, text]).rest(z.union([n, text]))
const unplaced = z.tuple([z.enum(['stale', 'damaged', 'known', 'gap']), n.optional()])

/** What became of an event; and its entry in the log, null where it has none, or only the log has all of it. */
export interface Taken {
  outcome: Outcome
  entry: LogEntry | null
}

/** What append.lua answers for an event. */
export function decodeTaken(event: Event, reply: unknown): Taken {
  const found = placed.safeParse(reply).data
  if (!found) {
    const [type, position = 0] = unplaced.parse(reply)
    return { outcome: type === 'known' || type === 'gap' ? { type, position } : { type }, entry: null }
  }
  const [type, index, chain, alerts, ...rest] = found
  const outcome = outcomeOf(event.kind, type, index, rest)
  // What a removal leaves of the log before it, and up to when it was applied, the log alone says.
  if ((event.kind === 'erased' || event.kind === 'expired') && type === 'applied') return { outcome, entry: null }
  const { origin, seq } = event
  const alertEvents = alerts === '[]' ? [] : decodeAlertEvents(alerts)
  return {
    outcome,
    entry: {
      ...{ n: index, origin, seq, chain, settled: true, outcome: type, alertEvents },
      event: isKept(type, event.kind) ? event : null,
      formerly: isKept(type, event.kind) ? event.formerly : undefined,
    },
  }
}

function outcomeOf(kind: Event['kind'], type: LogEntry['outcome'], index: number, rest: readonly unknown[]): Outcome {
  switch (type) {
    case 'dead':
      return { type, n: index, erasedAt: n.parse(rest[0]) }
    case 'conflict':
    case 'erased':
      return { type, n: index }
    case 'duplicate':
      return { type, n: index, alertId: text.parse(rest[0]) || null }
    case 'applied':
      return applied(kind, index, rest)
  }
}

function applied(kind: Event['kind'], index: number, rest: readonly unknown[]): Outcome {
  const common = { type: 'applied', n: index, kept: false, alertId: null, removed: null } satisfies Outcome
  if (kind === 'policy' || kind === 'joined') return common
  if (kind === 'recorded' || kind === 'acted' || kind === 'assigned' || kind === 'adopted')
    return { ...common, kept: rest[0] === 1, alertId: text.parse(rest[1]) || null }
  const [conversations, emotions, topics, alerts, redisKeys] = z.tuple([n, n, n, n, n]).parse(rest)
  return { ...common, removed: { conversations, emotions, topics, alerts, redisKeys, sqliteRows: 0 } }
}

const entrySchema = z.object({
  origin: text,
  seq: z.coerce.number(),
  /** Entries of format 1 have none. */
  chain: text.default(''),
  id: text,
  user: text,
  kind: z.enum(['recorded', 'cleared', 'acted', 'assigned', 'adopted', 'erased', 'expired', 'policy', 'joined', 'void']),
  at: z.coerce.number(),
  occurred: z.coerce.number(),
  fingerprint: text,
  body: text,
  outcome: z.enum(['applied', 'duplicate', 'conflict', 'dead', 'erased']),
  alerts: text,
  formerly: text.optional(),
})
type Entry = z.infer<typeof entrySchema>

const besidesSchema = z.object({ late: z.literal(true).optional(), source: text.optional(), countsOnly: z.literal(true).optional() })
const erasedSchema = z.object({ reason: text, upTo: n.optional() })
export const limitsSchema = z.object({
  conversations: n,
  conversationsDays: n,
  emotions: n,
  emotionsDays: n,
  profileDays: n,
  alertsDays: n.default(0),
  triage: TriageSchema,
})

function eventOf(entry: Entry): Event | null {
  if (!isKept(entry.outcome, entry.kind)) return null
  const { id, user, at: acceptedAt, occurred: occurredAt, origin, seq, kind, body, fingerprint, formerly } = entry
  const common = { id, user, acceptedAt, occurredAt, origin, seq, formerly }
  switch (kind) {
    case 'recorded': {
      const conversation = decodeConversation(user, body)
      if (!conversation) return null
      const { query, response, riskLevel, emotionScore, references, topics } = conversation
      const { late: raisesLate, source, countsOnly } = parse(besidesSchema, body) ?? {}
      const said = { query, response, riskLevel, emotionScore, references, topics }
      return { ...common, kind, payload: { ...said, fingerprint, raisesLate, source, countsOnly } }
    }
    case 'policy': {
      const limits = parse(limitsSchema, body)
      return limits && { ...common, kind, payload: { limits } }
    }
    case 'joined': {
      const payload = parse(CounselorSchema, body)
      return payload && { ...common, kind, payload }
    }
    case 'erased': {
      const payload = parse(erasedSchema, body)
      return payload && { ...common, kind, payload }
    }
    case 'acted': {
      const payload = parse(AlertActionSchema, body)
      return payload && { ...common, kind, payload }
    }
    case 'assigned': {
      const payload = parse(AssignmentSchema, body)
      return payload && { ...common, kind, payload }
    }
    case 'adopted': {
      const payload = parse(AdoptedSchema, body)
      return payload && { ...common, kind, payload }
    }
    case 'void':
      return null
    default:
      return { ...common, kind, payload: {} }
  }
}

/** What is left of an entry that was deleted. */
function decodeHole(hole: string): { origin: string; seq: number; chain: string } | null {
  const [, origin, seq, chain] = /^(.*) (\d+) ([0-9a-f]*)$/s.exec(hole) ?? []
  return origin === undefined || chain === undefined ? null : { origin, seq: Number(seq), chain }
}

const rowsSchema = z.array(z.tuple([text, z.array(text)]))
/** Index, text, … */
const indexedSchema = z.array(z.union([n, text]))
/** Of entries that tell something: index, origin, seq, alert events, formerly. */
const toldSchema = z.array(z.tuple([n, text, z.coerce.number(), text, text]))

/** The entries after `from` up to `to`. An index whose entry can't be read counts as one that was erased: it must not hold up those behind it. */
export function decodeEntries(from: number, to: number, rows: unknown, holes: unknown): LogEntry[] {
  const found = new Map(
    rowsSchema.parse(rows).map(([id, fields]) => [Number(id.split('-')[0]), entrySchema.safeParse(Object.fromEntries(pairs(fields))).data]),
  )
  const left = new Map(pairs(indexedSchema.parse(holes)).map(([index, hole]) => [Number(index), decodeHole(String(hole))]))
  return Array.from({ length: to - from }, (_, i) => from + 1 + i).map((index): LogEntry => {
    const entry = found.get(index)
    if (!entry) {
      const place = left.get(index) ?? { origin: '', seq: 0, chain: '' }
      return { n: index, ...place, settled: true, event: null, outcome: 'erased', alertEvents: [] }
    }
    const { origin, seq, chain, outcome, formerly } = entry
    return {
      ...{ n: index, origin, seq, chain, settled: true, outcome, alertEvents: decodeAlertEvents(entry.alerts) },
      event: eventOf(entry),
      formerly,
    }
  })
}

type Run = (argument: object) => Promise<unknown>

async function askLog(run: Run, argument: object): Promise<{ from: number; to: number; found: unknown[] }> {
  const [state, from, to, ...found] = replies.parse(await run(argument))
  if (state === 'expired') throw cursorExpired()
  fenced(state)
  return { from: n.parse(from), to: n.parse(to), found }
}

export async function readEntries(run: Run, after: Place, limit: number): Promise<LogEntry[]> {
  const { from, to, found } = await askLog(run, { after, limit })
  return decodeEntries(from, to, found[0], found[1])
}

/** What the same entries tell of alerts. */
export async function readTold(run: Run, after: Place, limit: number): Promise<ToldEntry[]> {
  const { from, to, found } = await askLog(run, { after, limit, told: true })
  const told = new Map(
    toldSchema
      .parse(found[0])
      .map(([index, origin, seq, alerts, formerly]) => [
        index,
        { origin, seq, alertEvents: decodeAlertEvents(alerts), formerly: formerly || undefined },
      ]),
  )
  const chains = z.array(text).parse(found[1])
  return Array.from({ length: to - from }, (_, i) => from + 1 + i).map((index, i) =>
    toldBy({ n: index, settled: true, chain: chains[i] ?? '', ...(told.get(index) ?? { origin: '', seq: 0, alertEvents: [] }) }),
  )
}
