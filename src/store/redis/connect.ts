import { randomBytes, randomUUID } from 'node:crypto'
import { Redis, type RedisOptions } from 'ioredis'
import { z } from 'zod'
import { StartError } from '../../errors.ts'
import { runScript } from './script.ts'

const COMMAND_TIMEOUT_MS = 500

/** Nothing is queued while Redis is away and nothing is sent twice: measured, the defaults applied an INCR twice and left calls to a hung server unsettled. */
const OPTIONS = {
  lazyConnect: true,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  commandTimeout: COMMAND_TIMEOUT_MS,
  socketTimeout: COMMAND_TIMEOUT_MS + 75,
  connectTimeout: 500,
  disconnectTimeout: 100,
  retryStrategy: (times: number) => Math.min(50 * times, 500) + Math.random() * 50,
} satisfies RedisOptions

/** How long a wait for news blocks at most; its connection gives up a little later. */
export const BLOCK_MS = 5_000

/** A connection that waits for news: no command time-out, and a socket time-out longer than the wait. */
export function waitingConnection(redis: Redis): Redis {
  const waiting = redis.duplicate({ commandTimeout: undefined, socketTimeout: BLOCK_MS + 1_000, retryStrategy: null })
  // Whoever waits learns of errors from the command that fails.
  waiting.on('error', () => {})
  return waiting
}

export interface DataSet {
  id: string
  epoch: string
  tombstoneKey: string
}

const identity = z.tuple([z.string(), z.string(), z.string(), z.string()])

/** Where a Redis is, without its password. */
export function placeOf(url: string): string {
  if (url.startsWith('/')) return url
  const { protocol, hostname, port, pathname } = new URL(url)
  return `${protocol}//${hostname}:${port || 6379}${pathname.length > 1 ? pathname : ''}`
}

/** The predecessor keeps its users under user:*; a Redis with such keys and no data-set id is somebody else's. */
async function holdsForeignUsers(redis: Redis): Promise<boolean> {
  let cursor = '0'
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', 'user:*', 'COUNT', 1000)
    if (keys.length > 0) return true
    cursor = next
  } while (cursor !== '0')
  return false
}

async function dataSetOf(redis: Redis, place: string): Promise<DataSet> {
  if (/^cluster_enabled:1/m.test(await redis.info('cluster'))) {
    throw new StartError(`Redis at ${place} is a cluster node, and a data set needs a single server: point REDIS_URL at one.`)
  }
  if ((await redis.exists('xinyi:meta')) === 0 && (await holdsForeignUsers(redis))) {
    throw new StartError(
      `Redis at ${place} holds user:* keys but no data-set id, so they belong to another program (perhaps to the predecessor): ` +
        'nothing was changed. Point REDIS_URL at an empty Redis or at another database number, such as redis://localhost:6379/1.',
    )
  }
  const fresh = { dataSetId: randomUUID(), epoch: randomUUID(), tombstoneKey: randomBytes(32).toString('hex') }
  const found = identity.safeParse(await runScript(redis, 'open', fresh))
  if (!found.success)
    throw new StartError(`Redis at ${place}: xinyi:meta is damaged, so the data set can't be told. Restore it from a backup.`)
  const [format, id, epoch, tombstoneKey] = found.data
  if (format !== '1')
    throw new StartError(`Redis at ${place} holds a data set of format ${format}, this version reads format 1: use a newer version.`)
  return { id, epoch, tombstoneKey }
}

/** Connects, and does something first; what fails on the way is a StartError that says where. */
async function connecting<T>(url: string, begin: (redis: Redis, place: string) => Promise<T>): Promise<{ redis: Redis; begun: T }> {
  const place = placeOf(url)
  const redis = new Redis(url, OPTIONS)
  let lastError: string | undefined
  redis.on('error', (error: Error) => {
    lastError = error.message
  })
  try {
    await redis.connect()
    return { redis, begun: await begin(redis, place) }
  } catch (error) {
    redis.disconnect()
    if (error instanceof StartError) throw error
    const said = lastError ?? (error instanceof Error ? error.message : 'no answer')
    throw new StartError(
      `Redis at ${place} can't be used (${said.startsWith('Unknown RESP') ? 'what answers there is not Redis' : said}). ` +
        'Start redis-server there, set REDIS_URL (or REDIS_HOST and REDIS_PORT), or use MEMORY_STORAGE_BACKEND=sqlite.',
    )
  }
}

/** Connects and makes sure that the data set is ours. Rejects with StartError. */
export async function connect(url: string): Promise<{ redis: Redis; dataSet: DataSet }> {
  const { redis, begun } = await connecting(url, dataSetOf)
  return { redis, dataSet: begun }
}

/** Whether a data set of ours is there already; changes nothing. Rejects with StartError. */
export async function redisHoldsData(url: string): Promise<boolean> {
  const { redis, begun } = await connecting(url, (client) => client.exists('xinyi:meta'))
  redis.disconnect()
  return begun === 1
}
