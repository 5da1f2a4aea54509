import { randomBytes, randomUUID } from 'node:crypto'
import { StartError } from '../../errors.ts'
import { connectToStart, placeOf, type RedisTarget } from './connect.ts'
import { wordOf } from './faults.ts'
import { createDataSet, inspect } from './inspect.ts'
import { RedisStore } from './store.ts'

/**
 * A store in Redis. `url` is redis://…, rediss://… or the path of a unix socket; `localTimeZone` is the zone of the naive times
 * that are written for the predecessor. Rejects with StartError when Redis can't be reached or is not ours.
 */
export async function openRedisStore({
  localTimeZone = 'Asia/Shanghai',
  ...target
}: RedisTarget & { localTimeZone?: string }): Promise<RedisStore> {
  const redis = await connectToStart(target)
  try {
    let found = await inspect(redis)
    if (found.state === 'empty') {
      await createDataSet(redis, { dataSetId: randomUUID(), epoch: randomUUID(), tombstoneKey: randomBytes(32).toString('hex') })
      found = await inspect(redis)
    }
    if (found.state === 'ready') return new RedisStore(redis, found.identity, { localTimeZone, target })
    const sentence =
      found.state === 'foreign' ? found.sentence : 'Redis is being filled by another instance: start again when that is done.'
    throw new StartError(`${sentence} (${placeOf(target)})`)
  } catch (error) {
    redis.disconnect()
    if (error instanceof StartError) throw error
    throw new StartError(`Redis at ${placeOf(target)} can't be used (${wordOf(error)}). Mend that, or use MEMORY_STORAGE_BACKEND=sqlite.`)
  }
}
