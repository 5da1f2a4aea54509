import type { User, UserOrder } from '../../../model.ts'
import { type Key, MAX_CANDIDATES, type Page, type Reads, type Slice } from '../../store.ts'
import { boundsOf, isThere, keyColumns, keysOf, type Ordering, orderBy, slice, walk, within } from '../pages.ts'
import { UserRow } from '../rows.ts'
import { all, type Fragment, type Sql } from '../sql.ts'
import { criteriaOf, fewestCandidates } from './filter.ts'

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

export function users(sql: Sql, { order, filter, page }: Reads['users']['ask']): Slice<User> {
  const criteria = criteriaOf(filter)
  if (criteria.length === 0) return slice(sql, ORDERS[order], page, true)
  const where = criteria.map(({ matches }) => matches)
  const candidates = fewestCandidates(sql, criteria)
  if (!candidates) return walkMatching(sql, ORDERS[order], where, page)
  // CROSS JOIN fixes the order of the loops: the candidates, and each one's row.
  const from = { sql: `(${candidates.sql}) CROSS JOIN users ON user_id = candidate`, params: candidates.params }
  return slice(sql, { ...ORDERS[order], from, where }, page, false)
}

/** Everyone who has a topic. */
export function topicUsers(sql: Sql, { name, page }: Reads['topicUsers']['ask']): Slice<User> {
  const from = { sql: '(SELECT user_id AS holder FROM user_topics WHERE name = ?) CROSS JOIN users ON user_id = holder', params: [name] }
  return slice(sql, { ...USERS, from, sort: null, id: 'holder', descending: false }, page, true)
}

/** Looks at no more than so many users, in their order, and ends early when too few of them match. */
function walkMatching(sql: Sql, ordering: Ordering<User>, where: readonly Fragment[], page: Page): Slice<User> {
  const forward = page.take === 'first'
  const bounds = all(boundsOf(ordering, page))
  const range = { sql: `FROM users WHERE ${bounds.sql} ORDER BY ${orderBy(ordering, forward)}`, params: bounds.params }
  const from = { sql: `(SELECT * ${range.sql} LIMIT ${MAX_CANDIDATES})`, params: range.params }
  const { items, more } = walk(sql, { ...ordering, from, where }, page)
  const edge = more ? null : edgeOf(sql, ordering, range)
  const goesOn = more || edge !== null
  return {
    items,
    hasPrevious: (!forward && goesOn) || (page.after !== undefined && isThere(sql, ordering, within(ordering, page.after, 'back', true))),
    hasNext: (forward && goesOn) || (page.before !== undefined && isThere(sql, ordering, within(ordering, page.before, 'on', true))),
    total: null,
    resume: items.length < page.limit ? edge : null,
  }
}

/** The key of the last user that such a walk looks at; null when none follows. */
function edgeOf(sql: Sql, ordering: Ordering<User>, range: Fragment): Key | null {
  const rows = sql.rows(`SELECT ${keyColumns(ordering)} ${range.sql} LIMIT 2 OFFSET ${MAX_CANDIDATES - 1}`, ...range.params)
  const [edge, beyond] = keysOf(rows)
  return edge && beyond ? edge : null
}
