import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Random } from '../../src/demo/random.ts'
import { GraphQLClient } from './graphql.ts'
import type { Instance } from './instance.ts'
import type { Latencies } from './latency.ts'
import type { Ledger } from './ledger.ts'
import { STORAGE, type Storage, StorageData } from './operations.ts'
import type { FaultyLink } from './proxy.ts'
import type { TorturedRedis } from './redis.ts'

/** Everything that a run consists of. */
export interface World {
  redis: TorturedRedis
  instances: readonly Instance[]
  /** The way of each instance to Redis. */
  proxies: readonly FaultyLink[]
  ledger: Ledger
  latencies: Latencies
  /** Most conversations that are recorded by one request. */
  batch: number
}

/** Waits for a time that the seed decides. */
export const hold = (random: Random, least: number, most: number): Promise<void> => sleep(random.integer(least, most))

/** A connection straight to the server, past every proxy, for as long as `act` takes. */
export async function withRedis<T>(path: string, act: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ path, retryStrategy: () => null, maxRetriesPerRequest: 0, commandTimeout: 20_000 })
  // What is wrong with the connection, the command that needs it says.
  redis.on('error', () => {})
  try {
    return await act(redis)
  } finally {
    redis.disconnect()
  }
}

/** How the stores of an instance are doing; null when it does not answer. */
export async function storageOf(client: GraphQLClient): Promise<Storage | null> {
  const outcome = await client.ask(STORAGE)
  if (outcome.type === 'none' || outcome.errors.length > 0) return null
  return StorageData.parse(outcome.data).storage
}

const isHealed = (storage: Storage | null): boolean =>
  storage?.mode === 'PRIMARY' && storage.pendingWrites === 0 && storage.reconciliation?.inAgreement !== false

/** `inAgreement`: Redis is in charge, and SQLite has everything too. */
const isWhole = (storage: Storage | null): boolean => isHealed(storage) && storage?.reconciliation?.inAgreement === true

/**
 * Waits until every instance has said, once each, that it is healed, or (`whole`) that both its stores agree besides; answers how long that
 * took, or how those are that have not in time.
 */
export async function healed(instances: readonly Instance[], limitMs: number, whole = false): Promise<{ ms: number } | { sick: string[] }> {
  const began = performance.now()
  const sick = await Promise.all(
    instances.map(async (instance) => {
      const client = new GraphQLClient(() => instance.url, 5_000)
      try {
        for (;;) {
          const storage = await storageOf(client)
          if (whole ? isWhole(storage) : isHealed(storage)) return null
          if (performance.now() - began > limitMs) return `${instance.name} ${JSON.stringify(storage)}`
          await sleep(15)
        }
      } finally {
        client.close()
      }
    }),
  )
  const still = sick.filter((each) => each !== null)
  return still.length > 0 ? { sick: still } : { ms: performance.now() - began }
}
