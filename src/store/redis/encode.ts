import { createSecretKey, type KeyObject } from 'node:crypto'
import { naiveTime } from '../../local-time.ts'
import { type Conversation, type EmotionPoint, type RiskLevel, riskRank } from '../../model.ts'
import { adoptedTopic, markOf } from '../rules.ts'
import type { Event, EventPayloads, ReadRequest } from '../store.ts'

/** The predecessor knows three levels; its readers see IMMINENT as high and UNKNOWN as unknown. */
export const legacyRisk = (level: RiskLevel): string => (level === 'IMMINENT' ? 'high' : level.toLowerCase())

/** The marks of users (rules.ts) under a key as Redis keeps it: hex. */
export class Marks {
  readonly #key: KeyObject

  constructor(tombstoneKey: string) {
    this.#key = createSecretKey(tombstoneKey, 'hex')
  }

  of(userId: string): string {
    return markOf(this.#key, userId)
  }
}

/**
 * An element of a list of conversations: our fields around the predecessor's, and first of all those by which the scripts find its
 * place without decoding the rest (lists.lua). What only the log keeps has no naive time.
 */
export function conversationElement(
  conversation: Omit<Conversation, 'userId'> & Partial<Pick<EventPayloads['recorded'], 'raisesLate' | 'source' | 'countsOnly'>>,
  localTime?: string,
): string {
  const { id, occurredAt, query, response, riskLevel, emotionScore, references, topics, raisesLate, source, countsOnly } = conversation
  return JSON.stringify({
    at: occurredAt,
    rank: riskRank(riskLevel),
    id,
    timestamp: localTime,
    query,
    response,
    risk_level: legacyRisk(riskLevel),
    emotion_score: emotionScore,
    references_count: references,
    topics,
    late: raisesLate,
    source,
    countsOnly,
  })
}

/** An element of a list of emotion points. */
export function pointElement({ id, occurredAt, riskLevel, score }: Omit<EmotionPoint, 'userId'>, localTime: string): string {
  return JSON.stringify({ at: occurredAt, rank: riskRank(riskLevel), id, timestamp: localTime, score, risk: legacyRisk(riskLevel) })
}

/** What the log keeps of an event besides its numbers. */
export function bodyOf(event: Event, localTime?: string): string {
  if (event.kind === 'recorded') return conversationElement({ id: event.id, occurredAt: event.occurredAt, ...event.payload }, localTime)
  if (event.kind === 'policy') return JSON.stringify(event.payload.limits)
  return JSON.stringify(event.payload)
}

/** An event as append.lua takes it, and the two texts that go beside it; what the predecessor reads has its times in `timeZone`. */
export function encodeEvent(event: Event, marks: Marks, timeZone: string): { event: object; texts: [body: string, point: string] } {
  const common = {
    id: event.id,
    user: event.user,
    kind: event.kind,
    at: event.acceptedAt,
    occurred: event.occurredAt,
    origin: event.origin,
    seq: event.seq,
    formerly: event.formerly,
    mark: marks.of(event.user),
  }
  if (event.kind === 'erased') return { event: { ...common, upTo: event.payload.upTo }, texts: [bodyOf(event), ''] }
  if (event.kind === 'adopted') return { event: { ...common, ...adopted(event, timeZone) }, texts: [bodyOf(event), ''] }
  if (event.kind !== 'recorded') return { event: common, texts: [bodyOf(event), ''] }
  const localTime = naiveTime(event.occurredAt, timeZone)
  const { riskLevel, emotionScore: score, fingerprint, topics, raisesLate, source, countsOnly } = event.payload
  const { id, occurredAt } = event
  return {
    event: { ...common, risk: riskRank(riskLevel), fingerprint, topics, localTime, late: raisesLate, source, countsOnly },
    texts: [bodyOf(event, localTime), pointElement({ id, occurredAt, riskLevel, score }, localTime)],
  }
}

/** What append.lua has to know of what another system had of a user. */
function adopted({ occurredAt, payload }: Extract<Event, { kind: 'adopted' }>, timeZone: string): object {
  const { source, totalChats, totalRiskAlerts, createdAt, lastActiveAt, topics, points } = payload
  const created = createdAt ?? occurredAt
  return {
    source,
    chats: totalChats,
    risks: totalRiskAlerts,
    created,
    createdTime: naiveTime(created, timeZone),
    active: lastActiveAt ?? undefined,
    activeTime: lastActiveAt === null ? undefined : naiveTime(lastActiveAt, timeZone),
    topics: topics.map((name) => ({ name, id: adoptedTopic(source, name) })),
    points: points.map((point) => ({
      id: point.id,
      occurred: point.occurredAt,
      risk: riskRank(point.riskLevel),
      element: pointElement(point, naiveTime(point.occurredAt, timeZone)),
    })),
  }
}

/** A read as read.lua takes it: risks as ranks, statuses spelled out. */
export function encodeRequest(request: ReadRequest, checked: boolean): object {
  if (request.kind === 'users') {
    const { minRisk, ...filter } = request.filter
    return { ...request, filter: minRisk === undefined ? filter : { ...filter, minRisk: riskRank(minRisk) } }
  }
  if (request.kind === 'conversations') {
    const { minRisk, ...rest } = request
    return minRisk === undefined ? { ...rest, checked } : { ...rest, minRisk: riskRank(minRisk), checked: true }
  }
  if (request.kind === 'emotions') return { ...request, checked }
  if (request.kind === 'alerts') {
    const { minLevel, status = ['OPEN', 'ACKNOWLEDGED', 'RESOLVED'], ...rest } = request
    return { ...rest, status, ...(minLevel && { least: riskRank(minLevel) }) }
  }
  return request
}
