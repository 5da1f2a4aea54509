import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import * as z from 'zod'
import type { AppOptions } from '../app.ts'
import { type Config, SOCKET_NAME } from '../config.ts'
import { StartError, storeUnavailable } from '../errors.ts'
import type { TypedDocumentString } from '../gql/graphql.ts'

export interface Failure {
  message: string
  path?: readonly (string | number)[] | undefined
  extensions?: { code?: string | undefined; hint?: string | undefined; field?: string | undefined } | undefined
}

export interface Result<T> {
  data: T | null
  errors: readonly Failure[]
}

/** The GraphQL API as a command uses it: through the server of this DATA_DIR where one is running, else through one of its own. */
export interface Client {
  /** The socket of the server that it goes through; null: it opened the store itself. */
  readonly socket: string | null
  /** Data and errors as they come; throws STORE_UNAVAILABLE when there is no answer. */
  request<T, V>(document: TypedDocumentString<T, V>, variables: V, timeoutMs?: number): Promise<Result<T>>
  /** The data; throws at the first error. */
  execute<T, V>(document: TypedDocumentString<T, V>, variables: V, timeoutMs?: number): Promise<T>
  close(): Promise<void>
}

/** Sends the JSON of a GraphQL request, answers with that of the response. */
interface Transport {
  send(body: string, timeoutMs?: number): Promise<string>
  close(): Promise<void>
}

const REQUEST_TIMEOUT_MS = 60_000
const HEADERS = { 'content-type': 'application/json', accept: 'application/graphql-response+json' }
/** A busy server on a busy machine takes its time. */
const GREETING_TIMEOUT_MS = 5_000
const GREETING = JSON.stringify({ query: '{ __typename }' })

export async function connect(config: Config): Promise<Client> {
  return (await findServer(config)) ?? client(null, await inProcess(config, { keepRetention: true, bulk: true }))
}

/** The store of a data set that is there, only to look at it. */
export const look = async (config: Config): Promise<Client> => client(null, await inProcess(config, { readOnly: true }))

/** The running server of this DATA_DIR; null when there is none. */
export async function findServer(config: Config): Promise<Client | null> {
  const socket = join(config.dataDir, SOCKET_NAME)
  const server = throughSocket(socket)
  return (await answers(server, socket)) ? client(socket, server) : null
}

async function answers(server: Transport, socket: string): Promise<boolean> {
  try {
    await server.send(GREETING, GREETING_TIMEOUT_MS)
    return true
  } catch (error) {
    await server.close()
    if (hasCode(error, ['ENOENT', 'ECONNREFUSED', 'ENOTDIR'])) return false
    if (hasCode(error, ['EACCES', 'EPERM']))
      throw new StartError(`This account may not use ${socket}. Run the command as the account that the server runs as.`)
    throw new StartError(`A server has ${socket} open but does not answer. Stop it, or wait until it does, and try again.`)
  }
}

const hasCode = (error: unknown, codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)

function throughSocket(socketPath: string): Transport {
  const agent = new Agent({ keepAlive: true })
  return {
    send: (body, timeout = REQUEST_TIMEOUT_MS) =>
      new Promise((resolve, reject) => {
        const post = request({ socketPath, agent, method: 'POST', path: '/graphql', headers: { ...HEADERS }, timeout })
        post.once('timeout', () => post.destroy(new Error('timed out')))
        post.once('error', reject)
        post.once('response', (response) => buffer(response).then((bytes) => resolve(bytes.toString()), reject))
        post.end(body)
      }),
    close: async () => agent.destroy(),
  }
}

async function inProcess(config: Config, options: Omit<AppOptions, 'logger'>): Promise<Transport> {
  const [{ buildApp }, { systemUser }, { createLogger }] = await Promise.all([
    import('../app.ts'),
    import('../auth/authenticator.ts'),
    import('../logging.ts'),
  ])
  const app = await buildApp(config, { logger: createLogger(config.logLevel === 'info' ? 'warn' : config.logLevel), ...options })
  return {
    // The headers as a copy: yoga adds the length of this very body to them.
    send: async (body) =>
      (
        await app.yoga.fetch('http://localhost/graphql', { method: 'POST', headers: { ...HEADERS }, body }, { caller: systemUser() })
      ).text(),
    close: () => app.close(),
  }
}

const FailureSchema = z.object({
  message: z.string(),
  path: z.array(z.union([z.string(), z.number()])).optional(),
  extensions: z.object({ code: z.string().optional(), hint: z.string().optional(), field: z.string().optional() }).optional(),
})

function client(socket: string | null, transport: Transport): Client {
  const send = async <T, V>(document: TypedDocumentString<T, V>, variables: V, timeoutMs?: number): Promise<Result<T>> => {
    // The types of the documents are generated from the schema that answers them.
    const Response = z.object({ data: z.custom<T>().nullable().default(null), errors: z.array(FailureSchema).default([]) })
    try {
      return Response.parse(JSON.parse(await transport.send(JSON.stringify({ query: document.toString(), variables }), timeoutMs)))
    } catch (error) {
      throw storeUnavailable(error)
    }
  }
  return {
    socket,
    request: send,
    async execute(document, variables, timeoutMs) {
      const { data, errors } = await send(document, variables, timeoutMs)
      const [failure] = errors
      if (failure) throw new StartError([failure.message, failure.extensions?.hint].filter(Boolean).join(' '))
      if (data === null) throw storeUnavailable()
      return data
    },
    close: () => transport.close(),
  }
}
