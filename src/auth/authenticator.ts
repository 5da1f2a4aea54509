import { userInfo } from 'node:os'
import { XinyiError } from '../errors.ts'
import type { Caller } from '../model.ts'
import { after } from './after.ts'
import type { Tokens } from './tokens.ts'

/** What a request shows of whoever makes it. */
export interface Credentials {
  /** Over the socket in DATA_DIR, from this machine, or from anywhere. */
  readonly from: 'SOCKET' | 'LOOPBACK' | 'NETWORK'
  /** Such as `Bearer <token>`; null for none. */
  readonly authorization: string | null
  /** What they call themselves; believed only where nobody has to prove it. */
  readonly actor: string | null
}

/** The one rule of who asks: every way in goes by it, before anything else is done. */
export class Authenticator {
  readonly #required: boolean
  readonly #tokens: Tokens

  constructor({ required, tokens }: { required: boolean; tokens: Tokens }) {
    this.#required = required
    this.#tokens = tokens
  }

  /** Who asks. UNAUTHENTICATED where that is not known; STORE_UNAVAILABLE while the keys that it takes can't be had. */
  async authenticate({ from, authorization, actor }: Credentials): Promise<Caller> {
    if (from === 'SOCKET') return systemUser()
    if (!this.#required) {
      if (from === 'LOOPBACK') return { ...nobodyInParticular, ...(actor !== null && { sub: actor, name: actor }) }
      throw unauthenticated('Whoever asks has to come from this machine.', 'Leave AUTH on, and send a token.')
    }
    if (authorization === null) throw unauthenticated('Nothing says who asks.', HINT)
    const [, token] = /^Bearer +([^\s]+) *$/i.exec(authorization) ?? []
    if (token === undefined) throw unauthenticated('The authorization is no bearer token.', HINT)
    return this.#tokens.callerOf(token)
  }

  /** Calls back once, when what somebody came with ends; answers how to give that up. */
  onEnd({ expiresAt }: Caller, ended: () => void): () => void {
    return expiresAt === undefined ? () => {} : after(expiresAt, ended)
  }
}

const HINT = 'Send the header authorization: Bearer <token>; on the server, npx xinyi token prints one.'

export const unauthenticated = (message: string, hint: string): XinyiError => new XinyiError('UNAUTHENTICATED', message, hint)

const nobodyInParticular: Caller = { sub: 'local', name: 'local', roles: ['SUPERVISOR', 'ADMIN'] }

/** Whom the operating system knows this process as: only they can open the socket in DATA_DIR, or the database itself. */
export function systemUser(): Caller {
  const name = nameOfSystemUser()
  return { sub: name, name, roles: ['SUPERVISOR', 'ADMIN'] }
}

function nameOfSystemUser(): string {
  try {
    return userInfo().username
  } catch {
    // A number without an entry among the users, as containers have it.
    return `uid ${process.getuid?.()}`
  }
}
