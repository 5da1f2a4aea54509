import { z } from 'zod'
import type { Holders } from '../model.ts'

const holder = z.string().nullable().default(null)

/** Whose an alert was, as both stores note it with its events. */
export const HoldersJson: z.ZodType<Holders> = z.object({
  counselor: holder,
  assignee: holder,
  acknowledgedBy: holder,
  escalatedTo: z.array(z.string()).readonly().default([]),
})
