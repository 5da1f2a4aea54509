import type { IncomingMessage, ServerResponse } from 'node:http'
import * as z from 'zod'
import type { Authenticator } from '../auth/authenticator.ts'
import { XinyiError } from '../errors.ts'
import type { Caller } from '../model.ts'
import { Rate } from '../services/rate.ts'
import { readBody, refuseBody } from './body.ts'
import { blockOf } from './connections.ts'
import { cookieName } from './credentials.ts'
import { MEDIA_TYPE, takesJson } from './graphql.ts'
import { type HttpError, httpErrorOf, sendError, sendJson } from './respond.ts'

const MAX_BODY_BYTES = 16_384
/** Whoever signs in is not known yet, so it is counted where they come from, and in all. */
const PER_MINUTE_OF_ADDRESS = 30
const PER_MINUTE_IN_ALL = 300
const IN_ALL = 'in all'

const SignIn = z.union([z.strictObject({ code: z.string().min(1).max(100) }), z.strictObject({ token: z.string().min(1) })])

/** Sessions of browsers, and the cookie that they are known by. */
export class SessionEndpoint {
  readonly #authenticator: Authenticator
  readonly #cookie: string
  readonly #attributes: string
  readonly #rate = new Rate()

  /** `behindTls`: the cookie is sent over TLS alone. */
  constructor({ authenticator, behindTls }: { authenticator: Authenticator; behindTls: boolean }) {
    this.#authenticator = authenticator
    this.#cookie = cookieName(behindTls)
    this.#attributes = `Path=/; HttpOnly; SameSite=Strict${behindTls ? '; Secure' : ''}`
  }

  /** Signs a browser in, with `{"code": …}` from the link that a start prints or `{"token": …}`. */
  async signIn(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { remoteAddress } = req.socket
    // Whoever comes over the socket in DATA_DIR has no address, and no need to be counted.
    const waitSeconds = remoteAddress === undefined ? 0 : this.#waitOf(blockOf(remoteAddress))
    if (waitSeconds > 0) return refuseBody(req, res, tooManySignIns(waitSeconds))
    if (!takesJson(req)) return refuseBody(req, res, MEDIA_TYPE)
    const body = await readBody(req, MAX_BODY_BYTES)
    if (typeof body !== 'string') return refuseBody(req, res, body)
    const given = parsed(body)
    if (!given) return sendError(res, WHAT_TO_SEND)
    try {
      const { secret, caller, expiresAt } = await this.#authenticator.signIn(given)
      const seconds = Math.max(Math.floor((expiresAt - Date.now()) / 1_000), 0)
      sendJson(res, 200, described(caller), { 'set-cookie': `${this.#cookie}=${secret}; Max-Age=${seconds}; ${this.#attributes}` })
    } catch (error) {
      if (!(error instanceof XinyiError)) throw error
      sendError(res, httpErrorOf(error))
    }
  }

  #waitOf(address: string): number {
    return this.#rate.take(address, PER_MINUTE_OF_ADDRESS) || this.#rate.take(IN_ALL, PER_MINUTE_IN_ALL)
  }

  /** Says who is signed in. */
  tell(res: ServerResponse, caller: Caller): void {
    sendJson(res, 200, described(caller))
  }

  /** Ends the session, and whatever goes on in it. */
  signOut(res: ServerResponse, caller: Caller): void {
    this.#authenticator.signOut(caller)
    res.writeHead(204, { 'set-cookie': `${this.#cookie}=; Max-Age=0; ${this.#attributes}` }).end()
  }
}

const described = ({ name, roles, expiresAt }: Caller): object => ({
  name,
  roles,
  expiresAt: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
})

function parsed(body: string): z.output<typeof SignIn> | null {
  try {
    return SignIn.parse(JSON.parse(body))
  } catch {
    return null
  }
}

const tooManySignIns = (seconds: number): HttpError => ({
  status: 429,
  code: 'RATE_LIMITED',
  message: 'Too many try to sign in.',
  hint: `Try again in ${seconds} s. A token can be sent with each request instead of signing in.`,
  headers: { 'retry-after': String(seconds) },
})

const WHAT_TO_SEND: HttpError = {
  status: 400,
  code: 'BAD_USER_INPUT',
  message: 'The body does not say how to sign in.',
  hint: 'Send {"code": "<the code of the link>"} or {"token": "<a token>"}.',
}

export const SESSION_METHODS: HttpError = {
  status: 405,
  code: 'BAD_USER_INPUT',
  message: 'A session is begun by POST, ended by DELETE and told by GET.',
  hint: 'Send one of these.',
  headers: { allow: 'GET, HEAD, POST, DELETE' },
}
