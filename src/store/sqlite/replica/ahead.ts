import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { markOf, sourceOf } from '../../rules.ts'
import type { Event, Outcome } from '../../store.ts'
import { judge } from '../apply.ts'
import { aheadOfLog } from '../log.ts'
import { relist, remembered } from '../recorded.ts'
import { asApplied } from '../removal.ts'
import type { Sql } from '../sql.ts'
import { type Judged, loadMeta, loadPolicies, type Step, tombstoneOf } from '../state.ts'
import { type Applied, appliedToAll, hideInJournal, notApplied, voidErased } from './journal.ts'

export interface Answered {
  origin: string
  seq: number
  outcome: Outcome
}

/**
 * Applies events of the journal to the state ahead of the log, in order, at most so many; each gets an index that it will not
 * keep. Their users are dirty from then on. To be called in a transaction.
 */
export function applyAhead(sql: Sql, tombstoneKey: KeyObject, limit: number): Answered[] {
  const rows = notApplied(sql, limit)
  if (rows.length === 0) return []
  const policies = loadPolicies(sql)
  let n = (loadMeta(sql)?.n ?? 0) + aheadOfLog(sql)
  return rows.map(({ place, event }) => {
    n += 1
    const step: Step = { sql, n, policies, mark: markOf(tombstoneKey, event.user), told: [] }
    const outcome = judgeNew(step, event)
    if (event.kind === 'policy') sql.run('UPDATE policies SET ahead = 1 WHERE n = ?', n)
    sql.run(
      'UPDATE journal SET n = ?, outcome = ?, alert_events = ? WHERE place = ?',
      ...[n, outcome.type, step.told.length > 0 ? JSON.stringify(step.told) : null, place],
    )
    if (event.kind === 'erased')
      sql.run('UPDATE journal SET payload = ? WHERE place = ?', JSON.stringify(asApplied(step, event).payload), place)
    setAhead(sql, event.origin, event.seq)
    markDirty(sql, event.user)
    if (event.kind === 'expired' && !sql.exists('SELECT 1 FROM users WHERE user_id = ?', event.user)) hideInJournal(sql, event.user, n)
    if (event.kind === 'erased') voidErased(sql, event.user, tombstoneOf(step) ?? event.acceptedAt)
    return { origin: event.origin, seq: event.seq, outcome }
  })
}

export const isAnyAhead = (sql: Sql): boolean => sql.exists('SELECT 1 FROM journal WHERE n > 0 LIMIT 1')

export const hasAhead = (sql: Sql, user: string): boolean =>
  user !== '' && sql.exists('SELECT 1 FROM journal WHERE user_id = ? AND n IS NOT NULL', user)

/** Applies what was applied ahead to a user once more, who is not here any more. To be called in a transaction. */
export function applyAgain({ sql, policies, mark }: Step, ahead: readonly Applied[]): void {
  for (const { place, n, event } of ahead) {
    const step: Step = { sql, n, policies, mark, told: [] }
    const outcome = judge(step, event)
    sql.run('UPDATE journal SET outcome = ? WHERE place = ?', outcome.type, place)
  }
}

/** Puts back what was recorded ahead of a user whose lists are emptied by what comes before that in the log. To be called in a transaction. */
export function restoreAhead(step: Step, user: string, ahead: readonly Applied[]): void {
  const { sql } = step
  if (!sql.exists('SELECT 1 FROM users WHERE user_id = ?', user)) applyAgain(step, ahead)
  else
    for (const { event } of ahead) if (event.kind === 'recorded' && remembered(sql, event)?.source === sourceOf(event)) relist(step, event)
}

/** Gives what is applied ahead its indexes anew, behind a log that has grown since, or is another one. */
export function renumber(sql: Sql): void {
  sql.run(
    `UPDATE journal SET n = ranked.n FROM (SELECT place, (SELECT n FROM meta) + row_number() OVER (ORDER BY place) AS n FROM journal
     WHERE n IS NOT NULL) AS ranked WHERE journal.place = ranked.place AND journal.n <> ranked.n`,
  )
  sql.run('DELETE FROM policies WHERE ahead = 1')
  const policies = loadPolicies(sql)
  for (const { n, event } of appliedToAll(sql)) {
    judge({ sql, n, policies, mark: '', told: [] }, event)
    if (event.kind === 'policy') sql.run('UPDATE policies SET ahead = 1 WHERE n = ?', n)
  }
}

export const setAhead = (sql: Sql, origin: string, seq: number): void => {
  sql.run('INSERT INTO ahead (origin, seq) VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)', origin, seq)
}

/** What the log has caught up with is not ahead of it any more. */
export const settleAhead = (sql: Sql): void => {
  sql.run('DELETE FROM ahead WHERE seq <= (SELECT seq FROM positions WHERE positions.origin = ahead.origin)')
}

export const markDirty = (sql: Sql, user: string): void => {
  if (user !== '') sql.run('INSERT OR IGNORE INTO dirty (user_id) VALUES (?)', user)
}

/** Does something to a user: who is to be taken over, and was never here, begins here without what they were before. */
export function judgeNew(step: Step, event: Event): Judged {
  const { sql } = step
  const isUnknown = isDirty(sql, event.user) && !sql.exists('SELECT 1 FROM users WHERE user_id = ?', event.user)
  const outcome = judge(step, event)
  if (!isUnknown) return outcome
  step.open?.write()
  lack(sql, [event.user])
  return outcome
}

/** Of these users more may be elsewhere. To be called in a transaction. */
export function lack(sql: Sql, users: readonly string[]): void {
  for (const user of users) sql.run('UPDATE users SET patched = 1 WHERE user_id = ?', user)
}

export const isDirty = (sql: Sql, user: string): boolean => sql.exists('SELECT 1 FROM dirty WHERE user_id = ?', user)

const AheadRow = z.object({ origin: z.string(), seq: z.int() })
/** origin -> seq up to which its events are applied ahead of the log. */
export const loadAhead = (sql: Sql): Map<string, number> =>
  new Map(sql.all(AheadRow, 'SELECT origin, seq FROM ahead').map(({ origin, seq }): [string, number] => [origin, seq]))

const Seq = z.object({ seq: z.int() })
export const journaledSeq = (sql: Sql, origin: string): number =>
  sql.get(Seq, 'SELECT ifnull(max(seq), 0) AS seq FROM journal WHERE origin = ?', origin)?.seq ?? 0

/** Users who were taken over as of an index that the log here had not come to: as it goes on from here, that may mean something else. */
export const markBeyond = (sql: Sql): void => {
  sql.run('INSERT OR IGNORE INTO dirty (user_id) SELECT user_id FROM users WHERE rev > (SELECT n FROM meta)')
}
