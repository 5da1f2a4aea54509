import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ErrorCode, XinyiError } from '../errors.ts'

export interface HttpError {
  status: number
  code: ErrorCode
  message: string
  hint: string
  headers?: OutgoingHttpHeaders
}

const STATUSES: Partial<Record<ErrorCode, number>> = { UNAUTHENTICATED: 401, FORBIDDEN: 403, RATE_LIMITED: 429, STORE_UNAVAILABLE: 503 }

/** How a request as a whole is refused for this reason. */
export function httpErrorOf({ code, message, hint }: XinyiError): HttpError {
  const headers = code === 'UNAUTHENTICATED' ? { 'www-authenticate': 'Bearer' } : {}
  return { status: STATUSES[code] ?? 400, code, message, hint, headers }
}

/** How long a client that is refused may take to read why. */
const LINGER_MS = 1_000

/** Answers on a connection that is not (any more) in the hands of HTTP, and closes it. */
export function refuseSocket(socket: Duplex, error: HttpError): void {
  const text = JSON.stringify(errorBody(error))
  const head = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    ...error.headers,
    connection: 'close',
  }
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`)
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.on('error', () => {})
  socket.once('close', () => clearTimeout(timer))
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\n${lines.join('')}\r\n${text}`)
  // Unread, it would have the connection reset, and the answer lost.
  socket.resume()
}

/** An error of HTTP in the shape of a GraphQL error, so that clients need to know one shape only. */
export const errorBody = ({ code, message, hint }: HttpError): object => ({ errors: [{ message, extensions: { code, hint } }] })

export const sendError = (res: ServerResponse, error: HttpError): void => sendJson(res, error.status, errorBody(error), error.headers)

/** What names a request, in its answer as in the log. */
export const requestIdOf = (res: ServerResponse): string => String(res.getHeader('x-request-id'))

export function sendJson(res: ServerResponse, status: number, body: unknown, headers: OutgoingHttpHeaders = {}): void {
  const text = JSON.stringify(body)
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text), ...headers })
  res.end(text)
}
