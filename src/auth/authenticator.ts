import { userInfo } from 'node:os'
import { XinyiError } from '../errors.ts'
import type { Caller } from '../model.ts'
import { OneTimeCode } from './code.ts'
import { Ends } from './ends.ts'
import { type Session, Sessions } from './sessions.ts'
import type { Tokens } from './tokens.ts'

/** What a request shows of whoever makes it. */
export interface Credentials {
  /** Over the socket in DATA_DIR, from this machine, or from anywhere. */
  readonly from: 'SOCKET' | 'LOOPBACK' | 'NETWORK'
  /** Such as `Bearer <token>`; null for none. Goes before a session. */
  readonly authorization: string | null
  /** The secret of a session; null for none. */
  readonly session: string | null
  /** What they call themselves; believed only where nobody has to prove it. */
  readonly actor: string | null
}

/** What somebody signs a browser in with. */
export type SignIn = { readonly code: string } | { readonly token: string }

export interface AuthenticatorOptions {
  required: boolean
  tokens: Tokens
  clock: () => number
  known?: (caller: Caller) => void
}

/** The one rule of who asks: every way in goes by it, before anything else is done. */
export class Authenticator {
  readonly #required: boolean
  readonly #tokens: Tokens
  readonly #sessions: Sessions
  readonly #code: OneTimeCode
  readonly #ends = new Ends()
  readonly #known: (caller: Caller) => void

  /** `known` hears, each time, of whoever has shown who they are by a token or by signing in. */
  constructor({ required, tokens, clock, known = () => {} }: AuthenticatorOptions) {
    this.#required = required
    this.#tokens = tokens
    this.#known = known
    this.#sessions = new Sessions(clock)
    this.#code = new OneTimeCode(clock)
    // Which of them came by the key that was withdrawn is not known: whoever has a valid token comes again.
    tokens.onWithdrawn(() => {
      this.#sessions.endAll()
      this.#ends.endAll()
    })
  }

  /** Who asks. UNAUTHENTICATED where that is not known; STORE_UNAVAILABLE while the keys that it takes can't be had. */
  async authenticate({ from, authorization, session, actor }: Credentials): Promise<Caller> {
    if (from === 'SOCKET') return systemUser()
    if (!this.#required) {
      if (from === 'LOOPBACK') return { ...nobodyInParticular, ...(actor !== null && { sub: actor, name: actor }) }
      throw unauthenticated('Whoever asks has to come from this machine.', 'Leave AUTH on, and send a token.')
    }
    if (authorization !== null) {
      const [, token] = /^Bearer +([^\s]+) *$/i.exec(authorization) ?? []
      if (token === undefined) throw unauthenticated('The authorization is no bearer token.', HINT)
      return this.#callerOf(token)
    }
    if (session === null) throw unauthenticated('Nothing says who asks.', HINT)
    const caller = this.#sessions.find(session)
    if (!caller) throw unauthenticated('The session has ended.', 'Sign in again, at /graphql.')
    return caller
  }

  /** Calls back once, when what somebody came with ends; answers how to give that up. */
  onEnd(caller: Caller, ended: () => void): () => void {
    return this.#ends.on(caller, ended)
  }

  /** A code that signs one browser in, within 10 minutes, as a supervisor with the name of the account that the server runs as. */
  newCode(): string {
    return this.#code.issue()
  }

  /** Begins a session in a browser. */
  async signIn(given: SignIn): Promise<Session> {
    if ('token' in given) return this.#sessions.begin(await this.#callerOf(given.token))
    if (!this.#code.redeem(given.code))
      throw unauthenticated(
        'The link was used, is older than 10 minutes, or was guessed at.',
        'Start the server again for another, or use a token.',
      )
    const caller: Caller = { ...systemUser(), roles: ['SUPERVISOR'] }
    this.#known(caller)
    return this.#sessions.begin(caller)
  }

  async #callerOf(token: string): Promise<Caller> {
    const caller = await this.#tokens.callerOf(token)
    this.#known(caller)
    return caller
  }

  /** Ends the session that somebody came with, and whatever goes on in it. */
  signOut({ key }: Caller): void {
    if (key === undefined) return
    this.#sessions.end(key)
    this.#ends.end(key)
  }
}

const HINT = 'Send the header authorization: Bearer <token>; on the server, npx xinyi token prints one. In a browser, sign in at /graphql.'

const unauthenticated = (message: string, hint: string): XinyiError => new XinyiError('UNAUTHENTICATED', message, hint)

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
