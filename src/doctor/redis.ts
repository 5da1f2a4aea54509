import type { Config } from '../config.ts'
import { connectRedis, placeOf } from '../store/redis/connect.ts'
import { wordOf } from '../store/redis/faults.ts'
import { look, warningsOf } from '../store/redis/inspect.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** Redis, by a connection of its own: whether it answers, takes writes, holds what is ours, and is set to keep it. */
export async function checkRedis({ storageBackend, redisTarget }: Pick<Config, 'storageBackend' | 'redisTarget'>): Promise<Finding[]> {
  const check = 'redis'
  if (storageBackend === 'sqlite') return [ok(check, 'No Redis is configured; SQLite is the only store.')]
  const place = placeOf(redisTarget)
  try {
    const redis = await connectRedis(redisTarget)
    try {
      const found = await look(redis)
      const version = /^redis_version:(\S+)/m.exec(await redis.info('server').catch(() => ''))?.[1] ?? 'of unknown version'
      const warnings = (await warningsOf(redis, Date.now)).map((sentence) => warning(check, sentence))
      if (found.state === 'foreign') return [problem(check, found.sentence), ...warnings]
      const holds = {
        empty: 'is empty',
        seeding: 'is being filled',
        older: 'holds a data set of an earlier format, which the next start of a server brings up to date',
        ready: `holds data set ${'identity' in found ? found.identity.dataSetId : ''}`,
      }
      return [ok(check, `Redis ${version} at ${place} answers, takes writes, and ${holds[found.state]}.`), ...warnings]
    } finally {
      redis.disconnect()
    }
  } catch (error) {
    return [
      problem(check, `Redis at ${place} can't be used (${wordOf(error)}). SQLite serves meanwhile; start it, or set REDIS_URL right.`),
    ]
  }
}
