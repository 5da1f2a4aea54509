import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import * as z from 'zod'
import { StartError } from '../errors.ts'
import { connectToCopy, placeOf, type RedisTarget } from '../store/redis/connect.ts'
import { wordOf } from '../store/redis/faults.ts'

/** A part of a key; of a hash, fields and values by turns. */
export interface Page {
  /** As TYPE says it; `none` where there is no such key. */
  type: string
  /** Null where one is larger than MAX_VALUE_BYTES. */
  values: (Buffer | null)[]
  /** Where to go on; null after the last page. */
  next: string | null
}

/** The keys that the predecessor kept in Redis, wherever they are now. */
export interface LegacyKeys {
  /** How many there are, about. */
  count(): Promise<number>
  /** Names that begin with `user:`, in pages, each at least once. */
  names(): AsyncIterable<readonly Buffer[]>
  /** From the beginning, or from where the page before ended. `fields`: of a hash, only these, in this order. */
  page(key: string | Buffer, options?: { from?: string; fields?: readonly string[] }): Promise<Page>
  close(): Promise<void>
}

export const MAX_VALUE_BYTES = 1_000_000
const PAGE_BYTES = 1_000_000
const SCAN = 1_000

const SCRIPT = readFileSync(new URL('page.lua', import.meta.url), 'utf8')
const Answer = z.tuple([z.instanceof(Buffer), z.instanceof(Buffer)], z.instanceof(Buffer).nullable())
const Names = z.tuple([z.instanceof(Buffer), z.array(z.instanceof(Buffer))])

/** A page of a key, of Redis. Values of up to `maxBytes` are given as they are. */
export async function pageOf(
  redis: Redis,
  key: string | Buffer,
  { from = '0', fields = [], maxBytes = MAX_VALUE_BYTES }: { from?: string; fields?: readonly string[]; maxBytes?: number } = {},
): Promise<Page> {
  const answer = await redis.callBuffer('EVAL', SCRIPT, 1, key, from, PAGE_BYTES, maxBytes, ...fields)
  const [type, next, ...values] = Answer.parse(answer)
  return { type: type.toString(), values, next: next.toString() === '0' ? null : next.toString() }
}

/** Names that begin with `user:`, in pages, each at least once. */
export async function* namesIn(redis: Redis): AsyncGenerator<readonly Buffer[]> {
  for (let cursor = '0'; ; ) {
    const [next, names] = Names.parse(await redis.callBuffer('SCAN', cursor, 'MATCH', 'user:*', 'COUNT', SCAN))
    yield names
    cursor = next.toString()
    if (cursor === '0') break
  }
}

/** A connection to the predecessor's Redis. */
export async function connectToLegacy(target: RedisTarget): Promise<Redis> {
  try {
    return await connectToCopy(target)
  } catch (cause) {
    throw new StartError(`Redis at ${placeOf(target)} does not answer. Check the address and the password.`, { cause })
  }
}

/** What went wrong with Redis meanwhile, as a sentence without the error's own text, in which the command is; whatever else it is, as it is. */
export function asRedisError(target: RedisTarget, error: unknown): unknown {
  if (error instanceof StartError || error instanceof z.ZodError || !(error instanceof Error)) return error
  return new StartError(
    `Redis at ${placeOf(target)} does not go on (${wordOf(error)}). Run the same command again when it does: what was taken over is known, and not counted twice.`,
  )
}

/** Those of a Redis, which is only read. */
export async function keysOfRedis(target: RedisTarget): Promise<LegacyKeys> {
  const redis = await connectToLegacy(target)
  const explained = (error: unknown): never => {
    throw asRedisError(target, error)
  }
  return {
    count: () => redis.dbsize().catch(explained),
    async *names() {
      try {
        yield* namesIn(redis)
      } catch (error) {
        explained(error)
      }
    },
    page: (key, options) => pageOf(redis, key, options).catch(explained),
    async close() {
      redis.disconnect()
    },
  }
}
