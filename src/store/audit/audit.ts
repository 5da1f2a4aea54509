import type { Role } from '../../model.ts'
import type { Page, Slice } from '../page.ts'

/** What somebody did, or was shown, of one person in one request. Never holds what anybody said. */
export interface AuditNote {
  at: number
  requestId: string
  /** Null where it is not known who asked. */
  actor: { sub: string; name: string; role: Role } | null
  /** Names of the schema, such as `Mutation.eraseUser`; of a read, those of its root fields. */
  action: string
  /** Null where it concerns nobody in particular. */
  userId: string | null
  /** The fields of text that were given, such as `Conversation.query`. */
  fields: readonly string[]
  /** OK, or the code of an error. */
  outcome: string
  /** The person was erased by this: from here on none of their entries up to now names them. */
  erases?: boolean | undefined
}

export interface AuditEntry extends Omit<AuditNote, 'erases'> {
  id: string
  /** Stands for the user, and does not tell who they are: an HMAC of their id. */
  userMark: string | null
  /** Null also for somebody who was erased since. */
  userId: string | null
}

export interface AuditQuestion {
  userId?: string | undefined
  /** A sub. */
  actor?: string | undefined
  /** Inclusive. */
  from?: number | undefined
  to?: number | undefined
  page: Page
}

/** Where notes are kept, append-only. Rejects with STORE_UNAVAILABLE; after a rejected `append` none of the notes is there. */
export interface AuditLog {
  append(notes: readonly AuditNote[]): Promise<void>
  /** Newest first. Key: [at, id], descending. total is null. */
  page(asked: AuditQuestion): Promise<Slice<AuditEntry>>
  close(): Promise<void>
}
