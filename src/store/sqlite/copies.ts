import { z } from 'zod'
import { type AlertEvent, riskRank } from '../../model.ts'
import type { UserCopy, UserState } from '../copy.ts'
import { markOf } from '../rules.ts'
import { insertAlert, orJson } from './alerts.ts'
import { ALERT, ALERT_EVENT, AlertEventRow, AlertRow, ConversationRow, EmotionRow, UserTopicRow } from './rows.ts'
import type { Sql } from './sql.ts'
import { type Meta, markedAt } from './state.ts'
import { dropTopics, USER_TOPIC } from './topics.ts'
import { loadUsers, saveUser } from './users.ts'

const Owner = z.object({ userId: z.string() })
const SeenRow = z.object({
  id: z.string(),
  acceptedAt: z.int(),
  fingerprint: z.string(),
  alertId: z.string().nullable(),
  source: z.string(),
})
const OwnConversation = ConversationRow.omit({ userId: true })
const OwnEmotion = EmotionRow.omit({ userId: true })
const OwnAlert = AlertRow.omit({ userId: true })

/** The next users after one, by the bytes of their ids. */
export const nextUsers = (sql: Sql, after: string, limit: number): string[] =>
  sql.all(Owner, 'SELECT user_id AS userId FROM users WHERE user_id > ? ORDER BY user_id LIMIT ?', after, limit).map(({ userId }) => userId)

/** Everything that is kept of these users: one query a table, however many they are. */
export function readCopies(sql: Sql, { tombstoneKey }: Meta, users: readonly string[]): UserCopy[] {
  const ids = JSON.stringify(users)
  const owned = 'user_id IN (SELECT value FROM json_each(?))'
  const of = <T>(row: z.ZodType<T>, query: string) => grouped(row, sql.rows(query, ids))
  const records = loadUsers(sql, users)
  const conversations = of(
    OwnConversation,
    `SELECT user_id AS userId, id, occurred_at AS occurredAt, query, response, risk AS riskLevel, emotion_score AS emotionScore,
     reference_count AS "references", topics FROM conversations WHERE ${owned} ORDER BY user_id, occurred_at DESC, id DESC`,
  )
  const emotions = of(
    OwnEmotion,
    `SELECT user_id AS userId, id, occurred_at AS occurredAt, score, risk AS riskLevel FROM emotions WHERE ${owned}
     ORDER BY user_id, occurred_at DESC, id DESC`,
  )
  const topics = of(UserTopicRow, `SELECT user_id AS userId, ${USER_TOPIC} FROM user_topics WHERE ${owned} ORDER BY name`)
  const seen = of(
    SeenRow,
    `SELECT user_id AS userId, id, accepted_at AS acceptedAt, fingerprint, alert_id AS alertId, source FROM seen WHERE ${owned}
     ORDER BY accepted_at, id`,
  )
  const alerts = of(OwnAlert, `SELECT ${ALERT} FROM alerts WHERE ${owned} ORDER BY number`)
  const histories = alerts.size > 0 ? historiesOf(sql, ids, owned) : new Map<string, AlertEvent[]>()
  // In most data sets nobody was ever erased, and whose mark is which costs as much as a whole table.
  const areMarks = sql.exists('SELECT 1 FROM tombstones LIMIT 1') || sql.exists('SELECT 1 FROM expiries LIMIT 1')
  return users.map((user): UserCopy => {
    const record = records.get(user)
    const state = record && {
      ...record,
      conversations: conversations.get(user) ?? [],
      emotions: emotions.get(user) ?? [],
      topics: topics.get(user) ?? [],
      seen: seen.get(user) ?? [],
      alerts: (alerts.get(user) ?? []).map((alert) => ({ ...alert, history: histories.get(alert.id) ?? [] })),
    }
    const known = { user, state: state ?? null }
    if (!areMarks) return { ...known, erasedAt: null, expiredAt: null }
    const mark = markOf(tombstoneKey, user)
    return { ...known, erasedAt: markedAt(sql, 'tombstones', mark), expiredAt: markedAt(sql, 'expiries', mark) }
  })
}

