import { z } from 'zod'
import type { UserCopy } from '../../copy.ts'
import type { Event } from '../../store.ts'
import { json } from '../rows.ts'
import type { Sql } from '../sql.ts'

/** Users whose state here holds events that the log here has not come to. */

type Has = NonNullable<UserCopy['has']>

const Beyond = z.object({ origin: z.string(), seq: z.int() })
const Id = z.object({ id: z.int() })
const Held = z.object({ has: json(z.record(z.string(), z.int())) })

/** What these positions cover beyond the log here. */
export const beyondLog = (sql: Sql, positions: Readonly<Record<string, number>>): Has =>
  Object.fromEntries(
    sql
      .all(
        Beyond,
        `SELECT held.key AS origin, held.value AS seq FROM json_each(?) AS held LEFT JOIN positions ON positions.origin = held.key
         WHERE held.value > ifnull(positions.seq, 0)`,
        JSON.stringify(positions),
      )
      .map(({ origin, seq }) => [origin, seq]),
  )

/** Notes that a user was taken over as of index n, with these events. To be called in a transaction. */
export function notePulled(sql: Sql, user: string, n: number, has: Has): void {
  sql.run('DELETE FROM pulled WHERE user_id = ?', user)
  if (Object.keys(has).length === 0) return
  const text = JSON.stringify(has)
  const last = sql.get(Id, 'SELECT id FROM pulls WHERE id = (SELECT max(id) FROM pulls) AND as_of = ? AND has = ?', n, text)
  const { id } = last ?? Id.parse(sql.rows('INSERT INTO pulls (as_of, has) VALUES (?, ?) RETURNING id', n, text)[0])
  sql.run('INSERT INTO pulled (user_id, pull) VALUES (?, ?)', user, id)
}

/** What the state of a user who was taken over held then beyond the log here. */
export const pulledHas = (sql: Sql, user: string): Has | undefined =>
  sql.get(Held, 'SELECT has FROM pulled JOIN pulls ON pulls.id = pulled.pull WHERE user_id = ?', user)?.has

/** Whether the state of the event's user held it already when that was taken over. */
export const isIncluded = (sql: Sql, { user, origin, seq }: Event): boolean => seq <= (pulledHas(sql, user)?.[origin] ?? 0)

/** Lets go of what the log here, which has come to index n, has caught up with. */
export function forgetCovered(sql: Sql, n: number): void {
  sql.run(
    `DELETE FROM pulls WHERE as_of <= ? AND NOT EXISTS (SELECT 1 FROM json_each(has) AS held LEFT JOIN positions ON positions.origin = held.key
     WHERE held.value > ifnull(positions.seq, 0))`,
    n,
  )
}

/** The log goes on from index n in another epoch: the indexes after it say nothing of these users any more, the positions still do. */
export function unplace(sql: Sql, n: number): void {
  sql.run('UPDATE pulls SET as_of = 0 WHERE as_of > ?', n)
}
