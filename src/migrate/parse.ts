import { isUtf8 } from 'node:buffer'
import * as z from 'zod'
import { timeOfNaive } from '../local-time.ts'
import type { RiskLevel } from '../model.ts'
import type { LegacyPoint, LegacyTurn, Quarantined, Reason } from './legacy.ts'

/** A record that can't be taken over. */
export class Unusable extends Error {
  readonly reason: Reason

  constructor(reason: Reason) {
    super(reason)
    this.reason = reason
  }
}

/** How far ahead of ours the clock of the predecessor may have been. */
const MAX_AHEAD_MS = 60_000

/** How the records of one store are to be read. */
export interface Reading {
  /** Of the times that name none. */
  timeZone: string
  now: number
}

/** JSON as Python writes it, in which a number may be NaN or Infinity: null. */
export function legacyJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    try {
      return JSON.parse(text.replaceAll(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (token) => (token.startsWith('"') ? token : 'null')))
    } catch {
      throw new Unusable('bad_json')
    }
  }
}

const NAIVE = z.regexes.datetime({ local: true })
const ZONED = z.regexes.datetime({ offset: true })

export function timeOf(stamp: unknown, { timeZone, now }: Reading): number {
  if (typeof stamp !== 'string') throw new Unusable('bad_timestamp')
  const text = stamp.trim().replace(/^(\d{4}-\d\d-\d\d) (?=\d)/, '$1T')
  const at = ZONED.test(text) ? Date.parse(text) : NAIVE.test(text) ? timeOfNaive(text, timeZone) : Number.NaN
  if (Number.isNaN(at) || at < 0) throw new Unusable('bad_timestamp')
  if (at > now + MAX_AHEAD_MS) throw new Unusable('future_timestamp')
  return at
}

/** Whatever is none of the predecessor's three levels is not known. */
export function riskOf(risk: unknown): RiskLevel {
  const level = typeof risk === 'string' ? risk.trim().toUpperCase() : ''
  return level === 'LOW' || level === 'MEDIUM' || level === 'HIGH' ? level : 'UNKNOWN'
}

export const scoreOf = (score: unknown): number | null => (typeof score === 'number' && Number.isFinite(score) ? score + 0 : null)

const Count = z
  .union([
    z.int(),
    z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number),
  ])
  .pipe(z.int().min(0).max(2_147_483_647))

/** A counter as either store keeps it. */
export function countOf(count: unknown): number {
  const parsed = Count.safeParse(count)
  if (!parsed.success) throw new Unusable('bad_number')
  return parsed.data
}

const MAX_REFERENCES = 1_000_000

const referencesOf = (count: unknown): number => {
  const { data = 0 } = Count.safeParse(count)
  return data <= MAX_REFERENCES ? data : 0
}

export function topicOf(name: unknown): string {
  const topic = typeof name === 'string' ? name.normalize('NFC').trim() : ''
  if (topic === '' || [...topic].length > 64) throw new Unusable('bad_topic')
  return wellFormed(topic)
}

function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new Unusable('bad_text')
  return text
}

const Turn = z.object({
  timestamp: z.unknown().optional(),
  query: z.string(),
  response: z.string(),
  risk_level: z.unknown().optional(),
  emotion_score: z.unknown().optional(),
  references_count: z.unknown().optional(),
})
const Point = z.object({ timestamp: z.unknown().optional(), score: z.unknown().optional(), risk: z.unknown().optional() })

/** A turn as a row of SQLite or an element of a list in Redis has it. */
export function turnOf(record: unknown, reading: Reading): LegacyTurn {
  const parsed = Turn.safeParse(record)
  if (!parsed.success) throw new Unusable('bad_shape')
  const { timestamp, query, response, risk_level, emotion_score, references_count } = parsed.data
  const at = timeOf(timestamp, reading)
  if (query === '') throw new Unusable('empty_query')
  return {
    stamp: String(timestamp).trim(),
    at,
    query: wellFormed(query),
    response: wellFormed(response),
    riskLevel: riskOf(risk_level),
    emotionScore: scoreOf(emotion_score),
    references: referencesOf(references_count),
  }
}

export function pointOf(record: unknown, reading: Reading): LegacyPoint {
  const parsed = Point.safeParse(record)
  if (!parsed.success) throw new Unusable('bad_shape')
  const { timestamp, score, risk } = parsed.data
  const at = timeOf(timestamp, reading)
  return { stamp: String(timestamp).trim(), at, score: scoreOf(score), riskLevel: riskOf(risk) }
}

export const byTime = (a: { at: number; stamp: string }, b: { at: number; stamp: string }): number =>
  a.at - b.at || (a.stamp < b.stamp ? -1 : 1)

/** Reads the records of one user, and keeps those that can't be read, with why. */
export class Sieve {
  readonly quarantined: Quarantined[] = []
  readonly #store: Quarantined['store']
  readonly #userId: string

  constructor(store: Quarantined['store'], userId: string) {
    this.#store = store
    this.#userId = userId
  }

  /** What `read` makes of the record; null, and the record put aside, where it is unusable. */
  take<T>(where: string, record: unknown, read: () => T): T | null {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      this.setAside(where, error.reason, record)
      return null
    }
  }

  setAside(where: string, reason: Reason, record: unknown): void {
    const text = asText(record)
    this.quarantined.push({
      store: this.#store,
      userId: this.#userId,
      where,
      reason,
      record: text !== null && text.length <= MAX_KEPT ? text : null,
    })
  }

  /** The usable ones of many records. */
  all<R, T>(where: string, records: readonly R[], read: (record: R) => T): T[] {
    return records.flatMap((record, i) => this.take(`${where}[${i}]`, record, () => read(record)) ?? [])
  }
}

const MAX_KEPT = 100_000

function asText(record: unknown): string | null {
  if (record == null || typeof record === 'string') return record ?? null
  return Buffer.isBuffer(record) ? (isUtf8(record) ? record.toString() : null) : JSON.stringify(record)
}
