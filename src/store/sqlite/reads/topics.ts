import type { TopicCount, UserTopic } from '../../../model.ts'
import { sliceOf } from '../../rules.ts'
import type { Reads, Slice } from '../../store.ts'
import { slice } from '../pages.ts'
import { TopicRow, UserTopicRow } from '../rows.ts'
import type { Sql } from '../sql.ts'
import { USER_TOPIC } from '../topics.ts'
import type { Moment } from './lists.ts'

const COLUMNS = 'name, user_count AS userCount'

export function topic(sql: Sql, { name }: Reads['topic']['ask'], { sight }: Moment): TopicCount | null {
  if (!sight) return sql.get(TopicRow, `SELECT ${COLUMNS} FROM topics WHERE name = ?`, name)
  const userCount = sight.topics.get(name)?.length
  return userCount === undefined ? null : { name, userCount }
}

export function topics(sql: Sql, { page }: Reads['topics']['ask'], { sight }: Moment): Slice<TopicCount> {
  if (!sight)
    return slice(
      sql,
      { columns: COLUMNS, from: { sql: 'topics', params: [] }, where: [], sort: 'place', id: 'name', descending: false, row: TopicRow },
      page,
      true,
    )
  const counts = [...sight.topics].map(([name, users]) => ({ name, userCount: users.length }))
  const found = sliceOf(counts, ({ name, userCount }) => [-userCount, name], page)
  return sight.isWhole ? found : { ...found, total: null }
}

export const userTopics = (sql: Sql, { userId }: Reads['userTopics']['ask']): UserTopic[] =>
  sql.all(UserTopicRow, `SELECT ${USER_TOPIC} FROM user_topics WHERE user_id = ?`, userId)
