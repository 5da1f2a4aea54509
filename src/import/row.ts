import * as z from 'zod'
import { timeOfNaive } from '../local-time.ts'
import { RISK_LEVELS, type RiskLevel } from '../model.ts'

/** What a row says, before it has an idempotency key. */
export interface Row {
  userId: string
  query: string
  response: string
  riskLevel: RiskLevel
  emotionScore: number | null
  topics: string[] | null
  /** RFC 3339 in UTC. */
  occurredAt: string | null
  /** As it stands in the row. */
  timestamp: string | null
}

const text = () => z.string({ error: ({ input }) => (input === undefined ? 'is missing' : 'has to be a string') })
const Risk = text()
  .trim()
  .toUpperCase()
  .pipe(z.enum([...RISK_LEVELS, 'NONE', ''], { error: `has to be one of ${RISK_LEVELS.join(', ')} or NONE` }))
  .transform((risk): RiskLevel => (risk === 'NONE' || risk === '' ? 'LOW' : risk))
const Zoned = z.iso.datetime({ offset: true })
const Naive = z.union([z.iso.date().transform((date) => `${date}T00:00:00`), z.iso.datetime({ local: true })])

/** Reads the rows of one file; naive times are in `timeZone`. */
export function rowSchema(timeZone: string) {
  const toIso = (timestamp: string): string | undefined => {
    const text = timestamp
      .trim()
      .toUpperCase()
      .replace(/^(\d{4}-\d\d-\d\d) (?=\d)/, '$1T')
    const zoned = Zoned.safeParse(text)
    const naive = Naive.safeParse(text)
    const time = zoned.success ? Date.parse(zoned.data) : naive.success ? timeOfNaive(naive.data, timeZone) : Number.NaN
    return Number.isNaN(time) ? undefined : new Date(time).toISOString()
  }
  return z
    .object(
      {
        user: text(),
        query: text(),
        response: text(),
        timestamp: text().nullish(),
        risk: Risk.nullish(),
        emotionScore: z.number({ error: 'has to be a finite number' }).nullish(),
        topic: text().nullish(),
      },
      { error: 'The row has to be a JSON object' },
    )
    .transform(({ user, query, response, timestamp, risk, emotionScore, topic }, context): Row => {
      const occurredAt = timestamp ? toIso(timestamp) : null
      if (occurredAt === undefined) {
        context.addIssue({ code: 'custom', path: ['timestamp'], message: 'has to be a date or time such as 2026-03-01T08:30:00+08:00' })
        return z.NEVER
      }
      return {
        userId: user,
        query,
        response,
        riskLevel: risk ?? 'LOW',
        emotionScore: emotionScore ?? null,
        topics: topic?.trim() ? [topic] : null,
        occurredAt,
        timestamp: timestamp ?? null,
      }
    })
}
