import { chmodSync, existsSync } from 'node:fs'
import Database from 'better-sqlite3'
import { StartError } from '../errors.ts'
import { connectRedis, placeOf } from '../store/redis/connect.ts'
import type { LegacyRecord } from './legacy.ts'

/** A store of the predecessor that is being written. */
export interface LegacyTarget {
  write(users: readonly LegacyRecord[]): Promise<void>
  close(): Promise<void>
}

/** Its JSON holds nothing but ASCII. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** A new SQLite file, for this account only. */
export function legacySqlite(path: string): LegacyTarget {
  if (existsSync(path)) throw new StartError(`${path} is there already; name a file that is not.`)
  const db = new Database(path)
  chmodSync(path, 0o600)
  db.exec(`
    CREATE TABLE users (user_id TEXT PRIMARY KEY, created_at TEXT NOT NULL, total_chats INTEGER DEFAULT 0, total_risk_alerts INTEGER DEFAULT 0,
      common_topics TEXT DEFAULT '[]', last_active TEXT, emotion_trend TEXT DEFAULT '[]');
    CREATE TABLE conversations (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, timestamp TEXT NOT NULL, query TEXT NOT NULL,
      response TEXT NOT NULL, risk_level TEXT DEFAULT 'low', emotion_score REAL DEFAULT 0.0, references_count INTEGER DEFAULT 0,
      FOREIGN KEY (user_id) REFERENCES users(user_id));
    CREATE INDEX idx_conv_user_time ON conversations(user_id, timestamp DESC);
  `)
  const user = db.prepare('INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)')
  const turn = db.prepare(
    'INSERT INTO conversations (user_id, timestamp, query, response, risk_level, emotion_score, references_count) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const writeAll = db.transaction((users: readonly LegacyRecord[]) => {
    for (const { userId, createdAt, lastActive, totalChats, totalRiskAlerts, topics, turns, points } of users) {
      // Of topics it keeps ten, of points ten, these oldest first.
      const [names, trend] = [topics.slice(0, 10), points.toReversed()]
      user.run(userId, createdAt, totalChats, totalRiskAlerts, asciiJson(names), lastActive, asciiJson(trend))
      for (const each of turns.toReversed())
        turn.run(userId, each.timestamp, each.query, each.response, each.risk_level, each.emotion_score, each.references_count)
    }
  })
  return {
    write: async (users) => writeAll(users),
    async close() {
      db.close()
    },
  }
}

const DAY_S = 86_400
const TTL_S = { profile: 30 * DAY_S, conversations: 7 * DAY_S, topics: 30 * DAY_S, emotions: 30 * DAY_S }

/** A Redis that holds nothing yet. */
export async function legacyRedis(url: string): Promise<LegacyTarget> {
  const target = { url }
  const redis = await connectRedis(target).catch((cause) => {
    throw new StartError(`Redis at ${placeOf(target)} does not answer. Check the address and the password.`, { cause })
  })
  if ((await redis.dbsize()) > 0) {
    redis.disconnect()
    throw new StartError(`Redis at ${placeOf(target)} is not empty. Name another one, or another database number.`)
  }
  return {
    async write(users) {
      const pipeline = redis.pipeline()
      for (const { userId, createdAt, lastActive, totalChats, totalRiskAlerts, topics, turns, points } of users) {
        const key = (suffix: keyof typeof TTL_S) => `user:${userId}:${suffix}`
        const counters = { total_chats: totalChats, total_risk_alerts: totalRiskAlerts }
        pipeline.hset(key('profile'), { user_id: userId, created_at: createdAt, ...counters, last_active: lastActive })
        if (turns.length > 0) pipeline.rpush(key('conversations'), ...turns.map((each) => JSON.stringify(each)))
        if (points.length > 0) pipeline.rpush(key('emotions'), ...points.map((each) => JSON.stringify(each)))
        if (topics.length > 0) pipeline.sadd(key('topics'), ...topics)
        for (const suffix of ['profile', 'conversations', 'topics', 'emotions'] as const) pipeline.expire(key(suffix), TTL_S[suffix])
      }
      for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error
    },
    async close() {
      redis.disconnect()
    },
  }
}
