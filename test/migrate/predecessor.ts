import Database from 'better-sqlite3'
import type { Redis } from 'ioredis'
import { Random } from '../../src/demo/random.ts'

/** Stores as the predecessor wrote them (times are naive, of Asia/Shanghai), for invented users. */

export interface Turn {
  timestamp: string
  query: string
  response: string
  risk_level: string
  emotion_score: number | null
  references_count: number
}

export interface Person {
  userId: string
  createdAt: string
  lastActive: string
  totalChats: number
  totalRiskAlerts: number
  topics: string[]
  /** Oldest first, those that are kept. */
  turns: Turn[]
  /** Oldest first. */
  points: { timestamp: string; score: number; risk: string }[]
}

const QUERIES: [string, ...string[]] = [
  '最近压力很大',
  '晚上总是失眠',
  '和父母吵架了',
  '今天还好',
  '考试没考好，很难过 😭',
  'I feel lonely',
]
const RISKS: [string, ...string[]] = ['low', 'low', 'low', 'medium', 'high']
const START = Date.UTC(2026, 5, 1, 9)
const HOUR = 3_600_000

/** A naive time with microseconds, a little after another. */
export const stamp = (time: number, micros = 0): string =>
  `${new Date(time).toISOString().slice(0, 23)}${String(micros % 1_000).padStart(3, '0')}`

/** Invented people, the same for the same seed. */
export const people = (count: number, seed: number): Person[] => [...population(count, seed)]

/** The same one by one, however many. `chats`: how many each has had in all, otherwise 1 to 14; `length`: of each text, at the least. */
export function* population(
  count: number,
  seed: number,
  { chats, length = 0 }: { chats?: number; length?: number } = {},
): Generator<Person> {
  const random = new Random(seed)
  const long = (text: string): string => text.padEnd(length, '我在听，你慢慢说。')
  for (let i = 0; i < count; i += 1) {
    const totalChats = chats ?? random.integer(1, 14)
    const all = Array.from({ length: totalChats }, (_, j) => ({
      // A year of first days, so that nobody's lies in the future.
      time: START + ((i % 60) * 24 + j * 7) * HOUR + random.integer(0, HOUR - 1),
      micros: random.integer(0, 399),
      risk: random.pick(RISKS),
      query: `${random.pick(QUERIES)}（${j}）`,
    }))
    yield {
      userId: random.pick(['u', '李', 'a b:c', 'user:x:profile']) + i,
      createdAt: stamp(all[0]?.time ?? START),
      lastActive: stamp(all.at(-1)?.time ?? START, 990),
      totalChats,
      totalRiskAlerts: all.filter(({ risk }) => risk !== 'low').length,
      topics: ['压力', '失眠', '死亡'].filter(() => random.chance(0.4)),
      turns: all.slice(-5).map(({ time, micros, risk, query }) => ({
        timestamp: stamp(time, micros),
        query: long(query),
        response: long(`我在听。${query}`),
        risk_level: risk,
        emotion_score: 0.5,
        references_count: 3,
      })),
      points: all.slice(-10).map(({ time, micros, risk }) => ({ timestamp: stamp(time, micros + 137), score: 0.5, risk })),
    }
  }
}

export function writeSqlite(path: string, some: Iterable<Person>): Database.Database {
  const db = new Database(path)
  db.exec(`
    CREATE TABLE users (user_id TEXT PRIMARY KEY, created_at TEXT NOT NULL, total_chats INTEGER DEFAULT 0, total_risk_alerts INTEGER DEFAULT 0,
      common_topics TEXT DEFAULT '[]', last_active TEXT, emotion_trend TEXT DEFAULT '[]');
    CREATE TABLE conversations (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT, timestamp TEXT, query TEXT, response TEXT,
      risk_level TEXT DEFAULT 'low', emotion_score REAL DEFAULT 0.0, references_count INTEGER DEFAULT 0);
    CREATE INDEX idx_conv_user_time ON conversations(user_id, timestamp DESC);
  `)
  const user = db.prepare('INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)')
  const turn = db.prepare(
    'INSERT INTO conversations (user_id, timestamp, query, response, risk_level, emotion_score, references_count) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  db.transaction(() => {
    for (const { userId, createdAt, lastActive, totalChats, totalRiskAlerts, topics, turns, points } of some) {
      user.run(userId, createdAt, totalChats, totalRiskAlerts, JSON.stringify(topics), lastActive, JSON.stringify(points))
      for (const each of turns)
        turn.run(userId, each.timestamp, each.query, each.response, each.risk_level, each.emotion_score, each.references_count)
    }
  })()
  return db
}

export async function writeRedis(redis: Redis, some: Iterable<Person>): Promise<void> {
  let pipeline = redis.pipeline()
  const flush = async () => {
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error
    pipeline = redis.pipeline()
  }
  for (const { userId, createdAt, lastActive, totalChats, totalRiskAlerts, topics, turns, points } of some) {
    const key = (suffix: string) => `user:${userId}:${suffix}`
    const profile = {
      user_id: userId,
      created_at: createdAt,
      total_chats: totalChats,
      total_risk_alerts: totalRiskAlerts,
      last_active: lastActive,
    }
    pipeline.hset(key('profile'), profile)
    if (turns.length > 0) pipeline.lpush(key('conversations'), ...turns.map((each) => JSON.stringify(each)))
    if (points.length > 0) pipeline.lpush(key('emotions'), ...points.map((each) => JSON.stringify(each)))
    if (topics.length > 0) pipeline.sadd(key('topics'), ...topics)
    if (pipeline.length >= PIPELINE) await flush()
  }
  await flush()
}

const PIPELINE = 1_000
