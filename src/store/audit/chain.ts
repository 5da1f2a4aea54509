import { createHmac, hash } from 'node:crypto'
import * as z from 'zod'
import { ROLES } from '../../model.ts'
import type { AuditEntry, AuditNote } from './audit.ts'

/** The newest entry of a chain; seq 0: there is none yet. */
export const Head = z.object({ origin: z.string(), seq: z.int().min(0), hash: z.string() })
export type Head = z.output<typeof Head>

/** What is fixed of a chain. `key` is that of the marks in it; `parent` the entry that this server went on behind. */
export const Chain = z.object({ origin: z.string(), key: z.string(), parent: Head.nullable() })
export type Chain = z.output<typeof Chain>

/** What an entry consists of, in this order: its bytes are hashed. */
export const Body = z.object({
  at: z.int(),
  request: z.string(),
  sub: z.string().nullable(),
  name: z.string().nullable(),
  role: z.enum(ROLES).nullable(),
  action: z.string(),
  user: z.string().nullable(),
  fields: z.array(z.string()),
  outcome: z.string(),
  erases: z.literal(true).optional(),
})
export type Body = z.output<typeof Body>

/** The same as text; what is damaged is an issue, no exception. */
export const BodyText = z.string().transform((json, { issues }) => {
  try {
    return Body.parse(JSON.parse(json))
  } catch {
    issues.push({ code: 'custom', input: json, message: 'damaged' })
    return z.NEVER
  }
})

/** Stands for a user in entries. */
export const markOf = (key: string, userId: string): string =>
  createHmac('sha256', Buffer.from(key, 'hex')).update(userId).digest('base64url')

/** What the first entry of a chain is chained to. */
export const baseOf = ({ origin, key, parent }: Chain): string => hash('sha256', JSON.stringify([origin, key, parent]))

/** sha256 over the hash before (hex) and the bytes of the body. */
export const chained = (previous: string, body: string): string => hash('sha256', previous + body)

const DIGITS = 12
export const idOf = (origin: string, seq: number): string => `${origin}-${String(seq).padStart(DIGITS, '0')}`

const ID = /^([0-9a-f]{16})-(\d{12})$/
export function placeOf(id: string): { origin: string; seq: number } | null {
  const [, origin, seq] = ID.exec(id) ?? []
  return origin === undefined ? null : { origin, seq: Number(seq) }
}

export function bodyOf({ at, requestId, actor, action, fields, outcome, erases }: AuditNote, mark: string | null): Body {
  const { sub = null, name = null, role = null } = actor ?? {}
  return { at, request: requestId, sub, name, role, action, user: mark, fields: [...fields], outcome, ...(erases && { erases }) }
}

export function entryOf(id: string, { request, sub, name, role, user, erases: _, ...rest }: Body, userId: string | null): AuditEntry {
  const actor = sub === null || name === null || role === null ? null : { sub, name, role }
  return { id, requestId: request, actor, userMark: user, userId, ...rest }
}
