import { createHmac } from 'node:crypto'
import { naiveTime } from '../../local-time.ts'
import { type RiskLevel, riskRank } from '../../model.ts'
import type { Event, ReadRequest } from '../store.ts'

/** The predecessor knows three levels; its readers see IMMINENT as high and UNKNOWN as unknown. */
const legacyRisk = (level: RiskLevel): string => (level === 'IMMINENT' ? 'high' : level.toLowerCase())

/** A user's name among the erased: tells whether a given user is one of them, but not who they were. */
export const markOf = (tombstoneKey: string, userId: string): string => createHmac('sha256', tombstoneKey).update(userId).digest('hex')

/** What every element begins with: the scripts find its place by it, without decoding the rest (lists.lua). */
const head = (event: Event & { kind: 'recorded' }) => ({ at: event.occurredAt, rank: riskRank(event.payload.riskLevel), id: event.id })

/** An element of a list of conversations: our fields around the predecessor's. */
function conversationElement(event: Event & { kind: 'recorded' }, timeZone: string): string {
  const { query, response, riskLevel, emotionScore, references, topics } = event.payload
  return JSON.stringify({
    ...head(event),
    timestamp: naiveTime(event.occurredAt, timeZone),
    query,
    response,
    risk_level: legacyRisk(riskLevel),
    emotion_score: emotionScore,
    references_count: references,
    topics,
  })
}

/** An element of a list of emotion points. */
function pointElement(event: Event & { kind: 'recorded' }, timeZone: string): string {
  const { riskLevel, emotionScore } = event.payload
  return JSON.stringify({
    ...head(event),
    timestamp: naiveTime(event.occurredAt, timeZone),
    score: emotionScore,
    risk: legacyRisk(riskLevel),
  })
}

function bodyOf(event: Event, timeZone: string): string {
  if (event.kind === 'recorded') return conversationElement(event, timeZone)
  if (event.kind === 'policy') return JSON.stringify(event.payload.limits)
  return JSON.stringify(event.payload)
}

/** An event as append.lua takes it; what the predecessor reads has its times in `timeZone`. */
export function encodeEvent(event: Event, tombstoneKey: string, timeZone: string): object {
  const common = {
    id: event.id,
    user: event.user,
    kind: event.kind,
    at: event.acceptedAt,
    occurred: event.occurredAt,
    origin: event.origin,
    seq: event.seq,
    mark: markOf(tombstoneKey, event.user),
    body: bodyOf(event, timeZone),
  }
  if (event.kind !== 'recorded') return common
  return {
    ...common,
    risk: riskRank(event.payload.riskLevel),
    fingerprint: event.payload.fingerprint,
    point: pointElement(event, timeZone),
    topics: event.payload.topics,
    localTime: naiveTime(event.occurredAt, timeZone),
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
    const { minLevel, status = ['OPEN', 'ACKNOWLEDGED', 'RESOLVED'], page, ...rest } = request
    return { ...rest, status, page, ...(minLevel && { least: riskRank(minLevel) }) }
  }
  return request
}
