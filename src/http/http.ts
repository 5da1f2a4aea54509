import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { GraphQLServer } from '../graphql/yoga.ts'
import type { Store } from '../store/store.ts'
import { serveGraphQL } from './graphql.ts'
import { secureHeaders } from './headers.ts'
import { live, ready } from './health.ts'
import type { HostCheck } from './host.ts'
import { ANOTHER_ORIGIN, Origins } from './origins.ts'
import { GraphiQLPage } from './page.ts'
import { type HttpError, sendError } from './respond.ts'
import { refuse, WebSocketEndpoint } from './websocket.ts'

/** For headers, for a whole request, and between two: slow clients must not pile up. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 30_000, connectionsCheckingInterval: 5_000 }

export interface HttpOptions {
  yoga: GraphQLServer
  store: Store
  config: Pick<Config, 'maxBodyBytes' | 'publicUrl' | 'allowedOrigins'>
  logger: Logger
}

/** Everything that is served over HTTP, on as many servers as one likes. */
export class HttpService {
  readonly #options: HttpOptions
  readonly #page: GraphiQLPage
  readonly #webSockets: WebSocketEndpoint
  readonly #origins: Origins
  readonly #headers: Map<string, string>
  readonly #servers: Server[] = []
  readonly #streams = new Set<ServerResponse>()
  #closing = false

  constructor(options: HttpOptions) {
    this.#options = options
    this.#page = new GraphiQLPage(options.yoga)
    const { config, yoga, logger } = options
    this.#webSockets = new WebSocketEndpoint(yoga, config.maxBodyBytes, logger)
    this.#origins = new Origins(config.publicUrl === '' ? config.allowedOrigins : [...config.allowedOrigins, config.publicUrl])
    this.#headers = new Map(secureHeaders({ behindTls: config.publicUrl.startsWith('https:') }))
  }

  /** One more server; the caller lets it listen. */
  newServer(isOurs: HostCheck): Server {
    const server = createServer({ ...TIMEOUTS, keepAlive: true }, (req, res) => this.#handle(req, res, server, isOurs))
    server.on('upgrade', (req, socket, head) => {
      if (!isOurs(req.headers.host)) refuse(socket, '421 Misdirected Request')
      else if (!this.#origins.admits(req)) refuse(socket, '403 Forbidden')
      else if (pathOf(req) === '/graphql') this.#webSockets.upgrade(req, socket, head)
      else refuse(socket, '404 Not Found')
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

  async #handle(req: IncomingMessage, res: ServerResponse, server: Server, isOurs: HostCheck): Promise<void> {
    const requestId = randomUUID()
    const started = performance.now()
    res.setHeader('x-request-id', requestId)
    res.setHeaders(this.#headers)
    this.#origins.allowReading(req, res)
    res.once('close', () => {
      // The operation's name and the address would be the caller's own words.
      this.#options.logger.debug({ requestId, status: res.statusCode, durationMs: Math.round(performance.now() - started) }, 'request')
      if (this.#closing) setImmediate(() => server.closeIdleConnections())
    })
    try {
      if (!isOurs(req.headers.host)) sendError(res, ANOTHER_HOST)
      else if (!this.#origins.admits(req)) sendError(res, ANOTHER_ORIGIN)
      else if (!this.#origins.answerPreflight(req, res)) await this.#route(req, res)
    } catch (error) {
      // Most often the client went away in the middle; nobody is left to tell.
      if (res.destroyed) return
      this.#options.logger.error({ requestId, err: error }, 'a request failed unexpectedly')
      if (res.headersSent) res.destroy()
      else sendError(res, FAILED)
    }
  }

  #route(req: IncomingMessage, res: ServerResponse): Promise<void> | void {
    const { yoga, store, config } = this.#options
    const isRead = req.method === 'GET' || req.method === 'HEAD'
    switch (pathOf(req)) {
      case '/graphql':
        if (isRead && req.headers.accept?.includes('text/html')) return this.#page.serve(req, res)
        return serveGraphQL({ yoga, maxBodyBytes: config.maxBodyBytes, streams: this.#streams }, req, res)
      case '/health/live':
        return isRead ? live(res) : sendError(res, READ_ONLY)
      case '/health/ready':
        return isRead ? ready(store, res) : sendError(res, READ_ONLY)
      default:
        return sendError(res, NOT_FOUND)
    }
  }
}

const pathOf = (req: IncomingMessage): string | undefined => URL.parse(req.url ?? '', 'http://localhost')?.pathname

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
