import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Fork, Identity } from '../copy.ts'
import { parse } from './decode.ts'
import { withoutText } from './faults.ts'
import { runScript } from './script.ts'

/** What a connection leads to, before it is used. */
export type Found =
  /** Neither a data set nor users. */
  | { state: 'empty' }
  /** Nothing that may be used; the sentence is for the operator. */
  | { state: 'foreign'; sentence: string }
  /** `rollback`: the epoch of the one since which all is that the log there tells of; '' where it may tell of what came before one. */
  | { state: 'seeding'; dataSetId: string; leaseHeld: boolean; rollback: string }
  | { state: 'ready'; identity: Identity; n: number; trimmed: number; lineage: readonly Fork[] }

/** Of an earlier format, which a server brings up to date as it starts. */
export type Older = { state: 'older' }

const FORMAT = 2

const number = z.coerce.number().int().min(0)
const Ready = z.object({ dataSetId: z.string(), epoch: z.string(), tombstoneKey: z.string(), n: number, trimmed: number })
const Seeding = z.object({ dataSetId: z.string(), seeding: z.string(), rollback: z.string().default('') })
export const ForkSchema = z.object({ epoch: z.string(), n: z.number() })

const PROBE = 'xinyi:probe'

const foreign = (sentence: string): Found => ({ state: 'foreign', sentence })

/** What a server is to work with: a data set of an earlier format is brought up to date. Rejects with a Fault when Redis does not take writes. */
export async function inspect(redis: Redis): Promise<Found> {
  const found = await look(redis)
  if (found.state !== 'older') return found
  await withoutText(() => runScript(redis, 'upgrade', { epoch: randomUUID() }))
  return inspect(redis)
}

/** Changes no data set. Rejects with a Fault when Redis does not take writes. */
export function look(redis: Redis): Promise<Found | Older> {
  return withoutText(async () => {
    // A full, read-only or loading server answers reads, and a script that has begun: only a write of its own tells.
    await redis.set(PROBE, '1')
    await redis.del(PROBE)
    if (/^cluster_enabled:1/m.test(await redis.info('cluster').catch(() => ''))) {
      return foreign('Redis is a cluster node, and a data set needs a single server: point REDIS_URL at one.')
    }
    const meta = await redis.hgetall('xinyi:meta')
    if (Object.keys(meta).length === 0) {
      const found = await whatIsThere(redis)
      // Another server may have begun the data set between the two looks.
      return found.state === 'foreign' && (await redis.exists('xinyi:meta')) === 1 ? await look(redis) : found
    }
    if (meta.format === '1') return { state: 'older' }
    if (meta.format !== undefined && meta.format !== String(FORMAT)) {
      return foreign(`Redis holds a data set of format ${meta.format}, this version reads format ${FORMAT}: use a newer version.`)
    }
    return await ours(redis, meta)
  })
}

async function ours(redis: Redis, meta: Record<string, string>): Promise<Found> {
  const seeding = Seeding.safeParse(meta).data
  if (seeding) {
    const { dataSetId, rollback } = seeding
    return { state: 'seeding', dataSetId, rollback, leaseHeld: (await redis.exists('xinyi:lease')) === 1 }
  }
  const ready = Ready.safeParse(meta).data
  if (!ready) return foreign("Redis has a damaged xinyi:meta, so the data set can't be told. Restore it from a backup.")
  const { n, trimmed, ...identity } = ready
  return { state: 'ready', identity, n, trimmed, lineage: await lineageOf(redis, identity.epoch) }
}

/** Without a data set. The predecessor keeps its users under user:*; such keys are somebody else's. */
/** The epochs that led to the present one, which is the last. */
export async function lineageOf(redis: Redis, epoch: string): Promise<Fork[]> {
  const lineage = (await redis.lrange('xinyi:lineage', 0, -1)).flatMap((text) => parse(ForkSchema, text) ?? [])
  return lineage.some((fork) => fork.epoch === epoch) ? lineage : [...lineage, { epoch, n: 0 }]
}

async function whatIsThere(redis: Redis): Promise<Found> {
  if ((await redis.exists('xinyi:users', 'xinyi:log', 'xinyi:lineage')) > 0) {
    return foreign(
      "Redis has lost xinyi:meta, so whose the data there is can't be told. Restore it from a backup, empty it, or point REDIS_URL at an empty Redis: the servers fill it.",
    )
  }
  let cursor = '0'
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', 'user:*', 'COUNT', 1000)
    if (keys.length > 0) {
      return foreign(
        'Redis holds user:* keys but no data-set id, so they belong to another program (perhaps to the predecessor): ' +
          'nothing was changed. Point REDIS_URL at an empty Redis or at another database number, such as redis://localhost:6379/1.',
      )
    }
    cursor = next
  } while (cursor !== '0')
  return { state: 'empty' }
}

/** Makes a data set, atomically, and only where there is none. */
export async function createDataSet(redis: Redis, fresh: Identity): Promise<void> {
  await withoutText(() => runScript(redis, 'open', fresh))
}

const SECOND_MS = 1_000
const CLOCK_MS = 2 * SECOND_MS

/** What an operator should know about a Redis, as sentences. What Redis does not tell us (CONFIG may be forbidden) is not complained about. */
export async function warningsOf(redis: Redis, clock: () => number): Promise<string[]> {
  const setting = async (name: string): Promise<string | null> => {
    const reply = await redis.config('GET', name).catch(() => null)
    return z.tuple([z.string(), z.string()]).safeParse(reply).data?.[1] ?? null
  }
  const [memory, policy, appendOnly, save, info] = await Promise.all([
    setting('maxmemory'),
    setting('maxmemory-policy'),
    setting('appendonly'),
    setting('save'),
    redis.info('server').catch(() => ''),
  ])
  const warnings: string[] = []
  if (memory !== null && memory !== '0' && policy !== null && policy !== 'noeviction') {
    warnings.push(
      `Redis may evict keys when its memory is full (maxmemory-policy ${policy}), and with them what was recorded: set noeviction.`,
    )
  }
  if (appendOnly === 'no' && save === '') {
    warnings.push(
      'Redis keeps nothing on disk (neither appendonly nor save is set): after a restart it is empty, and is filled from SQLite.',
    )
  }
  const version = /^redis_version:(\d+)\.(\d+)/m.exec(info)
  if (version && Number(version[1]) * 100 + Number(version[2]) < 602) warnings.push('Redis is older than 6.2: upgrade it.')
  const asked = clock()
  const time = await redis.time().catch(() => null)
  const answered = clock()
  if (time === null) return warnings
  const there = Number(time[0]) * SECOND_MS + Number(time[1]) / SECOND_MS
  const off = there < asked ? asked - there : Math.max(0, there - answered)
  if (off > CLOCK_MS)
    warnings.push(`The clocks of Redis and of this machine are ${Math.round(off / SECOND_MS)} seconds apart: set them right.`)
  return warnings
}
