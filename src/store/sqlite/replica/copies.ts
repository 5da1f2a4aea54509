import { z } from 'zod'
import { latest, type UserCopy } from '../../copy.ts'
import { loadPositions } from '../apply.ts'
import { readCopies } from '../copies.ts'
import type { Sql } from '../sql.ts'
import type { Meta } from '../state.ts'
import { isDirty } from './ahead.ts'
import { completeUpTo, isPartial } from './kept.ts'
import { notePulled, pulledHas } from './pulled.ts'

const Row = z.object({ origin: z.string(), seq: z.int() })

/** Up to where, without a gap, events that these positions lack are applied here ahead of the log. */
function aheadOf(sql: Sql, positions: Readonly<Record<string, number>>): Record<string, number> {
  const ends = new Map<string, number>()
  const rows = sql.all(
    Row,
    `SELECT journal.origin, journal.seq FROM (SELECT DISTINCT origin FROM ahead) JOIN journal USING (origin)
     LEFT JOIN json_each(?) AS position ON position.key = journal.origin
     WHERE journal.n IS NOT NULL AND journal.seq > ifnull(position.value, 0) ORDER BY journal.origin, journal.seq`,
    JSON.stringify(positions),
  )
  for (const { origin, seq } of rows) if (seq === (ends.get(origin) ?? positions[origin] ?? 0) + 1) ends.set(origin, seq)
  return Object.fromEntries(ends)
}

type Positions = Readonly<Record<string, number>>

/** Tells of users which events are in their state that a log with these positions lacks. */
function statesBeyond(sql: Sql, positions: Positions): (user: string) => UserCopy['has'] {
  const ahead = aheadOf(sql, positions)
  const partial = isPartial(sql)
  // Whoever was taken over already is further on than those who were not yet.
  const taken = latest(ahead, loadPositions(sql))
  const due = partial ? latest(ahead, completeUpTo(sql)) : taken
  return (user) => {
    const all = Object.entries(latest(partial && isDirty(sql, user) ? due : taken, pulledHas(sql, user)))
    const beyond = all.filter(([origin, seq]) => seq > (positions[origin] ?? 0))
    return beyond.length > 0 ? Object.fromEntries(beyond) : undefined
  }
}

/**
 * Users as they are here, for a log with these positions: which later events are in their state. One that is not mentioned although
 * it is may come again. To be called in one snapshot.
 */
export function copiesFor(sql: Sql, meta: Meta, users: readonly string[], positions: Positions): UserCopy[] {
  const beyond = statesBeyond(sql, positions)
  return readCopies(sql, meta, users).map((copy) => {
    const has = beyond(copy.user)
    return has ? { ...copy, has } : copy
  })
}

const UserRow = z.object({ userId: z.string() })

/**
 * The log here is given up for one with these positions, which may lack some of what is in the users' states: notes what. Answers
 * what completes that once the log is the other one.
 */
export function noteStates(sql: Sql, positions: Positions): () => void {
  const beyond = statesBeyond(sql, positions)
  const notes = sql.all(UserRow, 'SELECT user_id AS userId FROM users').flatMap(({ userId }) => {
    const has = beyond(userId)
    return has ? [{ userId, has }] : []
  })
  return () => {
    for (const { userId, has } of notes) notePulled(sql, userId, 0, has)
  }
}
