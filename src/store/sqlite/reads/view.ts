import { z } from 'zod'
import { MAX_IN_VIEW, type View } from '../../store.ts'
import type { Fragment, Sql } from '../sql.ts'

const ACKNOWLEDGED_BY = "CASE WHEN json_valid(concern.acknowledged) THEN concern.acknowledged ->> '$.by' END"

/** Whom a counselor may see (store.ts, View): holds of such rows of users. */
const seenIn = ({ counselor }: View): Fragment => ({
  sql: `counselor = ? OR EXISTS (SELECT 1 FROM alerts AS concern WHERE concern.id = open_alert_id AND (concern.assignee = ?
    OR EXISTS (SELECT 1 FROM alert_calls WHERE sub = ? AND alert_id = concern.id) OR (counselor IS NULL AND (concern.status <> 'ACKNOWLEDGED' OR ${ACKNOWLEDGED_BY} = ?))))`,
  params: [counselor, counselor, counselor, counselor],
})

const LOOKED = MAX_IN_VIEW + 1

/** Those among whom everybody in a view is: their own people first, then whom they are called to. More than are looked at where there are. */
const candidatesFor = ({ counselor }: View): Fragment => ({
  sql: `SELECT candidate FROM (
    SELECT * FROM (SELECT user_id AS candidate, 0 AS place FROM users WHERE counselor = ? LIMIT ${LOOKED})
    UNION ALL SELECT * FROM (SELECT user_id, 1 FROM alerts WHERE assignee = ? AND status <> 'RESOLVED' LIMIT ${LOOKED})
    UNION ALL SELECT * FROM (SELECT user_id, 1 FROM alert_calls WHERE sub = ? LIMIT ${LOOKED})
    UNION ALL SELECT * FROM (SELECT user_id, 2 FROM users INDEXED BY users_waiting WHERE counselor IS NULL AND open_alert_id IS NOT NULL LIMIT ${LOOKED}))
    GROUP BY candidate ORDER BY min(place), candidate`,
  params: [counselor, counselor, counselor],
})

const CandidateRow = z.object({ userId: z.string(), seen: z.int() })
const HeldTopicRow = z.object({ name: z.string(), userId: z.string() })

/** The people in a counselor's view, looked for once for a batch of reads. */
export class Sight {
  readonly #sql: Sql
  /** Holds of those rows of users. */
  readonly seen: Fragment
  readonly #candidates: Fragment
  #people: { ids: string[]; isWhole: boolean } | undefined
  #topics: Map<string, string[]> | undefined

  constructor(sql: Sql, view: View) {
    this.#sql = sql
    this.seen = seenIn(view)
    this.#candidates = candidatesFor(view)
  }

  sees(userId: string): boolean {
    return this.#sql.exists(`SELECT 1 FROM users WHERE user_id = ? AND (${this.seen.sql})`, userId, ...this.seen.params)
  }

  seesAlert(alertId: string): boolean {
    const of = `SELECT 1 FROM alerts JOIN users USING (user_id) WHERE alerts.id = ? AND (${this.seen.sql})`
    return this.#sql.exists(of, alertId, ...this.seen.params)
  }

  /** Whether so few come into question that all of them were looked at. */
  get isWhole(): boolean {
    return this.#found.isWhole
  }

  /** Those whom it has, as `candidate`. */
  get people(): Fragment {
    return { sql: 'SELECT value AS candidate FROM json_each(?)', params: [JSON.stringify(this.#found.ids)] }
  }

  /** Topic -> the ids of those of them who have it. */
  get topics(): ReadonlyMap<string, readonly string[]> {
    if (this.#topics) return this.#topics
    const topics = new Map<string, string[]>()
    const held = `SELECT name, user_id AS userId FROM (${this.people.sql}) CROSS JOIN user_topics ON user_id = candidate`
    for (const { name, userId } of this.#sql.all(HeldTopicRow, held, ...this.people.params)) {
      const users = topics.get(name) ?? []
      users.push(userId)
      topics.set(name, users)
    }
    this.#topics = topics
    return topics
  }

  get #found(): { ids: string[]; isWhole: boolean } {
    if (this.#people) return this.#people
    const { seen } = this
    // CROSS JOIN fixes the order of the loops: the candidates, and each one's row.
    const rows = this.#sql.all(
      CandidateRow,
      `SELECT user_id AS userId, (${seen.sql}) AS seen FROM (${this.#candidates.sql} LIMIT ${LOOKED}) CROSS JOIN users
       ON user_id = candidate`,
      ...seen.params,
      ...this.#candidates.params,
    )
    const looked = rows.slice(0, MAX_IN_VIEW)
    this.#people = { ids: looked.flatMap(({ userId, seen }) => (seen ? [userId] : [])), isWhole: rows.length <= MAX_IN_VIEW }
    return this.#people
  }
}

/** The id of nobody, and of no alert. */
const NOBODY = ''

/** Whoever is not in the view is asked for as somebody who does not exist: in the same way, and with the same answer. */
export function veiled<R extends object>(sight: Sight, request: R): R {
  if ('userId' in request && typeof request.userId === 'string' && !sight.sees(request.userId)) return { ...request, userId: NOBODY }
  if ('alertId' in request && typeof request.alertId === 'string' && !sight.seesAlert(request.alertId))
    return { ...request, alertId: NOBODY }
  return request
}
