import { z } from 'zod'
import { RISK_LEVELS } from '../model.ts'
import type { EventPayloads } from './events.ts'

const time = z.int().nullable()

/** What another system had of a user, as both stores keep it in their logs. */
export const AdoptedSchema: z.ZodType<EventPayloads['adopted']> = z.object({
  source: z.string(),
  totalChats: z.int(),
  totalRiskAlerts: z.int(),
  createdAt: time,
  lastActiveAt: time,
  topics: z.array(z.string()),
  points: z.array(z.object({ id: z.string(), occurredAt: z.int(), score: z.number().nullable(), riskLevel: z.enum(RISK_LEVELS) })),
})
