import type { Config } from '../config.ts'
import { holdsData } from '../data-set.ts'
import { StartError } from '../errors.ts'
import { EraseUserDocument, type EraseUserMutation, StorageDocument, type StorageQuery } from '../gql/graphql.ts'
import { connect, findServer } from './client.ts'
import { counted } from './sentences.ts'

/** Removes everything of a person, for good, and prints what went from where. */
export async function erase(config: Config, userId: string, { reason, json = false }: { reason: string; json?: boolean }): Promise<void> {
  const client = (await findServer(config)) ?? ((await holdsData(config)) ? await connect(config) : null)
  if (!client) throw new StartError(`There is no data in ${config.dataDir}, so nobody can be erased there. Check DATA_DIR.`)
  try {
    const { eraseUser } = await client.execute(EraseUserDocument, { userId, reason })
    const { storage } = await client.execute(StorageDocument, {})
    console.log(json ? JSON.stringify(eraseUser) : sentences(eraseUser.removed, storage))
  } finally {
    await client.close()
  }
}

function sentences(removed: EraseUserMutation['eraseUser']['removed'], { mode, pendingWrites }: StorageQuery['storage']): string {
  const { conversations, emotions, topics, alerts, redisKeys, sqliteRows } = removed
  const nothing = sqliteRows === 0 && !redisKeys
  const redis = {
    there: redisKeys !== null && `Redis: ${counted(redisKeys, 'key', 'keys')}.`,
    away:
      mode !== 'EMBEDDED' &&
      redisKeys === null &&
      `Redis: not reachable now; it follows when Redis is back (${counted(pendingWrites, 'write waits', 'writes wait')}).`,
  }
  return [
    nothing
      ? 'Nothing was held under this id; what is still on its way from before stays out.'
      : 'Erased, and nothing from before can come back.',
    `${counted(conversations, 'conversation', 'conversations')}, ${counted(emotions, 'emotion point', 'emotion points')}, ` +
      `${counted(topics, 'topic', 'topics')}, ${counted(alerts, 'alert', 'alerts')} with their histories.`,
    redis.there || redis.away,
    `SQLite: ${counted(sqliteRows, 'row', 'rows')}.`,
  ]
    .filter(Boolean)
    .join('\n')
}
