import type { Sql } from './sql.ts'

export const USER_TOPIC = 'name, count, first_seen_at AS firstSeenAt, last_seen_at AS lastSeenAt'

/** Counts a topic of a user, and the user among those who have it. */
export function addTopic(sql: Sql, userId: string, name: string, at: number): void {
  // Not an upsert that tells which it was: for what a statement returns SQLite makes a table of its own each time.
  const known = sql.run(
    `UPDATE user_topics SET count = iif(count BETWEEN 1 AND 1e15, count, 1) + 1,
     first_seen_at = iif(first_seen_at BETWEEN 0 AND 1e15, min(first_seen_at, ?), 0),
     last_seen_at = iif(last_seen_at BETWEEN 0 AND 1e15, max(last_seen_at, ?), ?) WHERE user_id = ? AND name = ?`,
    ...[at, at, at, userId, name],
  )
  if (known > 0) return
  sql.run('INSERT INTO user_topics (user_id, name, count, first_seen_at, last_seen_at) VALUES (?, ?, 1, ?, ?)', userId, name, at, at)
  // A count that can't be one is taken anew.
  sql.run(
    `INSERT INTO topics (name, user_count) VALUES (?, 1) ON CONFLICT DO UPDATE SET user_count = CASE
     WHEN user_count BETWEEN 1 AND 1e15 THEN user_count + 1 ELSE (SELECT count(*) FROM user_topics WHERE user_topics.name = excluded.name) END`,
    name,
  )
}

export const hasTopic = (sql: Sql, userId: string, name: string): boolean =>
  sql.exists('SELECT 1 FROM user_topics WHERE user_id = ? AND name = ?', userId, name)

/** Removes a user's topics. Answers how many there were. */
export function dropTopics(sql: Sql, userId: string): number {
  sql.run('UPDATE topics SET user_count = max(user_count, 1) - 1 WHERE name IN (SELECT name FROM user_topics WHERE user_id = ?)', userId)
  sql.run('DELETE FROM topics WHERE user_count <= 0 AND name IN (SELECT name FROM user_topics WHERE user_id = ?)', userId)
  return sql.run('DELETE FROM user_topics WHERE user_id = ?', userId)
}
