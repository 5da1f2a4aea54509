import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export type ProxyTarget = { host: string; port: number } | { path: string }

/** What stands between a client and a server, and can misbehave like a network. */
export interface FaultProxy {
  readonly port: number
  /** What REDIS_URL takes. */
  readonly url: string
  /** Connections that are open now. */
  readonly connections: number
  /** A black hole: takes connections and bytes, and hands on nothing. What was sent meanwhile arrives after `heal`, as with lost packets. */
  hang(): void
  /** Resets every connection, and each new one at once. */
  cut(): void
  /** Everything takes this much longer, each way. */
  slow(ms: number): void
  /** Requests arrive, their replies are swallowed, and soon after the first of them the connection is reset. */
  dropReplies(resetAfterMs?: number): void
  /** Behaves again. */
  heal(): void
  /** Does this at once when so many more bytes of requests have come, of which the last are not handed on yet. */
  afterRequests(bytes: number, act: () => void): void
  close(): Promise<void>
}

type Mode = { kind: 'open' | 'hung' | 'cut' } | { kind: 'slow'; ms: number } | { kind: 'deaf'; resetAfterMs: number }

/** A TCP proxy on a free port of 127.0.0.1. */
export async function startProxy(target: ProxyTarget): Promise<FaultProxy> {
  let mode: Mode = { kind: 'open' }
  let awaited: { bytes: number; act: () => void } | undefined
  const requested = (bytes: number): void => {
    if (!awaited) return
    awaited.bytes -= bytes
    if (awaited.bytes > 0) return
    const { act } = awaited
    awaited = undefined
    act()
  }
  const links = new Set<Link>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (mode.kind === 'cut') {
      client.on('error', noop)
      client.resetAndDestroy()
      return
    }
    const link = new Link(client, connect({ ...target, allowHalfOpen: true, noDelay: true }), () => mode, requested)
    links.add(link)
    link.closed.then(() => links.delete(link))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const become = (next: Mode) => {
    mode = next
    for (const link of links) link.adapt()
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get connections() {
      return links.size
    },
    hang: () => become({ kind: 'hung' }),
    cut: () => become({ kind: 'cut' }),
    slow: (ms) => become({ kind: 'slow', ms }),
    dropReplies: (resetAfterMs = 20) => become({ kind: 'deaf', resetAfterMs }),
    heal: () => become({ kind: 'open' }),
    afterRequests: (bytes, act) => {
      awaited = { bytes, act }
    },
    async close() {
      become({ kind: 'cut' })
      server.close()
      await once(server, 'close')
    },
  }
}

/** One connection through the proxy. */
class Link {
  readonly closed: Promise<unknown>
  readonly #client: Socket
  readonly #server: Socket
  readonly #mode: () => Mode
  readonly #requested: (bytes: number) => void

  constructor(client: Socket, server: Socket, mode: () => Mode, requested: (bytes: number) => void) {
    this.#client = client
    this.#server = server
    this.#mode = mode
    this.#requested = requested
    for (const socket of [client, server]) {
      socket.on('error', () => this.reset())
      socket.once('close', () => this.reset())
    }
    this.closed = Promise.all([closing(client), closing(server)])
    this.#carry(client, server, false)
    this.#carry(server, client, true)
    this.adapt()
  }

  reset(): void {
    if (!this.#client.destroyed) this.#client.resetAndDestroy()
    // A unix socket knows no reset.
    this.#server.destroy()
  }

  /** Takes on the present mode. */
  adapt(): void {
    const { kind } = this.#mode()
    if (kind === 'cut') this.reset()
    else if (kind === 'hung') for (const socket of [this.#client, this.#server]) socket.pause()
    else for (const socket of [this.#client, this.#server]) socket.resume()
  }

  #carry(from: Socket, to: Socket, isReply: boolean): void {
    // What waits goes in order, one after the other: timers of their own would overtake each other by fractions of a millisecond.
    const waiting: { due: number; act: () => void }[] = []
    const next = (): void => {
      for (let first = waiting[0]; first; first = waiting[0]) {
        const wait = first.due - performance.now()
        if (wait > 0) {
          setTimeout(next, Math.ceil(wait))
          return
        }
        waiting.shift()
        first.act()
      }
    }
    const later = (act: () => void): void => {
      const mode = this.#mode()
      waiting.push({ due: performance.now() + (mode.kind === 'slow' ? mode.ms : 0), act })
      if (waiting.length === 1) next()
    }
    const write = (chunk: Buffer): void => {
      if (to.destroyed || to.write(chunk)) return
      from.pause()
      to.once('drain', () => {
        if (this.#mode().kind !== 'hung') from.resume()
      })
    }
    from.on('data', (chunk) => {
      if (!isReply) this.#requested(chunk.length)
      const mode = this.#mode()
      if (isReply && mode.kind === 'deaf') setTimeout(() => this.reset(), mode.resetAfterMs)
      else later(() => write(chunk))
    })
    from.on('end', () => later(() => to.end()))
  }
}

const closing = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()))
const noop = (): void => {}
