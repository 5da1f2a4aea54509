import { randomUUID } from 'node:crypto'
import { GraphQLError } from 'graphql'
import type { Logger } from 'pino'
import { type ErrorCode, XinyiError } from '../errors.ts'
import { coercionMessage, requestMessage } from './messages.ts'

/** Makes of anything that was thrown what its caller may see: always with a code, never with texts of the caller's or of a store's. */
export type ErrorFormatter = (error: unknown) => GraphQLError

interface Shown {
  code: ErrorCode
  message: string
  hint?: string | undefined
  field?: string | undefined
  present?: object | undefined
  requestId?: string | undefined
  http?: unknown
}

/** An error as it is shown, in the place where `at` was found. `http` is for yoga alone, and never part of an answer. */
export function shownError(at: unknown, { code, message, hint, field, present, requestId, http }: Shown): GraphQLError {
  const place = at instanceof GraphQLError ? { nodes: at.nodes ?? null, source: at.source, positions: at.positions, path: at.path } : {}
  const known = Object.entries({ hint, field, present, requestId }).filter(([, value]) => value !== undefined)
  const extensions = { code, ...Object.fromEntries(known) }
  Object.defineProperty(extensions, 'http', { value: http, writable: true })
  return new GraphQLError(message, { ...place, extensions })
}

export function errorFormatter(logger: Logger): ErrorFormatter {
  // What fails a whole batch of reads comes back for each of them.
  const known = new WeakMap<Error, string>()

  return (error) => {
    if (isShown(error)) return error
    const root = rootOf(error)
    const shown = describe(error, root)
    const logged = root instanceof Error ? known.get(root) : undefined
    const requestId = logged ?? randomUUID()
    if (root instanceof Error) known.set(root, requestId)
    if (shown) {
      if (shown.code === 'STORE_UNAVAILABLE' && !logged)
        logger.warn({ cause: traceOf(causeOf(root)) }, 'the store did not answer a request')
      return shownError(error, shown)
    }
    if (!logged) logger.error({ requestId, error: traceOf(root) }, 'a request failed unexpectedly')
    return shownError(error, {
      code: 'INTERNAL_SERVER_ERROR',
      message: 'Something went wrong inside the service.',
      hint: 'Try again; if it stays so, tell whoever runs the service this requestId: the log has more under it.',
      requestId,
      http: error instanceof GraphQLError && error.path ? undefined : { status: 500 },
    })
  }
}

const OUR_CODES: Record<ErrorCode, true> = {
  BAD_USER_INPUT: true,
  UNAUTHENTICATED: true,
  FORBIDDEN: true,
  NOT_FOUND: true,
  CONFLICT: true,
  CURSOR_EXPIRED: true,
  RATE_LIMITED: true,
  QUERY_TOO_COMPLEX: true,
  PAYLOAD_TOO_LARGE: true,
  GRAPHQL_PARSE_FAILED: true,
  GRAPHQL_VALIDATION_FAILED: true,
  PERSISTED_QUERY_NOT_FOUND: true,
  STORE_UNAVAILABLE: true,
  INTERNAL_SERVER_ERROR: true,
}

/** Of a request that is refused as a whole; a client that wants plain application/json gets 200, by the letter of GraphQL over HTTP. */
const STATUSES: Partial<Record<ErrorCode, number>> = { UNAUTHENTICATED: 401, FORBIDDEN: 403 }

const isShown = (error: unknown): error is GraphQLError =>
  error instanceof GraphQLError && !error.originalError && typeof error.extensions.code === 'string' && error.extensions.code in OUR_CODES

/** What kind of failure it is, as its caller sees it. */
export function codeOf(error: unknown): ErrorCode {
  const root = rootOf(error)
  if (root instanceof XinyiError) return root.code
  return root instanceof GraphQLError && isShown(root) ? (root.extensions.code as ErrorCode) : 'INTERNAL_SERVER_ERROR'
}

const rootOf = (error: unknown): unknown => (error instanceof GraphQLError && error.originalError ? rootOf(error.originalError) : error)

/** What is known about an error; null for an unexpected one. */
function describe(error: unknown, root: unknown): Shown | null {
  if (root instanceof XinyiError) {
    const { code, message, hint, field, present } = root
    const status = STATUSES[code]
    const isWhole = !(error instanceof GraphQLError && error.path)
    return { code, message, hint, field, present, http: status && isWhole ? { spec: true, status } : undefined }
  }
  // Outside of any field, only reading the request parses JSON; the message of this error quotes it.
  if (error instanceof SyntaxError) return { code: 'BAD_USER_INPUT', message: 'The request holds malformed JSON.', http: { status: 400 } }
  if (!(root instanceof GraphQLError)) return null
  const { code, http, originalError } = root.extensions
  if (code === 'BAD_REQUEST' || code === 'OPERATION_RESOLUTION_FAILURE') {
    // An audited rule: JSON that can't be parsed is 400 whatever the client accepts.
    return { code: 'BAD_USER_INPUT', message: requestMessage(root.message), http: originalError ? { status: 400 } : http }
  }
  if (root.message.startsWith('Argument "') || root.message.startsWith('Variable "')) {
    return { code: 'BAD_USER_INPUT', message: coercionMessage(root.message) }
  }
  return null
}

const traceOf = (error: unknown) => {
  if (!(error instanceof Error)) return { name: typeof error }
  // The message of an unknown error may hold what somebody wrote.
  const frames = error.stack?.replace(error.message, '').match(/^ {4}at .+:\d+:\d+\)?$/gm)
  return { name: error.name, code: 'code' in error ? error.code : undefined, frames }
}

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined)
