import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, DATABASE_NAME } from './config.ts'
import { redisHoldsData } from './store/redis/connect.ts'

/** Whether there is a data set already, as far as that can be told; changes nothing. */
export const holdsData = async ({ storageBackend, dataDir, redisTarget }: Config): Promise<boolean> =>
  existsSync(join(dataDir, DATABASE_NAME)) || (storageBackend === 'redis' && (await redisHoldsData(redisTarget)))
