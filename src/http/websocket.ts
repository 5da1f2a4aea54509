import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ExecutionArgs, GraphQLError } from 'graphql'
import { type ConnectionInitMessage, handleProtocols, makeServer, type ServerOptions, type SubscribeMessage } from 'graphql-ws'
import type { Logger } from 'pino'
import { type WebSocket, WebSocketServer } from 'ws'
import * as z from 'zod'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Config } from '../config.ts'
import { XinyiError } from '../errors.ts'
import type { Line, Services } from '../graphql/context.ts'
import type { Asked } from '../graphql/documents.ts'
import { shownError } from '../graphql/errors.ts'
import type { GraphQLServer } from '../graphql/yoga.ts'
import type { Caller } from '../model.ts'
import { tooManyRequests } from '../services/quotas.ts'
import { credentialsOf } from './credentials.ts'
import { throttle } from './throttle.ts'

interface Extra {
  /** Let go of as soon as it is known who connects: there can be thousands. */
  req: IncomingMessage | null
  socket: WebSocket
  isSocket: boolean
  /** Null until they have said who they are. */
  caller: Caller | null
}

const INIT_TIMEOUT_MS = 5_000
const KEEP_ALIVE_MS = 12_000
const MAX_OPERATIONS = 100
/** Whoever has not taken so much is waited for. */
const MAX_BUFFERED_BYTES = 65_536
/** How long a client may take to answer that the connection is closed. */
const CLOSING_MS = 1_000
/** The same for one that has much left to read before. */
const SLOW_CLOSING_MS = 10_000
/** What somebody may send before it is known who they are: a token has a few hundred bytes. */
const STRANGER_BYTES = 32 * 1024
const GOING_AWAY = 1001
const UNSUPPORTED_DATA = 1003
const TRY_AGAIN_LATER = 1013
const UNAUTHORIZED = 4401
const FORBIDDEN = 4403
const INTERNAL_ERROR = 4500
const TOO_SLOW = 4429

export interface WebSocketOptions {
  yoga: GraphQLServer
  authenticator: Authenticator
  services: Pick<Services, 'quotas' | 'documents'>
  config: Pick<Config, 'maxBodyBytes'>
  /** The name of the cookie of a session. */
  cookie: string
  logger: Logger
}

/**
 * GraphQL over WebSocket, with the core of graphql-ws. Its ready-made adapter for ws prints errors to the console, whole, so that
 * they can hold what somebody wrote.
 */
export class WebSocketEndpoint {
  readonly #sockets: WebSocketServer
  readonly #logger: Logger

  constructor({ yoga, authenticator, services, config, cookie, logger }: WebSocketOptions) {
    this.#logger = logger
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: config.maxBodyBytes, handleProtocols })
    const server = makeServer({ ...operations(yoga, services), ...admission(authenticator, cookie) })
    this.#sockets.on('connection', (socket: WebSocket, req: IncomingMessage, isSocket: boolean) => {
      const stopPinging = keepAlive(socket)
      const extra: Extra = { req, socket, isSocket, caller: null }
      throttle(socket)
      boundStranger(extra, req.socket)
      const closed = server.opened(
        {
          protocol: socket.protocol,
          send: (text) => new Promise((resolve) => socket.send(text, () => resolve())),
          close: (code, reason) => socket.close(code, reason),
          onMessage: (receive) =>
            socket.on('message', (data, isBinary) => {
              if (isBinary) socket.close(UNSUPPORTED_DATA, 'Text only')
              else receive(withQuery(String(data))).catch((error) => this.#fail(socket, error))
            }),
        },
        extra,
      )
      // An error (a message that is too long or malformed) closes the socket by itself.
      socket.on('error', () => {})
      socket.once('close', (code, reason) => {
        stopPinging()
        closed(code, String(reason)).catch((error) => this.#logger.error({ err: error }, 'a WebSocket did not close cleanly'))
      })
    })
  }

  /** Takes a connection over from HTTP. `isSocket`: it came in over the socket in DATA_DIR. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, isSocket: boolean): void {
    this.#sockets.handleUpgrade(req, socket, head, (webSocket) => this.#sockets.emit('connection', webSocket, req, isSocket))
  }

  /** Tells every client that the server goes away, so that it connects again, elsewhere or later; cuts off who does not let go. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#sockets.close(() => resolve())
    for (const socket of this.#sockets.clients) socket.close(GOING_AWAY, 'Going away')
    const patience = setTimeout(() => {
      for (const socket of this.#sockets.clients) socket.terminate()
    }, CLOSING_MS)
    await promise
    clearTimeout(patience)
  }

  #fail(socket: WebSocket, error: unknown): void {
    if (error instanceof Error && FROM_A_SERVER.test(error.message)) socket.close(BAD_REQUEST, 'Not a message of a client')
    else {
      this.#logger.error({ err: error }, 'an operation over a WebSocket failed unexpectedly')
      socket.close(INTERNAL_ERROR, 'Internal server error')
    }
  }
}

const BAD_REQUEST = 4400
/** What graphql-ws says of a message that only servers send. */
const FROM_A_SERVER = /^Unexpected message of type /

/** graphql-ws takes no message for an operation that has no query, as those have none which ask for a document by its id. */
function withQuery(text: string): string {
  if (!text.includes('"documentId"')) return text
  try {
    const { payload, ...message } = ById.parse(JSON.parse(text))
    return JSON.stringify({ ...message, payload: { query: '', ...payload } })
  } catch {
    return text
  }
}

