import type { Redis } from 'ioredis'
import * as z from 'zod'
import { connectRedis, type RedisTarget } from '../redis/connect.ts'
import type { Remote } from '../thread/remote.ts'
import { Chain, Head } from './chain.ts'
import type { Ledger } from './ledger.ts'

/** Not of the data set's log: what servers tell each other of their audit logs. All of it can be lost, and is there again a moment later. */
const KEY = 'xinyi:audit:key' // string: of the marks of entries, hex
const HEADS = 'xinyi:audit:heads' // hash: origin -> JSON, its chain and its newest entry
const READERS = 'xinyi:audit:readers' // hash: origin -> JSON, when that server was here last, and how far it has each chain
const entriesKey = (origin: string): string => `xinyi:audit:entries:${origin}` // zset: JSON of entries that some server lacks, by their number

/** So many entries of a chain are in Redis for each server that lacks them, and as many are taken at a time. */
const WINDOW = 1_000
/** Whoever was not here for so long is not waited for. */
const PATIENCE_MS = 3_600_000
/** Whoever was not here for so long leaves it to others to hand out what they have of its chain. */
const ABSENT_MS = 10_000

const Announced = z.object({ chain: Chain, head: Head })
const Reader = z.object({ at: z.number(), has: z.record(z.string(), z.int()) })
const Entry = z.object({ seq: z.int(), body: z.string(), hash: z.string(), userId: z.string().nullable() })

/** The values of a hash that can be read: whoever wrote the others will write them again. */
function read<T>(schema: z.ZodType<T>, texts: Record<string, string>): Map<string, T> {
  const found = new Map<string, T>()
  for (const [field, text] of Object.entries(texts)) {
    const value = parse(schema, text)
    if (value !== null) found.set(field, value)
  }
  return found
}

function parse<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return null
  }
}

export interface Exchanged {
  /** Whether there may be more to exchange at once. */
  more: boolean
  /** Erasures that the ledger had seen by then. */
  erasures: number
  /** Others know more of this server's chain than it does: its log was put back. */
  goneBack: boolean
  /** Chains of which Redis has other entries than are here, or of which some are missing here. */
  contradicting: string[]
}

/**
 * One exchange of entries with the other servers of a data set, by way of Redis: takes over what they have put there, and puts there what
 * they lack. Every entry comes in its place in its chain, or not at all. Rejects where Redis holds another data set. `erasures` are those
 * of the exchange before.
 */
export async function exchange(
  redis: Redis,
  ledger: Remote<Ledger>,
  { dataSetId, now, erasures }: { dataSetId: string; now: number; erasures: number },
): Promise<Exchanged> {
  const found: Exchanged = { more: false, erasures, goneBack: false, contradicting: [] }
  const [there, heads, readers] = await Promise.all([redis.hget('xinyi:meta', 'dataSetId'), redis.hgetall(HEADS), redis.hgetall(READERS)])
  if (there !== dataSetId) throw new Error('another data set')
  const announced = read(Announced, heads)

  const before = await ledger.holdings()
  await redis.set(KEY, before.own.key, 'NX')
  const key = await redis.get(KEY)
  if (key && key !== before.own.key) await ledger.adopt(key)
  const last = announced.get(before.own.origin)?.head
  if (last && !(await ledger.holds(last))) {
    found.goneBack = true
    await ledger.renew(last)
  }
  const { own } = await ledger.holdings()

  for (const { chain } of announced.values()) {
    if (chain.origin === own.origin) continue
    const taken = await take(redis, ledger, chain)
    if (taken === null) found.contradicting.push(chain.origin)
    found.more ||= taken === WINDOW
  }

  const after = await ledger.holdings()
  found.erasures = after.erasures
  const has = Object.fromEntries(after.chains.map(({ origin, seq }) => [origin, seq]))
  await redis.hset(READERS, own.origin, JSON.stringify({ at: now, has }))
  const others = [...read(Reader, readers)].filter(([origin, { at }]) => origin !== own.origin && now - at < PATIENCE_MS)
  const present = new Set(others.filter(([, { at }]) => now - at < ABSENT_MS).map(([origin]) => origin))
  for (const { origin, key, parent, seq, hash } of after.chains) {
    // Whose it is hands it out, if it is there.
    if (origin !== own.origin && present.has(origin)) continue
    if ((announced.get(origin)?.head.seq ?? 0) < seq)
      await redis.hset(HEADS, origin, JSON.stringify({ chain: { origin, key, parent }, head: { origin, seq, hash } }))
    // What names somebody who was erased since is put there anew, without the name.
    if (after.erasures !== erasures) await redis.del(entriesKey(origin))
    const lacking = others.filter(([reader]) => reader !== origin).map(([, { has }]) => has[origin] ?? 0)
    const given = await give(redis, ledger, { origin, seq, lacking })
    if (given === null) found.contradicting.push(origin)
    found.more ||= given === true
  }
  return found
}

/** How far the servers have said that their chains go. Rejects where Redis does not answer. */
export async function headsIn(target: RedisTarget): Promise<Head[]> {
  const redis = await connectRedis(target)
  try {
    return [...read(Announced, await redis.hgetall(HEADS)).values()].map(({ head }) => head)
  } finally {
    redis.disconnect()
  }
}

/** Answers how many came; null where they contradict what is here. */
async function take(redis: Redis, ledger: Remote<Ledger>, chain: Chain): Promise<number | null> {
  const { chains } = await ledger.holdings()
  const from = chains.find(({ origin }) => origin === chain.origin)?.seq ?? 0
  const texts = await redis.zrangebyscore(entriesKey(chain.origin), from + 1, from + WINDOW)
  if (texts.length === 0) return 0
  const copies = texts.map((text) => parse(Entry, text)).filter((copy) => copy !== null)
  const taken = await ledger.take(chain, copies)
  // The next one is missing: whoever hands them out does so anew.
  if (taken === 0) await redis.del(entriesKey(chain.origin))
  return taken
}

/** Sees to it that each has its window, and that nothing else is there. Answers whether somebody lacks more than that; null where the chain has a hole here. */
async function give(
  redis: Redis,
  ledger: Remote<Ledger>,
  { origin, seq, lacking }: { origin: string; seq: number; lacking: readonly number[] },
): Promise<boolean | null> {
  const key = entriesKey(origin)
  const behind = [...new Set(lacking)].filter((has) => has < seq).sort((a, b) => a - b)
  let end = 0
  for (const has of behind) {
    const last = Math.min(has + WINDOW, seq)
    if (has > end) await redis.zremrangebyscore(key, end + 1, has)
    const there = await redis.zcount(key, has + 1, last)
    if (there < last - has) {
      const copies = await ledger.give(origin, has, last)
      if (copies.length < last - has) return null
      await redis.zadd(key, ...copies.flatMap((copy) => [copy.seq, JSON.stringify(copy)]))
    }
    end = Math.max(end, last)
  }
  if (behind.length === 0) await redis.del(key)
  else await redis.zremrangebyscore(key, `(${end}`, '+inf')
  return behind.some((has) => has + WINDOW < seq)
}
