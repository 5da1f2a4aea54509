/** The codes of the GraphQL contract. */
export type ErrorCode =
  | 'BAD_USER_INPUT'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'CURSOR_EXPIRED'
  | 'RATE_LIMITED'
  | 'QUERY_TOO_COMPLEX'
  | 'PAYLOAD_TOO_LARGE'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'PERSISTED_QUERY_NOT_FOUND'
  | 'STORE_UNAVAILABLE'
  | 'INTERNAL_SERVER_ERROR'

/** An error meant for whoever asked: what went wrong, where, and what to do. Never holds conversation text or store internals. */
export class XinyiError extends Error {
  override readonly name = 'XinyiError'
  readonly code: ErrorCode
  /** What to do about it, as a sentence. */
  readonly hint: string
  /** The input field at fault, as a path such as `input.occurredAt`. */
  readonly field: string | undefined
  /** How that stands which the request was about, where it is not as the caller took it to be. */
  readonly present: object | undefined

  constructor(code: ErrorCode, message: string, hint: string, options: { field?: string; present?: object; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = hint
    this.field = options.field
    this.present = options.present
  }
}

export const badInput = (message: string, hint: string, field?: string): XinyiError =>
  new XinyiError('BAD_USER_INPUT', message, hint, field === undefined ? {} : { field })

export const storeUnavailable = (cause?: unknown): XinyiError =>
  new XinyiError(
    'STORE_UNAVAILABLE',
    'The store does not answer, so this request could not be carried out or confirmed.',
    'Try again; a recording that carries the same idempotencyKey is never counted twice.',
    { cause },
  )

/** A place in the log that it does not reach to: it was trimmed since, or restored from an earlier time, or is another data set's. */
export const cursorExpired = (field?: string): XinyiError =>
  new XinyiError(
    'CURSOR_EXPIRED',
    'The log does not reach to this cursor (any more).',
    'Subscribe without a cursor, then query the present alerts: in this order none falls between the two.',
    field === undefined ? {} : { field },
  )

export const isExpired = (error: unknown): error is XinyiError => error instanceof XinyiError && error.code === 'CURSOR_EXPIRED'

/** The process can't start or a command can't run; its message is shown to the operator as it is. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
