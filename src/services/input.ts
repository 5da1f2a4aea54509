import { hash } from 'node:crypto'
import { badInput } from '../errors.ts'
import type { RiskLevel } from '../model.ts'
import { checkText, MAX_IDEMPOTENCY_KEY, MAX_USER_ID } from './text.ts'

/** A conversation as its caller gives it. */
export interface RecordInput {
  userId: string
  query: string
  response: string
  riskLevel: RiskLevel
  emotionScore?: number | null | undefined
  references?: number | null | undefined
  topics?: readonly string[] | null | undefined
  occurredAt?: number | null | undefined
  idempotencyKey?: string | null | undefined
  raiseAlert?: boolean | null | undefined
  /** The system that it is taken over from. */
  source?: string | undefined
}

export interface RecordLimits {
  maxQueryCodePoints: number
  maxResponseCodePoints: number
}

/** The same after all checks; null where the service has to find a value itself. */
export interface ValidRecord {
  /** Null: somebody unnamed. */
  userId: string | null
  query: string
  response: string
  riskLevel: RiskLevel
  emotionScore: number | null
  references: number
  topics: readonly string[] | null
  occurredAt: number | null
  idempotencyKey: string | null
}

const MAX_REFERENCES = 1_000_000
/** Of one conversation. */
export const MAX_TOPICS = 20
const MAX_TOPIC = 64
/** How far a caller's clock may be ahead of ours. */
const MAX_AHEAD_MS = 60_000

/** Checks every field; throws BAD_USER_INPUT naming the first one at fault. */
export function validRecord(given: RecordInput, limits: RecordLimits, now: number): ValidRecord {
  checkText('userId', given.userId, { max: MAX_USER_ID, empty: true })
  return {
    userId: given.userId === '' || given.userId === 'anonymous' ? null : given.userId,
    query: checkText('query', given.query, { max: limits.maxQueryCodePoints }),
    response: checkText('response', given.response, { max: limits.maxResponseCodePoints, empty: true }),
    riskLevel: given.riskLevel,
    emotionScore: given.emotionScore == null ? null : validScore(given.emotionScore),
    references: validReferences(given.references ?? 0),
    topics: given.topics == null ? null : validTopics(given.topics),
    occurredAt: given.occurredAt == null ? null : validTime(given.occurredAt, now),
    idempotencyKey: given.idempotencyKey == null ? null : checkText('idempotencyKey', given.idempotencyKey, { max: MAX_IDEMPOTENCY_KEY }),
  }
}

/** Digest of what the caller gave, before defaults: tells a retry from another conversation under the same key. */
export function fingerprintOf(given: RecordInput): string {
  const { emotionScore = null, occurredAt = null, query, references = null, response, riskLevel, topics = null } = given
  return hash('sha256', JSON.stringify({ emotionScore, occurredAt, query, references, response, riskLevel, topics }))
}

function validScore(score: number): number {
  if (!Number.isFinite(score))
    throw badInput('emotionScore is not a finite number.', 'Give a finite number, or leave it out.', 'emotionScore')
  // Negative zero would not survive every store.
  return score + 0
}

function validReferences(references: number): number {
  if (!Number.isInteger(references) || references < 0 || references > MAX_REFERENCES) {
    throw badInput('references is out of range.', `Give a whole number from 0 to ${MAX_REFERENCES}.`, 'references')
  }
  return references + 0
}

function validTopics(given: readonly string[]): string[] {
  const topics = given.map((topic, i) => {
    return checkText(`topics[${i}]`, topic.normalize('NFC').trim(), { max: MAX_TOPIC })
  })
  const distinct = [...new Set(topics)]
  if (distinct.length > MAX_TOPICS) {
    throw badInput(`topics has ${distinct.length} entries; at most ${MAX_TOPICS} are taken.`, 'Name the most important ones.', 'topics')
  }
  return distinct
}

function validTime(time: number, now: number): number {
  const refuse = (message: string, hint: string) => badInput(message, hint, 'occurredAt')
  if (!Number.isInteger(time)) throw refuse('occurredAt is not a whole number of milliseconds.', 'Give the time to the millisecond.')
  if (time < 0) throw refuse('occurredAt is before 1970.', 'Give the time at which the conversation took place.')
  if (time > now + MAX_AHEAD_MS) {
    throw refuse('occurredAt is more than 60 seconds in the future.', 'Check the clock and the time zone, or leave it out for the present.')
  }
  return time
}
