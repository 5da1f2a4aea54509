import Database from 'better-sqlite3'
import type { Redis } from 'ioredis'
import { StartError } from '../errors.ts'
import { placeOf, type RedisTarget } from '../store/redis/connect.ts'
import { KeyBackup } from './backup.ts'
import { asRedisError, connectToLegacy, namesIn } from './keys.ts'
import { userOfKey } from './redis-source.ts'

/** What shows that a data set of ours is there, or was. */
const OURS = ['xinyi:meta', 'xinyi:users', 'xinyi:log', 'xinyi:lineage'] as const
/** Keys that are taken out together. */
const TOGETHER = 200
/** So often something may write to the keys that are being taken out. */
const ATTEMPTS = 5

/**
 * Clears the way for a data set of ours in the Redis that the predecessor filled: its keys go into a backup file, all of them before the
 * first is removed, and each is removed only as the file has it. Interrupted, it goes on where it was. Answers the backup.
 */
export async function setAside(target: RedisTarget, file: string): Promise<KeyBackup> {
  const redis = await connectToLegacy(target)
  let backup: KeyBackup | undefined
  try {
    const isOurs = (await redis.exists(...OURS)) > 0
    backup = new KeyBackup(file, { make: !isOurs })
    if (!isOurs) {
      for await (const names of pagesOf(redis)) await backup.copy(redis, names)
      for await (const names of pagesOf(redis)) await takeOut(redis, backup, names)
    }
    if (backup.isEmpty)
      throw new StartError(`Redis at ${placeOf(target)} holds nothing of the predecessor. Point REDIS_URL at the one that it filled.`)
    return backup
  } catch (error) {
    await backup?.close()
    if (error instanceof Database.SqliteError)
      throw new StartError(`${file}, the backup, can't be written (${error.code}). Make room, or name another file with --backup.`)
    throw asRedisError(target, error)
  } finally {
    redis.disconnect()
  }
}

async function* pagesOf(redis: Redis): AsyncGenerator<readonly Buffer[]> {
  for await (const names of namesIn(redis)) {
    const theirs = names.filter((name) => userOfKey(name) !== null)
    for (let i = 0; i < theirs.length; i += TOGETHER) yield theirs.slice(i, i + TOGETHER)
  }
}

async function takeOut(redis: Redis, backup: KeyBackup, names: readonly Buffer[]): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    await redis.watch(...OURS, ...names)
    if ((await redis.exists(...OURS)) > 0)
      throw new StartError('Another Xinyi has begun to use this Redis meanwhile. Run the same command again.')
    await backup.copy(redis, names)
    if (
      (await redis
        .multi()
        .unlink(...names)
        .exec()) !== null
    )
      return
  }
  throw new StartError('Something keeps writing to this Redis. Stop the predecessor, then run the same command again.')
}

/**
 * Makes Redis what it was before. `force`: removes what is there of a data set of ours first. Where there is none, what Redis has of the predecessor
 * stays: the backup may have been broken off before it held all of that. Answers how many keys were put back.
 */
export async function putBack(target: RedisTarget, file: string, { force }: { force: boolean }): Promise<number> {
  const backup = new KeyBackup(file, { make: false })
  const redis = await connectToLegacy(target)
  try {
    const isOurs = (await redis.exists(...OURS)) > 0
    if (isOurs && !force)
      throw new StartError(
        `Redis at ${placeOf(target)} holds data of Xinyi. Stop the server; then --force removes it there, and puts the backup in its place. What was recorded stays in DATA_DIR.`,
      )
    if (isOurs) {
      await remove(redis, 'user:*', (name) => userOfKey(name) !== null)
      // What shows that it is ours goes last: broken off before that, it is still known whose the rest is.
      await remove(redis, 'xinyi:*', (name) => !OURS.some((key) => key === name.toString()))
      await redis.unlink(...OURS)
    }
    return await backup.putBack(redis)
  } catch (error) {
    throw asRedisError(target, error)
  } finally {
    redis.disconnect()
    await backup.close()
  }
}

async function remove(redis: Redis, pattern: string, isMeant: (name: Buffer) => boolean): Promise<void> {
  for (let cursor = '0'; ; ) {
    const [next, found] = await redis.scanBuffer(cursor, 'MATCH', pattern, 'COUNT', 1_000)
    const names = found.filter(isMeant)
    if (names.length > 0) await redis.unlink(...names)
    cursor = next.toString()
    if (cursor === '0') return
  }
}
