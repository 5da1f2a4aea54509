import type { TopicCount, UserTopic } from '../../../model.ts'
import type { Reads, Slice } from '../../store.ts'
import { slice } from '../pages.ts'
import { TopicRow, UserTopicRow } from '../rows.ts'
import type { Sql } from '../sql.ts'
import { USER_TOPIC } from '../topics.ts'

const COLUMNS = 'name, user_count AS userCount'

export const topic = (sql: Sql, { name }: Reads['topic']['ask']): TopicCount | null =>
  sql.get(TopicRow, `SELECT ${COLUMNS} FROM topics WHERE name = ?`, name)

export const topics = (sql: Sql, { page }: Reads['topics']['ask']): Slice<TopicCount> =>
  slice(
    sql,
    { columns: COLUMNS, from: { sql: 'topics', params: [] }, where: [], sort: 'place', id: 'name', descending: false, row: TopicRow },
    page,
    true,
  )

export const userTopics = (sql: Sql, { userId }: Reads['userTopics']['ask']): UserTopic[] =>
  sql.all(UserTopicRow, `SELECT ${USER_TOPIC} FROM user_topics WHERE user_id = ?`, userId)
