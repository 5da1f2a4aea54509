import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Config } from '../config.ts'
import { XinyiError } from '../errors.ts'
import type { Services } from '../graphql/context.ts'
import type { GraphQLServer } from '../graphql/yoga.ts'
import type { Caller } from '../model.ts'
import { tooManyRequests } from '../services/quotas.ts'
import type { Store } from '../store/store.ts'
import { isTracing } from '../tracing/span.ts'
import { refuseBody } from './body.ts'
import { Connections } from './connections.ts'
import { cookieName, credentialsOf } from './credentials.ts'
import { serveGraphQL } from './graphql.ts'
import { secureHeaders } from './headers.ts'
import { live, ready } from './health.ts'
import type { HostCheck } from './host.ts'
import { answerMalformed } from './malformed.ts'
import type { Metrics } from './metrics.ts'
import { ANOTHER_ORIGIN, Origins } from './origins.ts'
import { GraphiQLPage, sendNoPage } from './page.ts'
import { isPredecessors, servePredecessor } from './predecessor.ts'
import { type HttpError, httpErrorOf, refuseSocket, sendError } from './respond.ts'
import { SESSION_METHODS, SessionEndpoint } from './session.ts'
import { serveSignIn } from './sign-in.ts'
import { tracedRequest } from './traced.ts'
import { WebSocketEndpoint } from './websocket.ts'

/** Who comes back to a stream of alerts sends a cursor as Last-Event-ID, which may have 27,500 bytes after a long absence of Redis. */
const MAX_HEADER_BYTES = 32_768

/** For headers, for a whole request, for taking nothing of an answer, and between two requests: slow clients must not pile up. */
const timeouts = ({ requestTimeoutMs }: Pick<Config, 'requestTimeoutMs'>) => ({
  headersTimeout: Math.min(10_000, requestTimeoutMs),
  requestTimeout: requestTimeoutMs,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: Math.min(5_000, requestTimeoutMs / 2),
})

export interface HttpOptions {
  yoga: GraphQLServer
  store: Store
  authenticator: Authenticator
  metrics: Metrics
  config: Config
  services: Pick<Services, 'quotas' | 'documents'>
  logger: Logger
}

/** One way in: which names it answers to, and whether it is the socket in DATA_DIR. */
export interface Door {
  readonly isOurs: HostCheck
  readonly isSocket: boolean
}

/** Everything that is served over HTTP, on as many servers as one likes. */
export class HttpService {
  readonly #options: HttpOptions
  readonly #page: GraphiQLPage
  readonly #webSockets: WebSocketEndpoint
  readonly #connections: Connections
  readonly #origins: Origins
  readonly #sessions: SessionEndpoint
  readonly #cookie: string
  readonly #headers: Map<string, string>
  readonly #servers: Server[] = []
  readonly #streams = new Set<ServerResponse>()
  #closing = false

  constructor(options: HttpOptions) {
    this.#options = options
    this.#page = new GraphiQLPage(options.yoga)
    const { config, authenticator } = options
    const behindTls = config.publicUrl.startsWith('https:')
    this.#cookie = cookieName(behindTls)
    this.#sessions = new SessionEndpoint({ authenticator, behindTls })
    this.#webSockets = new WebSocketEndpoint({ ...options, cookie: this.#cookie })
    this.#connections = new Connections(config)
    this.#origins = new Origins(config.publicUrl === '' ? config.allowedOrigins : [...config.allowedOrigins, config.publicUrl])
    this.#headers = new Map(secureHeaders({ behindTls }))
  }

  /** One more server; the caller lets it listen. */
  newServer(door: Door): Server {
    const { config } = this.#options
    const server = createServer({ ...timeouts(config), keepAlive: true, maxHeaderSize: MAX_HEADER_BYTES }, (req, res) =>
      this.#handle(req, res, server, door),
    )
    // A connection on which nothing moves, in either direction; a WebSocket has its own ways.
    server.timeout = 2 * config.requestTimeoutMs
    if (!door.isSocket) this.#connections.watch(server)
    answerMalformed(server)
    server.on('upgrade', (req, socket, head) => {
      const refusal = this.#refusalOf(req, door) ?? (pathOf(req) === '/graphql' ? undefined : NOT_FOUND)
      if (refusal) refuseSocket(socket, refusal)
      else this.#webSockets.upgrade(req, socket, head, door.isSocket)
    })
    this.#servers.push(server)
    return server
  }

