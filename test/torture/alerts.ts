import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import * as z from 'zod'
import { parseGlobalId } from '../../src/graphql/ids.ts'
import type { Instance } from './instance.ts'
import { eventId } from './ledger.ts'
import type { World } from './world.ts'

const NEWS = /* GraphQL */ `subscription News($after: String) { riskAlerts(after: $after) { cursor event { id kind } } }`
const Message = z.object({
  data: z.object({ riskAlerts: z.object({ cursor: z.string(), event: z.object({ id: z.string(), kind: z.string() }) }) }).nullish(),
  errors: z.array(z.object({ extensions: z.object({ code: z.string() }) })).optional(),
})

const Ping = z.object({ cursors: z.record(z.string(), z.string()) })

/** What was acknowledged longer ago than this is told, also where the cursor expires then. */
const TELLING_MS = 30_000

/** One that is ended before it was connected says so to whoever listens, and graphql-ws does not any more by then. */
class QuietSocket extends WebSocket {
  constructor(...args: ConstructorParameters<typeof WebSocket>) {
    super(...args)
    this.on('error', () => {})
  }
}

/** A subscriber of one instance's alerts that comes back with its cursor whenever it was cut off. */
export class AlertWatch {
  readonly #instance: Instance
  readonly #world: Pick<World, 'ledger' | 'latencies'>
  readonly #seen = new Set<string>()
  /** By conversation: the two events of which one has to be told. */
  readonly #expected = new Map<string, readonly [string, string]>()
  /** By event: when its conversation was acknowledged, while the event is not told. */
  readonly #untold = new Map<string, number>()
  #cursor: string | null = null
  #running: Promise<void>
  #closed = false
  /** Since when it is told everything, by performance.now(): nothing of the past comes without a cursor. */
  #since = Number.POSITIVE_INFINITY
  /** When it subscribed last. */
  #askedAt = 0
  /** Nothing has come yet since it subscribed. */
  #isFresh = true
  /** How often its cursor was refused. */
  expired = 0
  /** Events that came again after a subscriber had come back. */
  toldAgain = 0
  /** Events of the present subscription. */
  readonly #live = new Set<string>()

  constructor(instance: Instance, world: Pick<World, 'ledger' | 'latencies'>) {
    this.#instance = instance
    this.#world = world
    this.#running = this.#follow()
  }

  get told(): number {
    return this.#seen.size
  }

  /** A conversation with this key, sent then (performance.now()), was acknowledged here, and belongs to this alert (a global id). */
  expect(alertId: string, key: string, sentAt: number): void {
    if (sentAt < this.#since) return
    const { id } = parseGlobalId(alertId, 'id')
    const ids = [eventId(key, id, 'RAISED', 0), eventId(key, id, 'OCCURRED', 0)] as const
    this.#expected.set(key, ids)
    const now = performance.now()
    if (ids.some((id) => this.#seen.has(id))) this.#toldAfter(now, now)
    else for (const id of ids) this.#untold.set(id, now)
  }

  /** How long after it was acknowledged an alert was told to one who had subscribed by then, whatever was to be given to them before. */
  #toldAfter(acknowledgedAt: number, now: number): void {
    if (acknowledgedAt < this.#askedAt || this.#instance.wasDisturbed(acknowledgedAt, now)) return
    this.#world.latencies.add('alert told', now - acknowledgedAt)
  }

  /** The keys of conversations whose alert event has not arrived although for so long nothing came. */
  async missing(patienceMs: number): Promise<string[]> {
    let until = 0
    for (let known = -1; ; ) {
      if (this.#live.size !== known) until = performance.now() + patienceMs
      known = this.#live.size
      const missing = [...this.#expected].filter(([, ids]) => !ids.some((id) => this.#seen.has(id))).map(([key]) => key)
      if (missing.length === 0 || performance.now() > until) return missing
      await sleep(50)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  async #follow(): Promise<void> {
    while (!this.#closed) {
      const url = this.#instance.url
      if (url) await this.#subscribe(url.replace('http', 'ws'))
      await sleep(50)
    }
  }

  async #subscribe(url: string): Promise<void> {
    if (this.#cursor === null) this.#since = Number.POSITIVE_INFINITY
    this.#askedAt = performance.now()
    this.#isFresh = true
    this.#live.clear()
    const client = createClient({
      ...{ url, webSocketImpl: QuietSocket, retryAttempts: 0, connectionAckWaitTimeout: 10_000 },
      // The first one tells where it has begun.
      on: { ping: (_, payload) => this.#begun(Object.values(Ping.parse(payload).cursors)[0]) },
    })
    const ended = setInterval(() => {
      if (this.#closed || this.#instance.url?.replace('http', 'ws') !== url) client.terminate()
    }, 50)
    try {
      for await (const message of client.iterate({ query: NEWS, variables: { after: this.#cursor } })) this.#take(message)
    } catch {
      // The connection broke, or the instance did; it is tried again.
    } finally {
      clearInterval(ended)
      client.terminate()
    }
  }

  #begun(cursor: string | undefined): void {
    this.#cursor = cursor ?? this.#cursor
    if (this.#since !== Number.POSITIVE_INFINITY) return
    const now = performance.now()
    for (const [key, [raised, occurred]] of this.#expected) {
      const acknowledgedAt = this.#untold.get(raised)
      const isUntold = acknowledgedAt !== undefined && !this.#seen.has(raised) && !this.#seen.has(occurred)
      if (isUntold && now - acknowledgedAt > TELLING_MS)
        this.#world.ledger.violated('alert not told', `${this.#instance.name}: the event of ${key}, before the cursor expired`)
    }
    this.#expected.clear()
    this.#untold.clear()
    this.#since = performance.now()
  }

  #take(message: unknown): void {
    const { data, errors } = Message.parse(message)
    if (errors?.some(({ extensions }) => extensions.code === 'CURSOR_EXPIRED')) {
      this.expired += 1
      this.#world.ledger.trace(`${this.#instance.name} cursor expired ${this.#isFresh ? 'when it subscribed' : 'while it was subscribed'}`)
      this.#cursor = null
    }
    if (!data) return
    this.#begun(data.riskAlerts.cursor)
    const { event } = data.riskAlerts
    this.#isFresh = false
    // Who comes back with a cursor may be told once more what came near it; who stays may not, but of what was recorded more than once.
    if (this.#live.has(event.id) && !this.#world.ledger.isOfSeveral(event.id))
      this.#world.ledger.violated('alert told twice', `${this.#instance.name}: event ${event.id} (${event.kind})`)
    else if (this.#seen.has(event.id)) this.toldAgain += 1
    const acknowledgedAt = this.#untold.get(event.id)
    if (acknowledgedAt !== undefined) this.#toldAfter(acknowledgedAt, performance.now())
    this.#untold.delete(event.id)
    this.#live.add(event.id)
    this.#seen.add(event.id)
    this.#world.ledger.trace(`${this.#instance.name} told ${event.kind} ${event.id}`)
  }
}
