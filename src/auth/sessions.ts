import { hash, randomBytes } from 'node:crypto'
import type { Caller } from '../model.ts'
import { Recent } from '../services/recent.ts'

const HOUR_MS = 3_600_000
/** A session ends after so long, whatever is done in it. */
const LONGEST_MS = 12 * HOUR_MS
const MOST = 10_000
/** Whoever begins more with one token ends their own oldest, and nobody else's. */
const MOST_OF_TOKEN = 100

export interface Session {
  /** What a browser is known by; kept nowhere else. */
  readonly secret: string
  readonly caller: Caller
  readonly expiresAt: number
}

/** Who is signed in in a browser. Kept in memory alone: they end with the process. */
export class Sessions {
  readonly #callers = new Recent<string, Caller>(MOST)
  readonly #clock: () => number

  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** Begins one for somebody; it ends no later than what they came with. */
  begin({ sub, name, roles, expiresAt: latest = Number.POSITIVE_INFINITY, key: token }: Caller): Session {
    if (token !== undefined) this.#makeRoom(token)
    const secret = randomBytes(32).toString('base64url')
    const expiresAt = Math.min(this.#clock() + LONGEST_MS, latest)
    const caller: Caller = Object.freeze({ sub, name, roles, expiresAt, key: keyOf(secret), ...(token !== undefined && { token }) })
    this.#callers.set(keyOf(secret), caller)
    return { secret, caller, expiresAt }
  }

  find(secret: string): Caller | null {
    const caller = this.#callers.get(keyOf(secret))
    return caller?.expiresAt !== undefined && this.#clock() < caller.expiresAt ? caller : null
  }

  end(key: string): void {
    this.#callers.delete(key)
  }

  endAll(): void {
    this.#callers.clear()
  }

  #makeRoom(token: string): void {
    const keys = this.#callers.keys().filter((key) => this.#callers.get(key)?.token === token)
    for (const key of keys.slice(0, Math.max(keys.length + 1 - MOST_OF_TOKEN, 0))) this.#callers.delete(key)
  }
}

const keyOf = (secret: string): string => hash('sha256', secret, 'base64url')