  /** Takes nothing more, ends what would go on for ever, lets the rest finish; at the deadline everything is cut off. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#closing = true
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    // Cut off, not completed: that way a client knows that it has to come back.
    for (const stream of this.#streams) stream.destroy()
    deadline.addEventListener('abort', () => {
      for (const server of this.#servers) server.closeAllConnections()
    })
    await Promise.all([this.#webSockets.close(), ...closed])
  }

  /** Why a request is refused whatever it asks for. */
  #refusalOf(req: IncomingMessage, { isOurs }: Door): HttpError | undefined {
    if (hostsIn(req) > 1) return TWO_HOSTS
    if (!isOurs(req.headers.host)) return ANOTHER_HOST
    return this.#origins.admits(req) ? this.#connections.refusalOf(req.socket) : ANOTHER_ORIGIN
  }

  #handle(req: IncomingMessage, res: ServerResponse, server: Server, door: Door): Promise<void> {
    const work = () => this.#serve(req, res, server, door)
    if (!isTracing()) return work()
    // What fails here fails again where it is answered.
    const isKnown = async () => !this.#refusalOf(req, door) && 'sub' in (await this.#callerOf(req, door.isSocket).catch(() => FAILED))
    return tracedRequest(req, res, { isKnown, work })
  }

  async #serve(req: IncomingMessage, res: ServerResponse, server: Server, door: Door): Promise<void> {
    const requestId = randomUUID()
    const started = performance.now()
    res.setHeader('x-request-id', requestId)
    res.setHeaders(this.#headers)
    this.#origins.allowReading(req, res)
    res.once('close', () => {
      // The operation's name and the address would be the caller's own words.
      this.#options.logger.debug({ requestId, status: res.statusCode, durationMs: Math.round(performance.now() - started) }, 'request')
      this.#options.metrics.request(req, res)
      if (this.#closing) setImmediate(() => server.closeIdleConnections())
    })
    try {
      const refusal = this.#refusalOf(req, door)
      if (refusal) sendError(res, refusal)
      else if (!this.#origins.answerPreflight(req, res)) await this.#route(req, res, door.isSocket)
    } catch (error) {
      // Most often the client went away in the middle; nobody is left to tell.
      if (res.destroyed) return
      this.#options.logger.error({ requestId, err: error }, 'a request failed unexpectedly')
      if (res.headersSent) res.destroy()
      else sendError(res, FAILED)
    }
  }

  /** What is open to everybody, first; all else is for those who are known. */
  async #route(req: IncomingMessage, res: ServerResponse, isSocket: boolean): Promise<void> {
    const { yoga, store, authenticator, metrics, services, config } = this.#options
    const path = pathOf(req)
    const isRead = req.method === 'GET' || req.method === 'HEAD'
    if (path === '/health/live') return isRead ? live(res) : sendError(res, READ_ONLY)
    if (path === '/health/ready') return isRead ? ready(store, res) : sendError(res, READ_ONLY)
    if (path === '/session' && req.method === 'POST') return this.#sessions.signIn(req, res)
    const isPage = isRead && (req.headers.accept?.includes('text/html') ?? false)
    if (path === '/session' && isPage) return serveSignIn(res, req.method === 'HEAD')
    if (path === '/graphql' && isPage && config.trustedDocuments.mode === 'only' && config.auth.required) return sendNoPage(res)

    const caller = await this.#callerOf(req, isSocket)
    if (path === '/graphql' && isPage) return 'sub' in caller ? this.#page.serve(req, res) : serveSignIn(res, req.method === 'HEAD')
    if (!('sub' in caller)) return refuseWhole(req, res, caller)
    const waitSeconds = services.quotas.request(caller)
    if (waitSeconds > 0) {
      const error = httpErrorOf(tooManyRequests(waitSeconds))
      return refuseWhole(req, res, { ...error, headers: { 'retry-after': String(waitSeconds) } })
    }
    if (path === '/graphql')
      return serveGraphQL(
        { yoga, authenticator, documents: services.documents, maxBodyBytes: config.maxBodyBytes, streams: this.#streams },
        { req, res, caller },
      )
    if (path === '/session' && isRead) return this.#sessions.tell(res, caller)
    if (path === '/session' && req.method === 'DELETE') return this.#sessions.signOut(res, caller)
    if (path === '/metrics') return isRead ? metrics.serve(caller, res) : sendError(res, READ_ONLY)
    if (isPredecessors(path)) {
      if (!isRead) return sendError(res, READ_ONLY)
      return servePredecessor(path, { store, caller, localTimeZone: config.localTimeZone, now: Date.now() }, res)
    }
    return sendError(res, path === '/session' ? SESSION_METHODS : NOT_FOUND)
  }

  /** Who asks, or why they are refused. */
  async #callerOf(req: IncomingMessage, isSocket: boolean): Promise<Caller | HttpError> {
    try {
      return await this.#options.authenticator.authenticate(credentialsOf(req, { isSocket, cookie: this.#cookie }))
    } catch (error) {
      if (error instanceof XinyiError) return httpErrorOf(error)
      throw error
    }
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean => 'content-length' in headers || 'transfer-encoding' in headers

const refuseWhole = (req: IncomingMessage, res: ServerResponse, error: HttpError): void =>
  hasBody(req) ? refuseBody(req, res, error) : sendError(res, error)

const pathOf = ({ url = '' }: IncomingMessage): string | undefined =>
  url === '/graphql' ? url : URL.parse(url, 'http://localhost')?.pathname

/** Whoever stands before this server may go by another of them than is looked at here. */
const hostsIn = ({ rawHeaders }: IncomingMessage): number =>
  rawHeaders.filter((text, i) => i % 2 === 0 && text.length === 4 && text.toLowerCase() === 'host').length

const TWO_HOSTS: HttpError = {
  status: 400,
  code: 'BAD_USER_INPUT',
  message: 'The request has more than one Host header.',
  hint: 'Send one.',
}

const NOT_FOUND: HttpError = {
  status: 404,
  code: 'NOT_FOUND',
  message: 'There is nothing at this address.',
  hint: 'GraphQL is at /graphql, health at /health/live and /health/ready.',
}

const READ_ONLY: HttpError = {
  status: 405,
  code: 'BAD_USER_INPUT',
  message: 'This address answers GET only.',
  hint: 'Send a GET.',
  headers: { allow: 'GET, HEAD' },
}

const ANOTHER_HOST: HttpError = {
  status: 421,
  code: 'FORBIDDEN',
  message: 'This server listens on its own machine only, and does not answer to the name in the Host header.',
  hint: 'Use http://localhost, set PUBLIC_URL where a proxy leads here, or have it listen beyond this machine with HOST.',
}

const FAILED: HttpError = {
  status: 500,
  code: 'INTERNAL_SERVER_ERROR',
  message: 'Something went wrong inside the service.',
  hint: 'Try again; the log has more under the x-request-id of this answer.',
}
