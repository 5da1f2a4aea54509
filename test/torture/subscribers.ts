import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import * as z from 'zod'
import type { Random } from '../../src/demo/random.ts'
import { decodeCursor } from '../../src/services/cursor.ts'
import { type Given, type Steps, shortId } from '../../src/services/given.ts'
import type { Ledger } from './ledger.ts'
import type { World } from './world.ts'

const NEWS = 'subscription News($after: String) { riskAlerts(after: $after) { cursor event { id } } }'
const LIFE_MS = 5_000
const PAUSE_MS = 500
const PATIENCE_MS = 5_000
/** From what an event is accepted, to whoever subscribed just before that being owed it. */
const CLOCKS_MS = 100

const Errors = z.array(z.object({ extensions: z.object({ code: z.string() }).optional() }))
const Message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('connection_ack') }),
  z.object({ type: z.literal('ping'), payload: z.object({ cursors: z.record(z.string(), z.string()) }).optional() }),
  z.object({ type: z.literal('pong') }),
  z.object({
    type: z.literal('next'),
    payload: z.object({
      data: z.object({ riskAlerts: z.object({ cursor: z.string(), event: z.object({ id: z.string() }) }) }).nullish(),
      errors: Errors.optional(),
    }),
  }),
  z.object({ type: z.literal('error'), payload: Errors }),
  z.object({ type: z.literal('complete') }),
])

/** What an entry of the log tells, as it stands in the end. */
export interface ToldInTheEnd {
  n: number
  origin: string
  seq: number
  acceptedAt: number
  ids: readonly string[]
}

/** Which ids an event of an origin was ever told by, to anybody: in another order of the log it may bring about another thing. */
type Tellings = Map<string, Set<string>>

/** Subscribers that are cut off and come back at random, at any instance, each with the last cursor that it was given. */
export class Subscribers {
  readonly #all: readonly Subscriber[]
  readonly #ledger: Ledger
  readonly #running: Promise<unknown>
  readonly #tellings: Tellings = new Map()
  /** How often somebody was told twice of what was recorded more than once under one key: two events brought it about. */
  #ofSeveral = 0

  constructor(world: World, count: number, random: Random) {
    this.#ledger = world.ledger
    const numbers = new Map<string, number>()
    this.#all = Array.from({ length: count }, (_, i) => new Subscriber(`s${i}`, world, random, numbers, this.#tellings))
    this.#running = Promise.all(this.#all.map((each) => each.run()))
  }

  get summary(): string {
    const sum = (of: (each: Subscriber) => number) => this.#all.reduce((total, each) => total + of(each), 0)
    return `${sum((each) => each.told)} to ${this.#all.length} (came back ${sum((each) => each.resumed)} times, told again of what was sent more than once: ${this.#ofSeveral}, cursors expired: ${sum((each) => each.expired)})`
  }

  /** From now on they stay; resolves when everybody is there, and nothing has come for a while. */
  async settle(quietMs: number, limitMs: number): Promise<void> {
    for (const each of this.#all) each.stay()
    const until = performance.now() + limitMs
    let quietSince = performance.now()
    for (let known = -1; performance.now() - quietSince < quietMs; ) {
      const told = this.#all.reduce((total, each) => total + each.told, 0)
      const isQuiet = told === known && this.#all.every((each) => each.isThere)
      known = told
      if (!isQuiet) quietSince = performance.now()
      if (performance.now() > until) {
        this.#ledger.violated(
          'not healed',
          `${this.#all.filter((each) => !each.isThere).length} subscribers are not there, or are told more and more`,
        )
        return
      }
      await sleep(50)
    }
  }

