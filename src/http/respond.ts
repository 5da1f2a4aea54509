import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
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
