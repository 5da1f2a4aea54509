import { hash } from 'node:crypto'
import { errors, type JWTVerifyOptions, type JWTVerifyResult, jwtVerify, SignJWT } from 'jose'
import * as z from 'zod'
import { XinyiError } from '../errors.ts'
import { type Caller, ROLES, type Role } from '../model.ts'
import { Recent } from '../services/recent.ts'
import type { Keys } from './keys.ts'
import { KeysUnavailable } from './published-keys.ts'

/** Tokens that are known to be valid; others are checked anew. */
const REMEMBERED = 10_000
const LONGEST = 8_192

const Name = z.string().normalize('NFC').trim().min(1).max(200)
/** What a token has to say. Its times are checked before, and `exp` may be absent. */
const Claims = z.object({ sub: Name, name: Name.optional(), role: z.enum(ROLES), exp: z.number().optional() })

/** What holds for the tokens of a server besides their keys. */
export interface TokenRules {
  readonly issuer: string | null
  readonly audience: string | null
}

/** Tells by tokens (JWT) who asks. */
export class Tokens {
  readonly #keys: Keys
  readonly #rules: TokenRules
  readonly #clock: () => number
  readonly #known = new Recent<string, Caller>(REMEMBERED)

  constructor(keys: Keys, rules: TokenRules, clock: () => number = Date.now) {
    this.#keys = keys
    this.#rules = rules
    this.#clock = clock
    keys.onWithdrawn(() => this.#known.clear())
  }

  /** Calls back whenever a token may not be valid any more that was. */
  onWithdrawn(act: () => void): void {
    this.#keys.onWithdrawn(act)
  }

  /** Whose token it is. UNAUTHENTICATED where it is not valid (any more). */
  async callerOf(token: string): Promise<Caller> {
    if (token.length > LONGEST) throw invalid()
    const key = hash('sha256', token, 'base64url')
    const known = this.#known.get(key)
    if (!known) return this.#check(token, key)
    if (known.expiresAt === undefined || this.#clock() < known.expiresAt) return known
    this.#known.delete(key)
    throw expired()
  }

  async #check(token: string, key: string): Promise<Caller> {
    const { sub, name, role, exp } = await this.#claimsOf(token)
    const caller: Caller = { sub, name: name ?? sub, roles: [role], key, ...(exp !== undefined && { expiresAt: exp * 1_000 }) }
    this.#known.set(key, Object.freeze(caller))
    return caller
  }

  async #claimsOf(token: string): Promise<z.output<typeof Claims>> {
    const { issuer, audience } = this.#rules
    const options = {
      algorithms: [...this.#keys.algorithms],
      currentDate: new Date(this.#clock()),
      ...(issuer !== null && { issuer }),
      ...(audience !== null && { audience }),
    }
    try {
      return Claims.parse((await this.#verify(token, options)).payload)
    } catch (error) {
      if (error instanceof KeysUnavailable) throw unavailable(error)
      if (error instanceof errors.JWTExpired) throw expired()
      if (error instanceof z.ZodError) throw lacking(error)
      throw invalid()
    }
  }

  async #verify(token: string, options: JWTVerifyOptions): Promise<JWTVerifyResult> {
    try {
      return await jwtVerify(token, (header, input) => this.#keys.find(header, input), options)
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
      // The token does not say by which of several keys it was signed.
      for await (const key of error) {
        try {
          return await jwtVerify(token, key, options)
        } catch (error) {
          if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
        }
      }
      throw error
    }
  }
}

/** Makes a token of HS256. `expiresAt`: in seconds since 1970. */
export function signToken(
  secret: Uint8Array,
  { sub, name, role, expiresAt }: { sub: string; name: string; role: Role; expiresAt: number },
  { issuer, audience }: TokenRules,
): Promise<string> {
  const token = new SignJWT({ name, role })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime(expiresAt)
  if (issuer !== null) token.setIssuer(issuer)
  if (audience !== null) token.setAudience(audience)
  return token.sign(secret)
}

const HINT = 'Get a new one: from whoever gave you this one, or on the server by npx xinyi token.'
const invalid = () => new XinyiError('UNAUTHENTICATED', 'The token is not valid here.', HINT)
const expired = () => new XinyiError('UNAUTHENTICATED', 'The token has expired.', HINT)
const lacking = ({ issues: [issue] }: z.ZodError) =>
  new XinyiError(
    'UNAUTHENTICATED',
    `The token's claim ${issue?.path.join('.')} is missing or wrong.`,
    `It has to have the claims sub, name (both 1 to 200 characters) and role (one of ${ROLES.join(', ')}).`,
  )
const unavailable = (cause: unknown) =>
  new XinyiError('STORE_UNAVAILABLE', "The keys that tokens are checked with can't be had at present.", 'Try again.', { cause })