  async close(): Promise<void> {
    for (const each of this.#all) each.close()
    await this.#running
  }

  /** Everybody must have been told what the log tells in the end, from when they began. */
  check(log: readonly ToldInTheEnd[]): void {
    for (const each of this.#all) {
      for (const { id, ...tellings } of each.twice.splice(0))
        if (this.#ledger.isOfSeveral(id)) this.#ofSeveral += 1
        else this.#ledger.violated('alert told twice', `${each.name}: event ${id}, ${tellings.first}, and ${tellings.again}`)
      const missed = log.filter(({ origin, seq, acceptedAt, ids }) => {
        const all = [...ids, ...(this.#tellings.get(`${shortId(origin)} ${seq}`) ?? [])]
        return acceptedAt > each.since + CLOCKS_MS && !all.some((id) => each.has(id))
      })
      for (const { n } of missed.slice(0, 3))
        this.#ledger.violated('alert not told', `${each.name}: entry ${n}, and ${missed.length - 1} others`)
    }
  }
}

class Subscriber {
  readonly name: string
  readonly #world: World
  readonly #random: Random
  /** Of all ids of alert events that anybody was told. */
  readonly #numbers: Map<string, number>
  readonly #tellings: Tellings
  /** By number: in which of its connections it was told, from 1. */
  #told = new Uint16Array(1_024)
  /** How each of its connections began. */
  readonly #connections: { at: string; url: string; after: string | null }[] = []
  #cursor: string | null = null
  #socket: WebSocket | null = null
  #moving = true
  #closed = false
  /** Since when it has been told everything, by the clock. */
  since = Number.POSITIVE_INFINITY
  isThere = false
  told = 0
  resumed = 0
  expired = 0
  /** What it was told more than once. */
  readonly twice: { id: string; first: string; again: string }[] = []

  constructor(name: string, world: World, random: Random, numbers: Map<string, number>, tellings: Tellings) {
    this.#tellings = tellings
    this.name = name
    this.#world = world
    this.#random = random
    this.#numbers = numbers
  }

  has(id: string): boolean {
    return (this.#told[this.#numbers.get(id) ?? -1] ?? 0) > 0
  }

  stay(): void {
    this.#moving = false
  }

  close(): void {
    this.#closed = true
    this.#socket?.terminate()
  }

  async run(): Promise<void> {
    while (!this.#closed) {
      const urls = this.#world.instances.flatMap(({ url }) => url ?? [])
      const [first, ...others] = urls
      if (first) await this.#subscribe(this.#random.pick([first, ...others]).replace('http', 'ws'))
      this.isThere = false
      await sleep(this.#moving ? this.#random.next() * PAUSE_MS : 50)
    }
  }

  /** Resolves when the connection has ended. */
  async #subscribe(url: string): Promise<void> {
    this.#connections.push({ at: new Date().toISOString(), url, after: this.#cursor })
    const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false, handshakeTimeout: PATIENCE_MS })
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('open', () => socket.send('{"type":"connection_init"}'))
    socket.on('message', (data) => this.#take(Message.parse(JSON.parse(String(data))), socket))
    const life = setTimeout(
      () => {
        if (this.#moving || !this.isThere) socket.terminate()
      },
      this.#moving ? this.#random.next() * 2 * LIFE_MS : PATIENCE_MS,
    )
    await new Promise((resolve) => socket.on('close', resolve))
    clearTimeout(life)
  }

  #take(message: z.output<typeof Message>, socket: WebSocket): void {
    switch (message.type) {
      case 'connection_ack':
        if (this.#cursor !== null) this.resumed += 1
        socket.send(JSON.stringify({ id: 'news', type: 'subscribe', payload: { query: NEWS, variables: { after: this.#cursor } } }))
        return
      case 'ping': {
        socket.send('{"type":"pong"}')
        const cursor = message.payload?.cursors.news
        if (cursor === undefined) return
        if (this.#cursor === null) this.since = Date.now()
        this.isThere = true
        this.#cursor = cursor
        return
      }
      case 'next': {
        const { data, errors = [] } = message.payload
        this.#refused(errors)
        if (data) this.#hear(data.riskAlerts.event.id, data.riskAlerts.cursor)
        return
      }
      case 'error':
        this.#refused(message.payload)
        socket.terminate()
        return
      case 'complete':
        socket.terminate()
    }
  }

  #refused(errors: z.output<typeof Errors>): void {
    if (!errors.some(({ extensions }) => extensions?.code === 'CURSOR_EXPIRED')) return
    this.expired += 1
    this.#cursor = null
    this.since = Number.POSITIVE_INFINITY
    this.#told.fill(0)
    this.#world.ledger.trace(`${this.name} cursor expired`)
  }

  #hear(id: string, cursor: string): void {
    if (this.#cursor === null) this.since = Date.now()
    this.#cursor = cursor
    this.told += 1
    const number = this.#numbers.get(id) ?? this.#numbers.size
    this.#numbers.set(id, number)
    while (number >= this.#told.length) {
      const more = new Uint16Array(2 * this.#told.length)
      more.set(this.#told)
      this.#told = more
    }
    this.#note(id, cursor)
    const before = this.#told[number] ?? 0
    const now = this.#connections.length
    if (before > 0) this.twice.push({ id, first: this.#connection(before), again: `${this.#connection(now)} until ${shown(cursor)}` })
    this.#told[number] = now
  }

  #connection(number: number): string {
    const { at, url, after } = this.#connections[number - 1] ?? {}
    return `in connection ${number} (${at} at ${url} after ${after && shown(after)})`
  }

  /** Which event it came from: what the cursor names last. */
  #note(id: string, cursor: string): void {
    const { steps, beyond } = givenBy(cursor)
    const ahead = [...beyond].at(-1)
    const [origin, last] = [...steps].at(-1) ?? []
    const source = ahead?.[0] === shortId(id) ? `${ahead[1].origin} ${ahead[1].seq}` : last && `${origin} ${last.seq}`
    if (source === undefined) return
    const ids = this.#tellings.get(source) ?? new Set()
    this.#tellings.set(source, ids.add(id))
  }
}

/** Of a cursor what can be read: up to where, by which newest entry, and of each origin up to where, how many before that by name, and from where on. */
function shown(cursor: string): string {
  const { upTo, marks, steps, ahead, beyond } = givenBy(cursor)
  const stepped = (all: Steps) =>
    [...all]
      .map(([origin, { seq, ordinal, recent, since }]) => `${origin} ${seq}.${ordinal} (${recent.split('.').length}) ${since}`)
      .join(', ')
  const last = [...beyond.values()].at(-1)
  return `${upTo.epoch} ${upTo.n} [${marks[0]?.n ?? ''}] steps ${stepped(steps)}; ahead ${stepped(ahead)}; last ${last ? `${last.origin} ${last.seq}` : '-'}`
}

const DataSet = z.object({ d: z.string() })

function givenBy(cursor: string): Given {
  const { d } = DataSet.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  return decodeCursor(d, cursor)
}
