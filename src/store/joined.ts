import { z } from 'zod'
import { STAFF_ROLES } from '../model.ts'
import type { Joined } from './copy.ts'

/** What is kept of somebody who has signed in. */
export const CounselorSchema = z.object({ sub: z.string(), name: z.string(), role: z.enum(STAFF_ROLES) })
export const JoinedSchema: z.ZodType<Joined> = CounselorSchema.extend({ at: z.number() })

/** As Redis keeps it. */
export const joinedText = ({ at, sub, name, role }: Joined): string => JSON.stringify({ at, sub, name, role })
