import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

const MINUTE_MS = 60_000
const LIFE_MS = 10 * MINUTE_MS
const MOST_ATTEMPTS = 10

/** A code that signs one browser in, once and soon: whoever guesses more than a few times makes it worthless. */
export class OneTimeCode {
  readonly #clock: () => number
  #issued: { digest: Buffer; expiresAt: number; attemptsLeft: number } | null = null

  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** A new one; the one before is worth nothing any more. */
  issue(): string {
    const code = randomBytes(24).toString('base64url')
    this.#issued = { digest: digestOf(code), expiresAt: this.#clock() + LIFE_MS, attemptsLeft: MOST_ATTEMPTS }
    return code
  }

  /** Whether this is the code; it is not a second time. */
  redeem(code: string): boolean {
    const issued = this.#issued
    if (!issued || this.#clock() >= issued.expiresAt) return false
    const isRight = timingSafeEqual(digestOf(code), issued.digest)
    issued.attemptsLeft -= 1
    if (isRight || issued.attemptsLeft === 0) this.#issued = null
    return isRight
  }
}

const digestOf = (code: string): Buffer => hash('sha256', code, 'buffer')
