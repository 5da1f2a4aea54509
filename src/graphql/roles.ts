import type { Role } from '../model.ts'

/** Who may: whoever has one of these roles. Types and fields declare it (`authScopes`); a field of a type of which others may not read the rest skips the type's. */
type Roles = Partial<Record<Role, true>>

export const EVERYBODY = { SERVICE: true, COUNSELOR: true, SUPERVISOR: true, ADMIN: true } as const satisfies Roles
/** Those who look after people. A counselor sees nobody but their own: for them nobody else exists (`View` of the store). */
export const CARE = { COUNSELOR: true, SUPERVISOR: true } as const satisfies Roles
export const SUPERVISOR = { SUPERVISOR: true } as const satisfies Roles
export const ADMIN = { ADMIN: true } as const satisfies Roles
export const STAFFING = { SUPERVISOR: true, ADMIN: true } as const satisfies Roles
export const ERASURE = { SUPERVISOR: true, ADMIN: true } as const satisfies Roles
/** Numbers in which nobody can be seen. */
export const FIGURES = { COUNSELOR: true, SUPERVISOR: true, ADMIN: true } as const satisfies Roles
export const RECORDING = { SERVICE: true, SUPERVISOR: true } as const satisfies Roles
export const PROMPT = { SERVICE: true, COUNSELOR: true, SUPERVISOR: true } as const satisfies Roles

/** What of a person, a conversation or an alert the assistant's back end needs, too. */
export const FOR_SERVICE = { skipTypeScopes: true, authScopes: PROMPT } as const
/** Granted by the conversations of a prompt. */
export const IN_PROMPT = 'the conversations of a prompt'
/** The same, but only where it is part of a prompt. */
export const FOR_SERVICE_IN_PROMPT = { skipTypeScopes: true, authScopes: { ...CARE, $granted: IN_PROMPT } } as const
