import type { View } from '../../store.ts'
import type { Fragment, Sql } from '../sql.ts'

/** Whom a counselor may see (store.ts, View). Holds of a row of users. */
export const seenIn = ({ counselor }: View): Fragment => ({
  sql: `users.counselor = ? OR EXISTS (SELECT 1 FROM alerts AS concern WHERE concern.id = users.open_alert_id AND (concern.assignee = ?
    OR (users.counselor IS NULL AND (concern.status <> 'ACKNOWLEDGED' OR ${ACKNOWLEDGED_BY} = ?))))`,
  params: [counselor, counselor, counselor],
})

const ACKNOWLEDGED_BY = "CASE WHEN json_valid(concern.acknowledged) THEN concern.acknowledged ->> '$.by' END"

export function isSeen(sql: Sql, view: View, userId: string): boolean {
  const seen = seenIn(view)
  return sql.exists(`SELECT 1 FROM users WHERE user_id = ? AND (${seen.sql})`, userId, ...seen.params)
}

function isAlertSeen(sql: Sql, view: View, alertId: string): boolean {
  const seen = seenIn(view)
  return sql.exists(`SELECT 1 FROM alerts JOIN users USING (user_id) WHERE alerts.id = ? AND (${seen.sql})`, alertId, ...seen.params)
}

/** The id of nobody, and of no alert. */
const NOBODY = ''

/** Whoever is not in the view is asked for as somebody who does not exist: in the same way, and with the same answer. */
export function veiled<R extends object>(sql: Sql, view: View, request: R): R {
  if ('userId' in request && typeof request.userId === 'string' && !isSeen(sql, view, request.userId)) return { ...request, userId: NOBODY }
  if ('alertId' in request && typeof request.alertId === 'string' && !isAlertSeen(sql, view, request.alertId))
    return { ...request, alertId: NOBODY }
  return request
}
