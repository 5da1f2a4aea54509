import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { HttpError } from './respond.ts'

/** How long one too many may take to send the request that its refusal answers. */
const PATIENCE_MS = 2_000
/** Beyond these many that wait for their refusal, connections are dropped without a word. */
const MAX_REFUSED = 200
const RETRY_SECONDS = 5

export interface ConnectionLimits {
  /** In all, WebSockets and streams of events included; 0: no limit. */
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
}

/** Counts connections. Who is one too many is told so, in answer to their first request, and let go. */
export class Connections {
  readonly #limits: ConnectionLimits
  readonly #byAddress = new Map<string, number>()
  readonly #refusals = new WeakMap<Socket, HttpError>()
  #open = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** Counts those of this server. */
  watch(server: Server): void {
    const { maxConnections } = this.#limits
    if (maxConnections > 0) server.maxConnections = maxConnections + MAX_REFUSED
    server.on('connection', (socket: Socket) => {
      const error = this.#admit(socket)
      if (!error) return
      this.#refusals.set(socket, error)
      const timer = setTimeout(() => socket.destroy(), PATIENCE_MS)
      socket.once('close', () => clearTimeout(timer))
    })
  }

  /** Why this connection is not served; undefined where it is. */
  refusalOf(socket: Socket): HttpError | undefined {
    return this.#refusals.get(socket)
  }

  #admit(socket: Socket): HttpError | undefined {
    const { maxConnections, maxConnectionsPerAddress } = this.#limits
    const address = blockOf(socket.remoteAddress ?? '')
    const ofAddress = this.#byAddress.get(address) ?? 0
    if (maxConnections > 0 && this.#open >= maxConnections) return TOO_MANY
    if (maxConnectionsPerAddress > 0 && ofAddress >= maxConnectionsPerAddress) return TOO_MANY_OF_ADDRESS
    this.#open += 1
    this.#byAddress.set(address, ofAddress + 1)
    socket.once('close', () => {
      this.#open -= 1
      const left = (this.#byAddress.get(address) ?? 1) - 1
      if (left > 0) this.#byAddress.set(address, left)
      else this.#byAddress.delete(address)
    })
  }
}

/** An address, or of IPv6 the /64 in which one machine can have as many as it likes. */
export function blockOf(address: string): string {
  const v4 = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)?.[1]
  if (v4 !== undefined || !address.includes(':')) return v4 ?? address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').length
  return [...groups, ...Array.from({ length: Math.max(missing, 0) }, () => '0'), ...(tail ?? '').split(':')].slice(0, 4).join(':')
}

const TOO_MANY: HttpError = {
  status: 503,
  code: 'RATE_LIMITED',
  message: 'Too many connections are open.',
  hint: 'Try again in a while; keep connections and use them again. MAX_CONNECTIONS is the limit.',
  headers: { 'retry-after': String(RETRY_SECONDS), connection: 'close' },
}

const TOO_MANY_OF_ADDRESS: HttpError = {
  status: 429,
  code: 'RATE_LIMITED',
  message: 'Too many connections come from this address.',
  hint: 'Close some; keep connections and use them again. MAX_CONNECTIONS_PER_ADDRESS is the limit.',
  headers: { 'retry-after': String(RETRY_SECONDS), connection: 'close' },
}
