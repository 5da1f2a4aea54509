import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import { StartError, XinyiError } from './errors.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Where what somebody wrote, or a secret, would be, should a careless line ever carry it. */
const SENSITIVE = ['query', 'response', 'variables', 'body', 'reason', 'password', 'authorization', 'cookie', 'redisUrl']

/** The log, on standard error: lines to read on a terminal, JSON anywhere else. */
export function createLogger(level: LogLevel, terminal = process.stderr.isTTY): Logger {
  const redact = { paths: SENSITIVE.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' }
  const options = { level, redact, base: null, serializers: { err: describeError, error: describeError, cause: describeError } }
  if (!terminal) return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }))
  return pino(options, pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }))
}

/** An error without what somebody may have written: only our own messages and those of the system are known to hold none. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : replyCode(error)
  const isKnown = error instanceof XinyiError || error instanceof StartError || 'syscall' in error
  return {
    type: error.name,
    ...(code && { code }),
    ...(isKnown && { message: error.message }),
    frames: error.stack
      ?.replace(error.message, '')
      .match(/^ {4}at .+$/gm)
      ?.map((frame) => frame.trim()),
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  }
}

/** The first word of what Redis answers, such as OOM or READONLY. */
const replyCode = ({ name, message }: Error): string | undefined =>
  name === 'ReplyError' ? /^[A-Z]{2,20}(?= )/.exec(message)?.[0] : undefined
