import type { Redis, RedisOptions } from 'ioredis'
import { StartError } from '../../errors.ts'
import { PatientRedis } from './client.ts'
import { Fault, wordOf } from './faults.ts'

const COMMAND_TIMEOUT_MS = 500

type Options = RedisOptions & { replyMapping: 'legacy' }

/** Nothing is queued while Redis is away and nothing is sent twice: measured, the defaults applied an INCR twice and left calls to a hung server unsettled. */
const OPTIONS = {
  lazyConnect: true,
  replyMapping: 'legacy',
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  // A server that is still loading says so itself, to the first command.
  enableReadyCheck: false,
  autoResendUnfulfilledCommands: false,
  connectTimeout: 500,
  disconnectTimeout: 100,
  // What comes after a connection that was lost may be another Redis, or another past: whoever uses it has to look first.
  retryStrategy: () => null,
} satisfies Options

/** Where Redis is: `url` is redis://…, rediss://… (TLS) or the path of a unix socket. With sentinels only its user, password and database count. */
export interface RedisTarget {
  url: string
  sentinels?: readonly { host: string; port: number }[]
  sentinelName?: string
  sentinelPassword?: string
  /** How long a command may take, in milliseconds; 500 unless told. */
  commandTimeoutMs?: number
}

/** Where a Redis is, without its password. */
export function placeOf({ url, sentinels, sentinelName }: RedisTarget): string {
  if (sentinels) return `${sentinelName ?? 'mymaster'} of the sentinels ${sentinels.map(({ host, port }) => `${host}:${port}`).join(', ')}`
  if (url.startsWith('/')) return url
  const { protocol, hostname, port, pathname } = new URL(url)
  return `${protocol}//${hostname}:${port || 6379}${pathname.length > 1 ? pathname : ''}`
}

function optionsFor({ url, sentinels, sentinelName, sentinelPassword }: RedisTarget): Options {
  if (!sentinels) return OPTIONS
  const tls = url.startsWith('rediss:')
  return {
    ...OPTIONS,
    sentinels: sentinels.map((sentinel) => ({ ...sentinel })),
    name: sentinelName ?? 'mymaster',
    role: 'master',
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    enableTLSForSentinelMode: tls,
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
  }
}

async function begin(redis: Redis, signal?: AbortSignal): Promise<Redis> {
  let lastError: unknown
  redis.on('error', (error: unknown) => {
    lastError ??= error
  })
  const stop = () => redis.disconnect()
  signal?.addEventListener('abort', stop)
  try {
    signal?.throwIfAborted()
    await redis.connect()
    // What went wrong on the way (a password that is refused) is told only so.
    if (lastError) throw lastError
    return redis
  } catch (error) {
    redis.disconnect()
    throw new Fault(signal?.aborted ? 'aborted' : wordOf(lastError ?? error))
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

const connect = (target: RedisTarget, timeoutMs: number, signal?: AbortSignal): Promise<Redis> =>
  begin(new PatientRedis(target.url, optionsFor(target), timeoutMs), signal)

/** One connection, ready; never reconnects by itself. Rejects with a Fault. With sentinels they are asked for the master each time. */
export const connectRedis = (target: RedisTarget, signal?: AbortSignal): Promise<Redis> =>
  connect(target, target.commandTimeoutMs ?? COMMAND_TIMEOUT_MS, signal)

const FILLING_TIMEOUT_MS = 5_000

/** The same, to fill Redis over: nobody waits for an answer, and a disk that can't keep up with so much makes Redis stand still now and then. */
export const connectToFill = (target: RedisTarget): Promise<Redis> => connect(target, FILLING_TIMEOUT_MS)

const COPYING_TIMEOUT_MS = 30_000

/** The same, to copy all that is there, however large its parts are. */
export const connectToCopy = (target: RedisTarget): Promise<Redis> => connect(target, COPYING_TIMEOUT_MS)

/** How long a wait for news blocks at most; its connection gives up a little later. */
export const BLOCK_MS = 5_000

/** A connection that waits for news, and is patient for longer than that. */
export const connectWaiting = (target: RedisTarget, signal?: AbortSignal): Promise<Redis> => connect(target, BLOCK_MS + 1_000, signal)

/** Connects for someone who starts: what fails is a StartError that says where, and what to do. */
export async function connectToStart(target: RedisTarget): Promise<Redis> {
  try {
    return await connectRedis(target)
  } catch (error) {
    const word = wordOf(error)
    throw new StartError(
      `Redis at ${placeOf(target)} can't be used (${word === 'not Redis' ? 'what answers there is not Redis' : word}). ` +
        'Start redis-server there, set REDIS_URL (or REDIS_HOST and REDIS_PORT), or use MEMORY_STORAGE_BACKEND=sqlite.',
    )
  }
}

/** Whether a data set of ours is there; false where Redis can't be reached. Changes nothing. */
export async function redisHoldsData(target: RedisTarget): Promise<boolean> {
  try {
    const redis = await connectRedis(target)
    return await redis
      .exists('xinyi:meta')
      .then(
        (count) => count === 1,
        () => false,
      )
      .finally(() => redis.disconnect())
  } catch {
    return false
  }
}

/** Whether Redis answers a new connection within so much time. */
export async function answersWithin(target: RedisTarget, patienceMs: number): Promise<boolean> {
  const late = AbortSignal.timeout(patienceMs)
  try {
    const redis = await connectRedis(target, late)
    const stop = () => redis.disconnect()
    late.addEventListener('abort', stop)
    await redis.ping().finally(stop)
    return !late.aborted
  } catch {
    return false
  }
}
