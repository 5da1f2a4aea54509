import type { Sql } from './sql.ts'

/** Counts a topic of a user, and the user among those who have it. */
export function addTopic(sql: Sql, userId: string, name: string, at: number): void {
  const known = sql.run(
    'UPDATE user_topics SET count = count + 1, first_seen_at = min(first_seen_at, ?), last_seen_at = max(last_seen_at, ?) WHERE user_id = ? AND name = ?',
    at,
    at,
    userId,
    name,
  )
  if (known > 0) return
  sql.run('INSERT INTO user_topics (user_id, name, count, first_seen_at, last_seen_at) VALUES (?, ?, 1, ?, ?)', userId, name, at, at)
  sql.run('INSERT INTO topics (name, user_count) VALUES (?, 1) ON CONFLICT DO UPDATE SET user_count = user_count + 1', name)
}

/** Removes a user's topics. Answers how many there were. */
export function dropTopics(sql: Sql, userId: string): number {
  sql.run('UPDATE topics SET user_count = user_count - 1 WHERE name IN (SELECT name FROM user_topics WHERE user_id = ?)', userId)
  sql.run('DELETE FROM topics WHERE user_count <= 0 AND name IN (SELECT name FROM user_topics WHERE user_id = ?)', userId)
  return sql.run('DELETE FROM user_topics WHERE user_id = ?', userId)
}
