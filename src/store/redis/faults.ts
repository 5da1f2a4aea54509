import { badInput, storeUnavailable, type XinyiError } from '../../errors.ts'

/**
 * What went wrong, in a word or two. Nothing else of a client error may leave this directory: ioredis puts the whole command, and so
 * conversation text, on the errors it throws.
 */
export function wordOf(error: unknown): string {
  if (error instanceof Fault) return error.code
  const message = error instanceof Error ? error.message : ''
  const said = /^[A-Z]{3,}\b/.exec(message)?.[0]
  if (said) return said
  if (message.includes('timed out') || message.includes('ETIMEDOUT')) return 'timed out'
  if (message.startsWith('Unknown RESP') || message.startsWith('Protocol error')) return 'not Redis'
  return (error instanceof Error && 'code' in error && /^[A-Z_]{4,}$/.exec(String(error.code))?.[0]) || 'not connected'
}

/** Why a store can't be used or has not answered; its code is what the log shows. */
export class Fault extends Error {
  override readonly name: string = 'Fault'
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}

/** What Redis keeps of these users does not fit together: keys are missing or can't be read. */
export class DamagedUsers extends Fault {
  override readonly name = 'DamagedUsers'
  readonly users: readonly string[]

  constructor(users: readonly string[]) {
    super('DAMAGED')
    this.users = users
  }
}

/** Runs a call of the client; what it throws is a Fault without any text in it. */
export async function withoutText<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw error instanceof Fault ? error : new Fault(wordOf(error))
  }
}

export const unavailable = (fault: Fault): XinyiError => storeUnavailable(fault)

/** A script that was asked in another epoch than the present one changes nothing and tells nothing. */
export function fenced(state: unknown): void {
  if (state !== 'ok') throw unavailable(new Fault('STALE'))
}

export const noFile = (): XinyiError =>
  badInput('There is only Redis here, and no SQLite file to copy.', 'Take the backup where a server keeps its data directory.')
