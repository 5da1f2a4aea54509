import { readFile } from 'node:fs/promises'
import {
  type CryptoKey,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
  type RemoteJWKSet,
} from 'jose'
import type { Logger } from 'pino'

/** The keys can't be fetched, so that nothing can be said of a token. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
}

/** A key that is withdrawn is unknown here after so long at the latest. */
const REFRESH_MS = 5 * 60_000
/** Tokens with unknown keys do not have the keys fetched more often than that; */
const COOLDOWN_MS = 30_000
/** nor, when that failed, than that. */
const RETRY_MS = 2_000

/** What says that the keys are known, and that none of them is for this token. */
const ABOUT_THE_TOKEN = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported]

/**
 * The public keys that an identity provider publishes, at a URL or in a file. Fetched again every few minutes, and when a token names one that is not
 * known; while they can't be, those that were there last still hold.
 */
export class PublishedKeys {
  readonly #set: RemoteJWKSet
  readonly #logger: Logger
  readonly #timer: NodeJS.Timeout
  readonly #withdrawn: (() => void)[] = []
  #known: ReadonlySet<string> = new Set()
  #retryAt = 0

  constructor(url: URL, logger: Logger) {
    this.#logger = logger
    const get: FetchImplementation = async (href, options) => {
      if (Date.now() < this.#retryAt) throw new Error('they could not be fetched a moment ago')
      this.#retryAt = Date.now() + RETRY_MS
      const response = url.protocol === 'file:' ? new Response(await readFile(url)) : await fetch(href, options)
      if (response.ok) this.#retryAt = 0
      return response
    }
    this.#set = createRemoteJWKSet(url, { cacheMaxAge: Number.POSITIVE_INFINITY, cooldownDuration: COOLDOWN_MS, [customFetch]: get })
    this.#timer = setInterval(() => void this.refresh(), REFRESH_MS).unref()
    void this.refresh()
  }

  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    try {
      return await this.#set(header, token)
    } catch (error) {
      if (ABOUT_THE_TOKEN.some((type) => error instanceof type)) throw error
      throw new KeysUnavailable('the key set can not be fetched', { cause: error })
    } finally {
      this.#compare()
    }
  }

  /** Fetches the keys; where that fails, those that are known stay. */
  async refresh(): Promise<void> {
    try {
      await this.#set.reload()
      this.#compare()
    } catch (error) {
      // Its message could hold the URL, and so a password.
      const because = error instanceof Error && 'code' in error ? error.code : undefined
      this.#logger.warn({ because }, "the keys that tokens are checked with can't be fetched; those that are known still hold")
    }
  }

  onWithdrawn(act: () => void): void {
    this.#withdrawn.push(act)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #compare(): void {
    const present = new Set(this.#set.jwks()?.keys.map((key) => JSON.stringify(key)))
    const isWithdrawn = [...this.#known].some((key) => !present.has(key))
    this.#known = present
    if (isWithdrawn) for (const act of this.#withdrawn) act()
  }
}
