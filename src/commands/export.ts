import type { Config } from '../config.ts'
import { StartError } from '../errors.ts'
import { legacyRecord } from '../export/legacy.ts'
import { type LegacyTarget, legacyRedis, legacySqlite } from '../export/targets.ts'
import { ExportLegacyDocument, type ExportLegacyQuery } from '../gql/graphql.ts'
import { connect } from './client.ts'
import { counted } from './sentences.ts'

export type Target = 'sqlite-legacy' | 'redis-legacy'

/** Writes what the predecessor can read, for the way back: its last five conversations, ten points and all counters of everybody. */
export async function exportAll(
  config: Config,
  { to, place }: { to: Target; place: string },
): Promise<{ users: number; conversations: number }> {
  const target: LegacyTarget = to === 'sqlite-legacy' ? legacySqlite(place) : await legacyRedis(redisUrl(place))
  const client = await connect(config)
  const report = { users: 0, conversations: 0 }
  try {
    for (let after: string | null = null; ; ) {
      const { users }: ExportLegacyQuery = await client.execute(ExportLegacyDocument, { after })
      const records = users.edges.map(({ node }) => legacyRecord(node, config.localTimeZone))
      await target.write(records)
      report.users += records.length
      report.conversations += records.reduce((sum, { turns }) => sum + turns.length, 0)
      after = users.pageInfo.endCursor ?? null
      if (!users.pageInfo.hasNextPage) break
    }
  } finally {
    await Promise.all([target.close(), client.close()])
  }
  console.log(`${counted(report.users, 'user', 'users')} and ${counted(report.conversations, 'conversation', 'conversations')} written.`)
  return report
}

function redisUrl(place: string): string {
  if (/^rediss?:\/\//.test(place) && URL.canParse(place)) return place
  if (place.startsWith('redis:/') || place.startsWith('/')) return place.replace(/^redis:/, '')
  throw new StartError('redis-legacy needs redis://HOST:PORT/DB, or the path of a socket.')
}
