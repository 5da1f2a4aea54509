import { z } from 'zod'
import { type Conversation, type EmotionPoint, riskRank } from '../../../model.ts'
import type { Policy } from '../../rules.ts'
import type { Reads, Slice } from '../../store.ts'
import { type List, visible } from '../lists.ts'
import { type Ordering, slice } from '../pages.ts'
import { ConversationRow, EmotionRow } from '../rows.ts'
import { all, type Fragment, type Sql } from '../sql.ts'
import type { Sight } from './view.ts'

/** The moment of a read: the time, the policies in force, and whom it may see. */
export interface Moment {
  now: number
  policies: readonly Policy[]
  /** Undefined: everybody. */
  sight: Sight | undefined
}

const CONVERSATION = `id, user_id AS userId, occurred_at AS occurredAt, query, response, risk AS riskLevel, emotion_score AS emotionScore,
  reference_count AS "references", topics`
const EMOTION = 'id, user_id AS userId, occurred_at AS occurredAt, score, risk AS riskLevel'

export function conversations(sql: Sql, { userId, minRisk, page }: Reads['conversations']['ask'], moment: Moment): Slice<Conversation> {
  const where = [visibleTo(sql, 'conversations', userId, moment)]
  if (minRisk !== undefined) where.push({ sql: 'risk >= ?', params: [riskRank(minRisk)] })
  return slice(sql, newestFirst('conversations', CONVERSATION, ConversationRow, where), page, minRisk === undefined)
}

export function emotions(sql: Sql, { userId, from, to, page }: Reads['emotions']['ask'], moment: Moment): Slice<EmotionPoint> {
  const where = [visibleTo(sql, 'emotions', userId, moment)]
  if (from !== undefined) where.push({ sql: 'occurred_at >= ?', params: [from] })
  if (to !== undefined) where.push({ sql: 'occurred_at <= ?', params: [to] })
  return slice(sql, newestFirst('emotions', EMOTION, EmotionRow, where), page, where.length === 1)
}

export const conversation = (sql: Sql, { userId, id }: Reads['conversation']['ask'], moment: Moment): Conversation | null =>
  one(sql, 'conversations', CONVERSATION, ConversationRow, userId, id, moment)

export const emotion = (sql: Sql, { userId, id }: Reads['emotion']['ask'], moment: Moment): EmotionPoint | null =>
  one(sql, 'emotions', EMOTION, EmotionRow, userId, id, moment)

const Rev = z.object({ rev: z.int() })

function visibleTo(sql: Sql, list: List, userId: string, { now, policies }: Moment): Fragment {
  const rev = sql.get(Rev, 'SELECT rev FROM users WHERE user_id = ?', userId)?.rev ?? 0
  return visible(sql, list, { userId, rev }, policies, now)
}

const newestFirst = <T>(list: List, columns: string, row: z.ZodType<T>, where: Fragment[]): Ordering<T> => ({
  columns,
  from: { sql: list, params: [] },
  where,
  sort: 'occurred_at',
  id: 'id',
  descending: true,
  row,
})

function one<T>(sql: Sql, list: List, columns: string, row: z.ZodType<T>, userId: string, id: string, moment: Moment): T | null {
  const where = all([visibleTo(sql, list, userId, moment), { sql: 'id = ?', params: [id] }])
  return sql.get(row, `SELECT ${columns} FROM ${list} WHERE ${where.sql} ORDER BY occurred_at DESC LIMIT 1`, ...where.params)
}