function historiesOf(sql: Sql, ids: string, owned: string): Map<string, AlertEvent[]> {
  const histories = new Map<string, AlertEvent[]>()
  const query = `SELECT ${ALERT_EVENT} FROM alert_events WHERE alert_id IN (SELECT id FROM alerts WHERE ${owned}) ORDER BY alert_id, place`
  for (const event of sql.all(AlertEventRow, query, ids)) add(histories, event.alertId, event)
  return histories
}

function add<T>(groups: Map<string, T[]>, name: string, item: T): void {
  const group = groups.get(name)
  if (group) group.push(item)
  else groups.set(name, [item])
}

/** By their users. One that can't be read is passed over. */
function grouped<T>(schema: z.ZodType<T>, rows: readonly unknown[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const [owner, found] = [Owner.safeParse(row), schema.safeParse(row)]
    if (owner.success && found.success) add(groups, owner.data.userId, found.data)
  }
  return groups
}

/** Puts a user here exactly as the copy says, whatever was here before. */
export function writeCopy(sql: Sql, { tombstoneKey }: Meta, { user, state, erasedAt, expiredAt }: UserCopy): void {
  dropTopics(sql, user)
  sql.run('DELETE FROM users WHERE user_id = ?', user)
  const mark = markOf(tombstoneKey, user)
  setMark(sql, 'tombstones', mark, erasedAt)
  setMark(sql, 'expiries', mark, expiredAt)
  if (!state) return
  const { conversations, emotions, topics, seen, alerts, lastPoints, ...record } = state
  saveUser(sql, { ...record, userId: user, lastPoints: lastPoints.map(([at, id, rank]) => [at, id, rank]) })
  for (const { id, occurredAt, query, response, riskLevel, emotionScore, references, topics } of conversations.toReversed())
    sql.run(
      `INSERT INTO conversations (user_id, occurred_at, id, query, response, risk, emotion_score, reference_count, topics)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[user, occurredAt, id, query, response, riskRank(riskLevel), emotionScore, references, JSON.stringify(topics)],
    )
  for (const [i, { id, occurredAt, score, riskLevel }] of emotions.toReversed().entries())
    sql.run(
      'INSERT INTO emotions (user_id, occurred_at, id, n, score, risk) VALUES (?, ?, ?, ?, ?, ?)',
      ...[user, occurredAt, id, i, score, riskRank(riskLevel)],
    )
  for (const { name, count, firstSeenAt, lastSeenAt } of topics) {
    sql.run(
      'INSERT INTO user_topics (user_id, name, count, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?, ?)',
      user,
      name,
      count,
      firstSeenAt,
      lastSeenAt,
    )
    sql.run('INSERT INTO topics (name, user_count) VALUES (?, 1) ON CONFLICT DO UPDATE SET user_count = user_count + 1', name)
  }
  for (const { id, acceptedAt, fingerprint, alertId, source } of seen)
    sql.run(
      'INSERT INTO seen (user_id, id, accepted_at, fingerprint, alert_id, source) VALUES (?, ?, ?, ?, ?, ?)',
      ...[user, id, acceptedAt, fingerprint, alertId, source],
    )
  for (const alert of alerts) writeAlert(sql, user, alert)
}

function writeAlert(sql: Sql, user: string, { history, ...alert }: UserState['alerts'][number]): void {
  insertAlert(sql, { ...alert, userId: user })
  for (const [place, event] of history.entries())
    sql.run(
      'INSERT INTO alert_events (alert_id, place, id, kind, at, actor, note, level, holders) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[alert.id, place, event.id, event.kind, event.at, event.actor, event.note, riskRank(event.level), orJson(event.before)],
    )
}

/** Marks only grow: one that a copy lacks was lost there. */
export function setMark(sql: Sql, table: 'tombstones' | 'expiries', mark: string, at: number | null): void {
  if (at !== null) sql.run(`INSERT INTO ${table} (mark, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)`, mark, at)
}
