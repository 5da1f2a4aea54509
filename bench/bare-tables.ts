// A thread of bench/bare.ts: keeps a batch as our own does, in a journal that is synced and then in the tables, but asks for nothing that is there.
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { type Batch, conversationsIn } from './bare.ts'

const db = new Database(String(workerData))
for (const setting of ['locking_mode = EXCLUSIVE', 'journal_mode = WAL', 'synchronous = FULL', 'cache_size = -65536']) db.pragma(setting)
db.exec(readFileSync(new URL('../src/store/sqlite/schema.sql', import.meta.url), 'utf8'))

const journal = db.prepare(
  `INSERT INTO journal (origin, seq, kind, accepted_at, occurred_at, id, user_id, payload) VALUES ('o', ?, 'recorded', ?, ?, ?, ?, ?)`,
)
const settle = db.prepare('DELETE FROM journal')
const log = db.prepare(
  `INSERT INTO log (n, origin, seq, kind, accepted_at, occurred_at, outcome, id, user_id, payload) VALUES (?, 'o', ?, 'recorded', ?, ?, 'applied', ?, ?, ?)`,
)
const user = db.prepare(
  `INSERT INTO users (user_id, rev, created_at, last_active_at, total_chats, total_risk_alerts, accepted_at, last_points, alerts_raised, current_risk, attention)
   VALUES (?, ?, ?, ?, 1, 0, ?, '[]', 0, 1, 'NONE') ON CONFLICT DO UPDATE SET rev = excluded.rev, last_active_at = excluded.last_active_at,
   total_chats = total_chats + 1, accepted_at = excluded.accepted_at`,
)
const conversation = db.prepare(
  `INSERT INTO conversations (user_id, occurred_at, id, query, response, risk, emotion_score, reference_count, topics) VALUES (?, ?, ?, ?, ?, 1, ?, 0, ?)`,
)
const emotion = db.prepare('INSERT INTO emotions (user_id, occurred_at, id, n, score, risk) VALUES (?, ?, ?, ?, ?, 1)')
const seen = db.prepare('INSERT INTO seen (user_id, id, accepted_at, fingerprint) VALUES (?, ?, ?, ?)')
const topic = db.prepare(
  `INSERT INTO user_topics (user_id, name, count, first_seen_at, last_seen_at) VALUES (?, ?, 1, ?, ?)
   ON CONFLICT DO UPDATE SET count = count + 1, last_seen_at = excluded.last_seen_at`,
)

const keep = db.transaction(({ n, at, body }: Batch) => {
  for (const [i, each] of conversationsIn(body).entries())
    journal.run(n + i, at, at, each.idempotencyKey, each.userId, JSON.stringify(each))
})
const apply = db.transaction(({ n, at, body }: Batch) => {
  for (const [i, each] of conversationsIn(body).entries()) {
    const { userId, idempotencyKey: id, query, response, emotionScore, topics } = each
    user.run(userId, n + i, at, at, at)
    conversation.run(userId, at, id, query, response, emotionScore, JSON.stringify(topics))
    emotion.run(userId, at, id, n + i, emotionScore)
    seen.run(userId, id, at, id)
    for (const name of topics) topic.run(userId, name, at, at)
    log.run(n + i, n + i, at, at, id, userId, JSON.stringify(each))
  }
  settle.run()
})

parentPort?.on('message', (batch: Batch) => {
  keep(batch)
  parentPort?.postMessage(batch.n)
  apply(batch)
})
