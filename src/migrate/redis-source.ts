import type { Redis } from 'ioredis'
import { StartError } from '../errors.ts'
import { connectRedis, placeOf, type RedisTarget } from '../store/redis/connect.ts'
import type { LegacySource, LegacyUser } from './legacy.ts'
import { countOf, legacyJson, pointOf, type Reading, Sieve, timeOf, topicOf, turnOf } from './parse.ts'

/** Of a key, as Redis estimates it; the predecessor's have some kilobytes. */
const MAX_KEY_BYTES = 16 * 1024 * 1024
/** Of a list or set. The predecessor kept 5 turns, 10 points and at most 24 topics. */
const MAX_ITEMS = 10_000
const SCAN = 1_000

/** The predecessor's ids are not escaped and can hold anything, a whole key included: the last suffix counts. */
const KEY = /^user:(.*):(profile|conversations|topics|emotions)$/s

const TYPES = { profile: 'hash', conversations: 'list', emotions: 'list', topics: 'set' } as const
type Suffix = keyof typeof TYPES
const SUFFIXES = Object.keys(TYPES) as Suffix[]

/** The predecessor's Redis, which is only read. */
export async function openLegacyRedis(target: RedisTarget, reading: Reading): Promise<LegacySource> {
  const redis = await connect(target)
  return {
    store: 'redis',
    // Most users have three keys or four.
    count: async () => Math.ceil((await redis.dbsize()) / 4),
    async *userIds() {
      for (let cursor = '0'; ; ) {
        const [next, keys] = await redis.scan(cursor, 'MATCH', 'user:*', 'COUNT', SCAN)
        const ids = new Set(keys.flatMap((key) => KEY.exec(key)?.[1] ?? []))
        yield* ids
        if (next === '0') break
        cursor = next
      }
    },
    // A key that names no user is not the predecessor's.
    strays: async () => [],
    read: (userId) => readUser(redis, userId, reading),
    async close() {
      redis.disconnect()
    },
  }
}

async function connect(target: RedisTarget): Promise<Redis> {
  try {
    return await connectRedis(target)
  } catch (error) {
    throw new StartError(`Redis at ${placeOf(target)} does not answer. Check the address and the password.`, { cause: error })
  }
}

async function readUser(redis: Redis, userId: string, reading: Reading): Promise<LegacyUser | null> {
  const sieve = new Sieve('redis', userId)
  const keys = Object.fromEntries(SUFFIXES.map((suffix) => [suffix, `user:${userId}:${suffix}`])) as Record<Suffix, string>
  const looks = redis.pipeline()
  for (const suffix of SUFFIXES) looks.type(keys[suffix]).call('MEMORY', 'USAGE', keys[suffix])
  const looked = answersOf(await looks.exec())
  const present = SUFFIXES.filter((suffix, i) => {
    const [type, bytes] = [looked[2 * i], looked[2 * i + 1]]
    if (type === 'none') return false
    if (type !== TYPES[suffix]) sieve.setAside(suffix, 'wrong_type', null)
    else if (Number(bytes ?? 0) > MAX_KEY_BYTES) sieve.setAside(suffix, 'too_large', null)
    else return true
    return false
  })
  if (present.length === 0 && sieve.quarantined.length === 0) return null

  const reads = redis.pipeline()
  for (const suffix of present) {
    if (suffix === 'profile') reads.hgetall(keys.profile)
    else if (suffix === 'topics') reads.smembers(keys.topics)
    else reads.lrange(keys[suffix], 0, MAX_ITEMS - 1)
  }
  const found: Partial<Record<Suffix, unknown>> = {}
  for (const [i, answer] of answersOf(await reads.exec()).entries()) {
    const suffix = present[i]
    if (suffix) found[suffix] = answer
  }
  const list = (suffix: Suffix): string[] => (Array.isArray(found[suffix]) ? found[suffix].map(String) : [])
  const profile = new Map(Object.entries(found.profile ?? {}))
  const time = (name: string) =>
    profile.has(name) ? sieve.take(`profile.${name}`, profile.get(name), () => timeOf(profile.get(name), reading)) : null
  const count = (name: string) =>
    profile.has(name) ? (sieve.take(`profile.${name}`, profile.get(name), () => countOf(profile.get(name))) ?? 0) : 0
  const byTime = (a: { at: number; stamp: string }, b: { at: number; stamp: string }) => a.at - b.at || (a.stamp < b.stamp ? -1 : 1)
  return {
    userId,
    createdAt: time('created_at'),
    lastActiveAt: time('last_active'),
    totalChats: count('total_chats'),
    totalRiskAlerts: count('total_risk_alerts'),
    topics: sieve.all('topics', list('topics'), topicOf).sort(),
    turns: sieve.all('conversations', list('conversations'), (text) => turnOf(legacyJson(text), reading)).sort(byTime),
    points: sieve.all('emotions', list('emotions'), (text) => pointOf(legacyJson(text), reading)).sort(byTime),
    quarantined: sieve.quarantined,
  }
}

function answersOf(results: [error: Error | null, result: unknown][] | null): unknown[] {
  return (results ?? []).map(([error, result]) => {
    if (error) throw error
    return result
  })
}
