import { z } from 'zod'
import { isErased, type UserCopy } from '../../copy.ts'
import { readCopies, writeCopy } from '../copies.ts'
import { voidLog } from '../removal.ts'
import type { Sql } from '../sql.ts'
import type { Meta } from '../state.ts'
import { loadAhead, markDirty } from './ahead.ts'
import { noteErased, voidErased } from './journal.ts'
import { lower } from './kept.ts'

/** In which state Redis has the next users, in short: `rev acceptedAt totalChats`. Where Redis was filled anew, a revision alone may mean something else here. */
export interface RevPage {
  epoch: string
  after: string
  /** Null: there are no more. */
  last: string | null
  revs: readonly (readonly [user: string, state: string])[]
}

const RevRow = z.object({ userId: z.string(), state: z.string() })

/** Marks those to be taken over who are in another state here than there. False: the log is in another epoch by now. To be called in a transaction. */
export function noteRevs(sql: Sql, meta: Meta, { epoch, after, last, revs }: RevPage): boolean {
  if (epoch !== meta.epoch) return false
  const there = new Map(revs)
  const here = sql.all(
    RevRow,
    "SELECT user_id AS userId, rev || ' ' || accepted_at || ' ' || total_chats AS state FROM users WHERE user_id > ? AND (? IS NULL OR user_id <= ?)",
    ...[after, last, last],
  )
  for (const { userId, state } of here) {
    if (there.get(userId) !== state) markDirty(sql, userId)
    there.delete(userId)
  }
  for (const user of there.keys()) markDirty(sql, user)
  sql.run('UPDATE meta SET rebuilt_to = ?', last)
  return true
}

/** Users as Redis had them at index n of the log, with its positions at that moment. */
export interface Pulled {
  copies: readonly UserCopy[]
  epoch: string
  n: number
  positions: Readonly<Record<string, number>>
}

/**
 * Puts users here as Redis had them. Refused (null) while anything is applied ahead here that is not in them, or when the log is
 * in another epoch than it was then. Answers who is here, but not there, although nothing tells that they were erased or expired:
 * Redis has lost them, and they stay. To be called in a transaction.
 */
export function replaceUsers(sql: Sql, meta: Meta, { copies, epoch, n, positions }: Pulled): string[] | null {
  if (epoch !== meta.epoch) return null
  for (const [origin, seq] of loadAhead(sql)) if (seq > (positions[origin] ?? 0)) return null
  lower(sql, 'complete', positions)
  const lost: string[] = []
  for (const copy of copies) {
    // The log here has gone on beyond the copy meanwhile, and says something newer of the user.
    if (sql.exists('SELECT 1 FROM log WHERE user_id = ? AND n > ? LIMIT 1', copy.user, n)) {
      markDirty(sql, copy.user)
      continue
    }
    if (!copy.state && isThere(sql, meta, copy)) {
      lost.push(copy.user)
      continue
    }
    if (!copy.state) voidLog(sql, copy.user, n + 1)
    writeCopy(sql, meta, copy)
    sql.run('DELETE FROM dirty WHERE user_id = ?', copy.user)
    if (copy.erasedAt === null) continue
    noteErased(sql, copy.user, copy.erasedAt, positions)
    // What waits in the journal has yet to be answered.
    voidErased(sql, copy.user, copy.erasedAt, ['log', 'kept'])
  }
  return lost
}

/** Whether the user is here, and has not been erased or expired since. */
function isThere(sql: Sql, meta: Meta, { user, erasedAt, expiredAt }: UserCopy): boolean {
  const [here] = readCopies(sql, meta, [user])
  if (!here?.state || isErased(here.state, erasedAt)) return false
  return (erasedAt ?? -1) <= (here.erasedAt ?? -1) && (expiredAt ?? -1) <= (here.expiredAt ?? -1)
}
