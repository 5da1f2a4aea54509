import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import Database from 'better-sqlite3'
import * as z from 'zod'
import type { Instance } from './instance.ts'
import type { Ledger } from './ledger.ts'
import type { ToldInTheEnd } from './subscribers.ts'
import { withRedis } from './world.ts'

/** What no answer shows and everything hangs on: where the log stands, how far each origin has come, and who was erased when. */
export interface Inside {
  n: number
  chain: string
  epoch: string
  positions: Record<string, number>
  tombstones: Record<string, number>
}

const Numbers = z.record(z.string(), z.coerce.number())
const ToldRow = z.object({
  n: z.number(),
  origin: z.string(),
  seq: z.number(),
  acceptedAt: z.number(),
  ids: z.string().transform((text) =>
    z
      .array(z.object({ id: z.string() }))
      .parse(JSON.parse(text))
      .map(({ id }) => id),
  ),
})
const Meta = z.object({ n: z.coerce.number(), chain: z.string(), epoch: z.string() })

export const insideRedis = (path: string): Promise<Inside> =>
  withRedis(path, async (redis) => ({
    ...Meta.parse(await redis.hgetall('xinyi:meta')),
    positions: Numbers.parse(await redis.hgetall('xinyi:positions')),
    tombstones: Numbers.parse(await redis.hgetall('xinyi:tombstones')),
  }))

/** The file of an instance that has ended. */
function insideSqlite({ dataDir }: Instance): Inside & { pending: number; told: ToldInTheEnd[] } {
  const database = new Database(join(dataDir, 'xinyi.db'), { readonly: true })
  try {
    const pairs = (sql: string) => Object.fromEntries(z.array(z.tuple([z.string(), z.number()])).parse(database.prepare(sql).raw().all()))
    return {
      ...Meta.parse(database.prepare('SELECT n, chain, epoch FROM meta').get()),
      positions: pairs('SELECT origin, seq FROM positions'),
      tombstones: pairs('SELECT mark, at FROM tombstones'),
      told: z
        .array(ToldRow)
        .parse(
          database
            .prepare('SELECT n, origin, seq, accepted_at AS acceptedAt, alert_events AS ids FROM log WHERE alert_events IS NOT NULL')
            .all(),
        ),
      pending: z.number().parse(database.prepare('SELECT count(*) FROM journal').pluck().get()),
    }
  } finally {
    database.close()
  }
}

/** The file of each instance has to be where Redis was in the end, with nothing pending. Answers what its log tells. */
export function checkInside(ledger: Ledger, instance: Instance, redis: Inside): ToldInTheEnd[] {
  const { pending, told, ...replica } = insideSqlite(instance)
  for (const [name, value] of Object.entries(redis)) {
    const own = Object.entries(replica).find(([key]) => key === name)?.[1]
    if (!isDeepStrictEqual(own, value)) ledger.violated('differs inside', `${instance.name}: ${name}: ${difference(own, value)}`)
  }
  if (pending > 0) ledger.violated('pending in the end', `${instance.name}: ${pending} events in the journal`)
  return told
}

/** How two values differ, in few words. */
function difference(own: unknown, other: unknown): string {
  const [a, b] = [Entries.safeParse(own), Entries.safeParse(other)]
  if (!a.success || !b.success) return `${own}, in Redis ${other}`
  const keys = [...new Set([...Object.keys(a.data), ...Object.keys(b.data)])].filter((key) => a.data[key] !== b.data[key])
  const shown = keys.slice(0, 4).map((key) => `${key.slice(0, 8)} ${a.data[key]} / ${b.data[key]}`)
  return `${keys.length} differ (here / in Redis): ${shown.join(', ')}`
}

const Entries = z.record(z.string(), z.number())
