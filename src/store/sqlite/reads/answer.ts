import { checkView } from '../../rules.ts'
import type { ReadKind, ReadRequest, Reads, View } from '../../store.ts'
import type { Sql } from '../sql.ts'
import { loadPolicies } from '../state.ts'
import { alert, alertCounts, alertHistory, alerts, dueAlerts, overview, userAlerts } from './alerts.ts'
import { conversation, conversations, emotion, emotions, type Moment } from './lists.ts'
import { topic, topics, userTopics } from './topics.ts'
import { topicUsers, user, users } from './users.ts'
import { Sight, veiled } from './view.ts'

type Readers = { [K in ReadKind]: (sql: Sql, ask: Reads[K]['ask'], moment: Moment) => Reads[K]['answer'] }

const READERS: Readers = {
  user,
  users,
  conversations,
  conversation,
  emotions,
  emotion,
  userTopics,
  topic,
  topics,
  topicUsers,
  alert,
  alerts,
  userAlerts,
  alertHistory,
  dueAlerts,
  overview,
  alertCounts,
}

/** Answers a batch of reads, in order. To be called in one read transaction. */
export function answerAll(sql: Sql, requests: readonly ReadRequest[], now: number, view?: View): Reads[ReadKind]['answer'][] {
  checkView(requests, view)
  const moment = { now, policies: loadPolicies(sql), sight: view && new Sight(sql, view) }
  return requests.map((request) => answer(sql, request, moment))
}

const answer = <K extends ReadKind>(sql: Sql, request: { kind: K } & Reads[K]['ask'], moment: Moment): Reads[K]['answer'] =>
  READERS[request.kind](sql, moment.sight ? veiled(moment.sight, request) : request, moment)
