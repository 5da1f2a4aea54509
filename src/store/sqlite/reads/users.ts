import type { User, UserOrder } from '../../../model.ts'
import type { Page, Reads, Slice } from '../../store.ts'
import { type Ordering, slice, walkMatching } from '../pages.ts'
import { UserRow } from '../rows.ts'
import type { Fragment, Sql } from '../sql.ts'
import { type Criterion, criteriaOf, fewestCandidates } from './filter.ts'
import type { Moment } from './lists.ts'
import type { Sight } from './view.ts'

const COLUMNS = `user_id AS userId, created_at AS createdAt, last_active_at AS lastActiveAt, total_chats AS totalChats,
  total_risk_alerts AS totalRiskAlerts, current_risk AS currentRisk, attention, counselor`

const USERS = { columns: COLUMNS, from: { sql: 'users', params: [] }, where: [], id: 'user_id', row: UserRow }

const ORDERS: Record<UserOrder, Ordering<User>> = {
  LAST_ACTIVE_DESC: { ...USERS, sort: 'active_order', descending: true },
  CREATED_DESC: { ...USERS, sort: 'created_at', descending: true },
  RISK_DESC: { ...USERS, sort: 'risk_order', descending: true },
  USER_ID_ASC: { ...USERS, sort: null, descending: false },
}

export const user = (sql: Sql, { userId }: Reads['user']['ask']): User | null =>
  sql.get(UserRow, `SELECT ${COLUMNS} FROM users WHERE user_id = ?`, userId)

export const users = (sql: Sql, { order, filter, page }: Reads['users']['ask'], { sight }: Moment): Slice<User> =>
  among(sql, ORDERS[order], criteriaOf(filter), page, sight)

/** Everyone who has a topic. */
export function topicUsers(sql: Sql, { name, page }: Reads['topicUsers']['ask'], { sight }: Moment): Slice<User> {
  if (!sight) {
    const from = { sql: '(SELECT user_id AS holder FROM user_topics WHERE name = ?) CROSS JOIN users ON user_id = holder', params: [name] }
    return slice(sql, { ...USERS, from, sort: null, id: 'holder', descending: false }, page, true)
  }
  if (!sight.isWhole) return among(sql, ORDERS.USER_ID_ASC, criteriaOf({ topics: [name] }), page, sight)
  const seen = { sql: 'SELECT value AS candidate FROM json_each(?)', params: [JSON.stringify(sight.topics.get(name) ?? [])] }
  return slice(sql, { ...ORDERS.USER_ID_ASC, from: joined(seen) }, page, true)
}

// CROSS JOIN fixes the order of the loops: the candidates, and each one's row.
const joined = ({ sql, params }: Fragment): Fragment => ({ sql: `(${sql}) CROSS JOIN users ON user_id = candidate`, params })

/** Those who meet all criteria, and are in sight. */
function among(sql: Sql, ordering: Ordering<User>, criteria: readonly Criterion[], page: Page, sight: Sight | undefined): Slice<User> {
  const narrowed = sight ? [...criteria, { matches: sight.seen, candidates: sight.isWhole ? sight.people : null }] : criteria
  const counted = criteria.length === 0
  if (narrowed.length === 0) return slice(sql, ordering, page, counted)
  const where = narrowed.map(({ matches }) => matches)
  const candidates = fewestCandidates(sql, narrowed)
  return candidates
    ? slice(sql, { ...ordering, from: joined(candidates), where }, page, counted)
    : walkMatching(sql, { ...ordering, where }, page)
}