const ById = z.looseObject({ payload: z.looseObject({ documentId: z.string() }) })

/** Cuts off whoever sends much before they have said who they are. */
function boundStranger(extra: Extra, connection: IncomingMessage['socket']): void {
  const before = connection.bytesRead
  const look = () => {
    if (extra.caller) connection.off('data', look)
    else if (connection.bytesRead - before > STRANGER_BYTES) extra.socket.terminate()
  }
  connection.on('data', look)
}

/** Cuts off a client that no longer answers. */
function keepAlive(socket: WebSocket): () => void {
  let answered = true
  socket.on('pong', () => {
    answered = true
  })
  const timer = setInterval(() => {
    if (!answered) return socket.terminate()
    answered = false
    socket.ping()
  }, KEEP_ALIVE_MS)
  return () => clearInterval(timer)
}

/**
 * Takes what the core of graphql-ws would write anew for each subscriber. While nothing comes, a ping tells the present cursor of each
 * subscription, by its id; the client answers it by itself.
 */
function lineOf(socket: WebSocket, id: string): Line {
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`
  return {
    lastEventId: null,
    next(json) {
      const message = `${head}${json}}`
      if (socket.bufferedAmount <= MAX_BUFFERED_BYTES) return socket.send(message)
      return new Promise((resolve) => socket.send(message, () => resolve()))
    },
    idle: (cursor) => socket.send(JSON.stringify({ type: 'ping', payload: { cursors: { [id]: cursor } } })),
    tooSlow() {
      socket.close(TOO_SLOW, 'This client does not read what it is sent: subscribe again behind the last cursor')
      setTimeout(() => socket.terminate(), SLOW_CLOSING_MS).unref()
    },
  }
}

/** Lets those in who are known, for as long as what they came with holds. */
const admission = (
  authenticator: Authenticator,
  cookie: string,
): Pick<ServerOptions<ConnectionInitMessage['payload'], Extra>, 'onConnect'> => ({
  onConnect: async ({ connectionParams, extra }) => {
    const { req, socket, isSocket } = extra
    if (!req) return false
    extra.req = null
    try {
      const caller = await authenticator.authenticate(credentialsOf(req, { isSocket, cookie }, connectionParams))
      extra.caller = caller
      const stop = authenticator.onEnd(caller, () => {
        // Whatever is sent until the connection is closed is nobody's.
        extra.caller = null
        socket.close(UNAUTHORIZED, 'The token or session has ended')
        setTimeout(() => socket.terminate(), CLOSING_MS).unref()
      })
      socket.once('close', stop)
      return true
    } catch (error) {
      if (!(error instanceof XinyiError)) throw error
      socket.close(error.code === 'UNAUTHENTICATED' ? FORBIDDEN : TRY_AGAIN_LATER, error.message)
      return false
    }
  },
})

/** Runs each operation through yoga's plugins, with a context of its own. */
function operations(
  yoga: GraphQLServer,
  { quotas, documents }: WebSocketOptions['services'],
): ServerOptions<ConnectionInitMessage['payload'], Extra> {
  type Engine = Pick<ReturnType<GraphQLServer['getEnveloped']>, 'execute' | 'subscribe'>
  const engines = new WeakMap<ExecutionArgs, Engine>()
  const engineOf = (args: ExecutionArgs): Engine => {
    const engine = engines.get(args) ?? yoga.getEnveloped({})
    // It is used once, and these args are kept as long as a subscription runs.
    engines.delete(args)
    return engine
  }

  const prepare = async (
    params: SubscribeMessage['payload'] & Asked,
    { caller, line }: { caller: Caller; line: Line },
  ): Promise<ExecutionArgs | readonly GraphQLError[]> => {
    const { schema, parse, validate, contextFactory, execute, subscribe } = yoga.getEnveloped({ params, caller, line })
    const document = parse(documents.textOf(params, caller))
    const errors = validate(schema, document)
    if (errors.length > 0) return errors
    const { operationName, variables: variableValues } = params
    const args = { schema, document, operationName, variableValues, contextValue: await contextFactory() }
    engines.set(args, { execute, subscribe })
    return args
  }

  return {
    connectionInitWaitTimeout: INIT_TIMEOUT_MS,
    execute: (args) => engineOf(args).execute(args),
    subscribe: (args) => engineOf(args).subscribe(args),
    onSubscribe: async ({ subscriptions, extra: { socket, caller } }, id, params) => {
      if (!caller) return [nobody]
      if (Object.keys(subscriptions).length > MAX_OPERATIONS) return [tooMany]
      const waitSeconds = quotas.request(caller)
      if (waitSeconds > 0) return [shownError(null, tooManyRequests(waitSeconds))]
      try {
        return await prepare(params, { caller, line: lineOf(socket, id) })
      } catch (error) {
        if (error instanceof GraphQLError) return [error]
        if (error instanceof XinyiError) return [shownError(null, error)]
        throw error
      }
    },
  }
}

const nobody = new GraphQLError('The token or session has ended.', {
  extensions: { code: 'UNAUTHENTICATED', hint: 'Connect again, with a new token.' },
})

const tooMany = new GraphQLError(`More than ${MAX_OPERATIONS} operations run on this connection.`, {
  extensions: { code: 'RATE_LIMITED', hint: 'Complete some of them, or open another connection.' },
})
