import { createHash, randomUUID } from 'node:crypto'
import { type Counselor, DEFAULT_TRIAGE, type Limits, type RiskLevel } from '../../src/model.ts'
import type { AlertAction, Event, EventPayloads } from '../../src/store/store.ts'

/** The present of most tests. */
export const NOW = Date.UTC(2026, 10, 20, 12)
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

export const NO_LIMITS: Limits = {
  ...{ conversations: 0, conversationsDays: 0, emotions: 0, emotionsDays: 0, profileDays: 0, alertsDays: 0 },
  triage: DEFAULT_TRIAGE,
}
export const limits = (some: Partial<Limits> = {}): Limits => ({ ...NO_LIMITS, ...some })

export interface Said {
  user?: string
  id?: string
  acceptedAt?: number
  /** Default: acceptedAt. */
  occurredAt?: number
  query?: string
  response?: string
  riskLevel?: RiskLevel
  emotionScore?: number | null
  references?: number
  topics?: readonly string[]
  raisesLate?: true | undefined
  source?: string | undefined
  countsOnly?: true | undefined
}

/** One process start: makes events and numbers them. */
export class Origin {
  readonly name: string
  seq = 0

  constructor(name: string = randomUUID()) {
    this.name = name
  }

  recorded({ user = 'u', id, acceptedAt = NOW, occurredAt = acceptedAt, ...said }: Said = {}): Event {
    const numbered = this.#next(id)
    const { query = `query ${numbered.id}`, response = `response ${numbered.id}`, riskLevel = 'LOW', topics = [] } = said
    const content = { query, response, riskLevel, emotionScore: said.emotionScore ?? null, references: said.references ?? 0, topics }
    const fingerprint = createHash('sha256').update(JSON.stringify(content)).digest('hex')
    return {
      ...numbered,
      kind: 'recorded',
      user,
      acceptedAt,
      occurredAt,
      payload: {
        ...content,
        fingerprint,
        ...(said.raisesLate && { raisesLate: true as const }),
        ...(said.source && { source: said.source }),
        ...(said.countsOnly && { countsOnly: true as const }),
      },
    }
  }

  adopted(user: string, some: Partial<EventPayloads['adopted']> = {}, acceptedAt = NOW, id?: string): Event {
    const payload = {
      source: 'sqlite',
      totalChats: 0,
      totalRiskAlerts: 0,
      createdAt: null,
      lastActiveAt: null,
      topics: [],
      points: [],
      ...some,
    }
    const times = [payload.createdAt, payload.lastActiveAt, ...payload.points.map(({ occurredAt }) => occurredAt)].filter(
      (time) => time !== null,
    )
    return { ...this.#next(id), kind: 'adopted', user, acceptedAt, occurredAt: Math.min(acceptedAt, ...times), payload }
  }

  cleared(user: string, acceptedAt = NOW): Event {
    return { ...this.#next(), kind: 'cleared', user, acceptedAt, occurredAt: acceptedAt, payload: {} }
  }

  expired(user: string, acceptedAt = NOW): Event {
    return { ...this.#next(), kind: 'expired', user, acceptedAt, occurredAt: acceptedAt, payload: {} }
  }

  erased(user: string, acceptedAt = NOW, reason = 'asked for'): Event {
    return { ...this.#next(), kind: 'erased', user, acceptedAt, occurredAt: acceptedAt, payload: { reason } }
  }

  policy(some: Partial<Limits>, acceptedAt = NOW): Event {
    return { ...this.#next(), kind: 'policy', user: '', acceptedAt, occurredAt: acceptedAt, payload: { limits: limits(some) } }
  }

  joined(counselor: Counselor, acceptedAt = NOW): Event {
    return { ...this.#next(), kind: 'joined', user: '', acceptedAt, occurredAt: acceptedAt, payload: counselor }
  }

  acted(user: string, action: Partial<AlertAction> & Pick<AlertAction, 'alertId' | 'action'>, acceptedAt = NOW, id?: string): Event {
    const payload = { version: null, actor: null, note: null, resolution: null, to: [], due: null, ...action }
    return { ...this.#next(id), kind: 'acted', user, acceptedAt, occurredAt: acceptedAt, payload }
  }

  assigned(user: string, counselor: string | null, acceptedAt = NOW, actor: string | null = 'wang', note: string | null = null): Event {
    return { ...this.#next(), kind: 'assigned', user, acceptedAt, occurredAt: acceptedAt, payload: { counselor, actor, note } }
  }

  /** What is left of an event that was erased before it got its index. */
  voided(acceptedAt = NOW): Event {
    return { ...this.#next(''), kind: 'void', user: '', acceptedAt, occurredAt: acceptedAt, payload: {} }
  }

  #next(id?: string): { id: string; origin: string; seq: number } {
    this.seq += 1
    return { id: id ?? `${this.name} ${this.seq}`, origin: this.name, seq: this.seq }
  }
}
