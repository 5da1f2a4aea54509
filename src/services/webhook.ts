import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { XinyiError } from '../errors.ts'
import type { AlertFeed } from './feed.ts'
import type { AlertMessage } from './reader.ts'

export interface WebhookOptions {
  /** May hold a password: never print it. */
  url: string
  /** Of the signature. */
  secret: Buffer
  /** Where it is noted what was delivered. */
  file: string
  /** Global id of an alert. */
  alertIdOf: (id: string) => string
  clock: () => number
  logger: Logger
  /** Before the second try; each further one waits twice as long, up to 5 minutes. */
  firstRetryMs?: number
}

const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 300_000
const TIMEOUT_MS = 15_000
const RESTART_MS = 1_000

/**
 * Tells another service of each alert event, as Standard Webhooks has it (https://www.standardwebhooks.com): signed, in order, and again and
 * again until it is taken. What was delivered is noted on the disk, so that a restart goes on from there; an event may come twice, under
 * the same webhook-id. Nobody's words are in it, nor who it is about.
 */
export class Webhook {
  readonly #feed: AlertFeed
  readonly #options: WebhookOptions
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined
  /** When the event happened that is being delivered. */
  #deliveringOf: number | null = null
  #refusals = 0

  constructor(feed: AlertFeed, options: WebhookOptions) {
    this.#feed = feed
    this.#options = options
  }

  /** How long ago the event happened that is not delivered yet, 0 where there is none; and how often delivering failed since the start. */
  get progress(): { lagMs: number; refusals: number } {
    const lagMs = this.#deliveringOf === null ? 0 : Math.max(0, this.#options.clock() - this.#deliveringOf)
    return { lagMs, refusals: this.#refusals }
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    const { logger } = this.#options
    while (!signal.aborted) {
      try {
        await this.#follow()
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof Unusable) {
          logger.error(
            { code: error.code },
            'the webhook can not be told what was missed, as its noted position is none of this data set; it goes on from now',
          )
          await this.#noteNow().catch(() => {})
        } else logger.warn({ err: error }, 'the webhook lost the feed of alerts, and goes on from where it was')
      }
      await setTimeout(RESTART_MS, undefined, { signal }).catch(() => {})
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing
    const after = noted(this.#options.file) ?? (await this.#noteNow())
    // Told again is better than missed.
    const messages = await this.#feed.subscribe({ after, minLevel: 'UNKNOWN', atLeastOnce: true }).catch(unusable)
    const end = () => void messages.return?.()
    signal.addEventListener('abort', end)
    // It may have been closed while the feed was joined.
    if (signal.aborted) end()
    try {
      for await (const message of messages) {
        if (signal.aborted) return
        this.#deliveringOf = message.event.at
        await this.#deliver(message)
        await this.#note(message.cursor)
        this.#deliveringOf = null
      }
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  /** Resolves when it is taken. */
  async #deliver({ event }: AlertMessage): Promise<void> {
    const { signal } = this.#closing
    const { alertIdOf, logger, firstRetryMs = FIRST_RETRY_MS } = this.#options
    const { id, kind, level, at } = event
    const timestamp = new Date(at).toISOString()
    const data = { eventId: id, alertId: alertIdOf(event.alertId), kind, level, at: timestamp }
    const body = JSON.stringify({ type: `alert.${kind.toLowerCase()}`, timestamp, data })
    for (let wait = firstRetryMs, tries = 1; ; wait = Math.min(2 * wait, LAST_RETRY_MS), tries += 1) {
      const refusal = await this.#post(id, body)
      if (refusal === null) return
      signal.throwIfAborted()
      this.#refusals += 1
      logger.warn({ because: refusal, tries }, 'the webhook did not take an alert event; it is tried again')
      await setTimeout(wait * (0.75 + Math.random() / 2), undefined, { signal })
    }
  }

  /** Null where it was taken, else why not. */
  async #post(id: string, body: string): Promise<string | null> {
    const { url, secret, clock } = this.#options
    const seconds = String(Math.floor(clock() / 1_000))
    const signature = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64')
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': seconds,
      'webhook-signature': `v1,${signature}`,
    }
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.#closing.signal])
      const response = await fetch(url, { method: 'POST', headers, body, redirect: 'error', signal })
      await response.body?.cancel()
      return response.ok ? null : `status ${response.status}`
    } catch (error) {
      // Messages of fetch can name the address.
      const cause = error instanceof Error ? error.cause : undefined
      return cause instanceof Error && 'code' in cause ? String(cause.code) : error instanceof Error ? error.name : 'unknown'
    }
  }

  /** It goes on from now. */
  async #noteNow(): Promise<string> {
    const cursor = await this.#feed.present()
    await this.#note(cursor)
    return cursor
  }

  /** Durable, and whole or not at all. */
  async #note(cursor: string): Promise<void> {
    const { file } = this.#options
    const handle = await open(`${file}.new`, 'w', 0o600)
    try {
      await handle.writeFile(JSON.stringify({ cursor }))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(`${file}.new`, file)
  }
}

/** A noted position that is none, or of another data set. */
class Unusable extends Error {
  readonly code: string

  constructor(cause: XinyiError) {
    super(cause.message, { cause })
    this.code = cause.code
  }
}

function unusable(error: unknown): never {
  throw error instanceof XinyiError && error.field === 'after' ? new Unusable(error) : error
}

/** The cursor of what was delivered last; null where there is none. */
function noted(file: string): string | null {
  try {
    const found: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof found === 'object' && found !== null && 'cursor' in found && typeof found.cursor === 'string' ? found.cursor : null
  } catch {
    return null
  }
}
