import { setTimeout } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { connectRedis, type RedisTarget } from '../redis/connect.ts'
import type { Remote } from '../thread/remote.ts'
import { exchange } from './exchange.ts'
import type { Ledger } from './ledger.ts'

const EVERY_MS = 1_000

export interface MergerOptions {
  ledger: Remote<Ledger>
  target: RedisTarget
  /** The data set whose Redis may be used now; null for none. */
  dataSet: () => Promise<string | null>
  clock: () => number
  logger: Logger
}

/** Keeps the audit logs of all servers of a data set the same, as far as Redis is there: once a second, on a connection of its own. */
export class Merger {
  readonly #options: MergerOptions
  readonly #closing = new AbortController()
  readonly #contradicting = new Set<string>()
  /** None known: what is in Redis may name somebody who was erased meanwhile. */
  #erasures = -1
  #redis: Redis | null = null
  #running: Promise<void> | undefined

  constructor(options: MergerOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Tells the others of what came last, if that goes quickly. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    if (this.#redis?.status === 'ready') await this.#round().catch(() => {})
    this.#redis?.disconnect()
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const more = await this.#round().catch(() => {
        // Redis is away, or has become another: whatever came to be half done is done by a later round.
        this.#redis?.disconnect()
        this.#redis = null
        return false
      })
      if (!more) await setTimeout(EVERY_MS, null, { signal, ref: false }).catch(() => {})
    }
  }

  async #round(): Promise<boolean> {
    const { ledger, target, dataSet, clock, logger } = this.#options
    const dataSetId = await dataSet()
    if (dataSetId === null) return false
    if (this.#redis?.status !== 'ready') this.#redis = await connectRedis(target, this.#closing.signal)
    const { more, erasures, goneBack, contradicting } = await exchange(this.#redis, ledger, {
      dataSetId,
      now: clock(),
      erasures: this.#erasures,
    })
    this.#erasures = erasures
    if (goneBack) logger.error('the audit log here has gone back: other servers know more of it, so it goes on in another chain')
    for (const chain of contradicting.filter((each) => !this.#contradicting.has(each))) {
      this.#contradicting.add(chain)
      logger.error(
        { chain },
        'a chain of the audit log has a hole here, or is another at another server: see npx xinyi audit verify at each',
      )
    }
    return more
  }
}
