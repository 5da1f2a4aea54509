import { createSecretKey } from 'node:crypto'
import { z } from 'zod'
import type { Head, Marks } from '../../copy.ts'
import { markOf } from '../../rules.ts'
import { savePositions } from '../apply.ts'
import { setMark } from '../copies.ts'
import { addFork, chainAt } from '../log.ts'
import type { Sql } from '../sql.ts'
import { keepMember, loadMeta, marksOf } from '../state.ts'
import { dropTopics } from '../topics.ts'
import { applyAhead, markBeyond, renumber, setAhead, settleAhead } from './ahead.ts'
import { HELD, heldUsers, voidErased, voidExpired } from './journal.ts'
import { applySince, keep } from './kept.ts'
import { disown } from './own.ts'

const First = z.object({ origin: z.string(), first: z.int(), last: z.int() })
const Least = z.object({ place: z.int() })

/**
 * Takes the log back to index n, from where Redis has gone another way. What came after is kept in the journal, before all
 * else there: Redis has to get what it lacks of it. Users touched by it are dirty. To be called in a transaction.
 */
export function rewind(sql: Sql, n: number): void {
  const chain = chainAt(sql, n)
  if (chain === null) throw new Error('The log is not kept so far back.')
  const origins = sql.all(First, 'SELECT origin, min(seq) AS first, max(seq) AS last FROM log WHERE n > ? GROUP BY origin', n)
  sql.run('INSERT OR IGNORE INTO dirty (user_id) SELECT user_id FROM log WHERE n > ? AND user_id IS NOT NULL AND user_id <> ?', n, '')
  const least = sql.get(Least, 'SELECT ifnull(min(place), 1) AS place FROM journal')?.place ?? 1
  const end = loadMeta(sql)?.n ?? n
  sql.run(`INSERT OR IGNORE INTO journal (place, n, ${HELD}) SELECT n - ? + ?, n, ${HELD} FROM log WHERE n > ?`, ...[end + 1, least, n])
  for (const table of ['log', 'policies']) sql.run(`DELETE FROM ${table} WHERE n > ?`, n)
  for (const { origin, last } of origins) setAhead(sql, origin, last)
  savePositions(
    sql,
    origins.map(({ origin, first }) => [origin, first - 1]),
  )
  sql.run('UPDATE meta SET n = ?, chain = ?', n, chain)
  markBeyond(sql)
  renumber(sql)
}

const UserRow = z.object({ userId: z.string(), oldestAt: z.int().catch(0) })

/** Users who were erased, or expired, without this log. Answers them, and when they went. */
function removeGone(sql: Sql, { tombstoneKey, tombstones, expiries }: Head): [user: string, at: number][] {
  const known = marksOf(sql)
  const newer = (marks: Marks, before: Marks): Map<string, number> => {
    const times = new Map(before)
    return new Map(marks.filter(([mark, at]) => at > (times.get(mark) ?? -1)))
  }
  const [erased, expired] = [newer(tombstones, known.tombstones), newer(expiries, known.expiries)]
  if (erased.size + expired.size === 0) return []
  const key = createSecretKey(tombstoneKey, 'hex')
  const users = sql.all(UserRow, 'SELECT user_id AS userId, oldest_at AS oldestAt FROM users')
  const here = new Map(users.map(({ userId, oldestAt }) => [userId, oldestAt]))
  return [...new Set([...here.keys(), ...heldUsers(sql)])].flatMap((userId): [string, number][] => {
    const mark = markOf(key, userId)
    const [erasedAt = -1, expiredAt = -1] = [erased.get(mark), expired.get(mark)]
    if (erasedAt >= 0) voidErased(sql, userId, erasedAt)
    if (expiredAt >= 0) voidExpired(sql, userId, expiredAt)
    const at = Math.max(erasedAt, expiredAt)
    // What is here may have come after that.
    if (at < 0 || (here.get(userId) ?? Number.POSITIVE_INFINITY) > at) return []
    dropTopics(sql, userId)
    sql.run('DELETE FROM users WHERE user_id = ?', userId)
    sql.run('UPDATE meta SET unscrubbed = 1')
    return [[userId, at]]
  })
}

/** Makes the log here that of Redis at this moment; users are taken over one after the other from then on. To be called in a transaction. */
export function beginRebuild(sql: Sql, head: Head): void {
  const { dataSetId, epoch, tombstoneKey, n, chain, positions, policies, staff, tombstones, expiries, lineage } = head
  disown(sql, positions)
  const known = loadMeta(sql)?.tombstoneKey
  // What Redis had taken of it, and lost again, comes by no log: it counts as held, and so has to be in the users here.
  if (known) applyAhead(sql, known, Number.MAX_SAFE_INTEGER)
  const gone = removeGone(sql, head)
  keep(sql, positions)
  // Marks under another key are nobody's here.
  if (known?.export().toString('hex') !== tombstoneKey)
    for (const table of ['tombstones', 'expiries', 'unnoted']) sql.run(`DELETE FROM ${table}`)
  for (const table of ['log', 'positions', 'policies', 'staff', 'lineage']) sql.run(`DELETE FROM ${table}`)
  sql.run(
    `UPDATE meta SET data_set_id = ?, epoch = ?, tombstone_key = ?, n = ?, chain = ?, trimmed = ?, trimmed_chain = ?, joined = 1, rebuilt_to = ''`,
    ...[dataSetId, epoch, Buffer.from(tombstoneKey, 'hex'), n, chain, n, chain],
  )
  savePositions(sql, Object.entries(positions))
  settleAhead(sql)
  for (const [origin, seq] of Object.entries(positions)) sql.run('DELETE FROM journal WHERE origin = ? AND seq <= ?', origin, seq)
  for (const { n: at, at: time, limits } of policies)
    sql.run('INSERT INTO policies (n, at, limits) VALUES (?, ?, ?)', at, time, JSON.stringify(limits))
  for (const member of staff) keepMember(sql, member)
  for (const [mark, at] of tombstones) setMark(sql, 'tombstones', mark, at)
  for (const [mark, at] of expiries) setMark(sql, 'expiries', mark, at)
  for (const fork of lineage) addFork(sql, fork)
  renumber(sql)
  applySince(sql, gone)
  sql.run('INSERT OR IGNORE INTO dirty (user_id) SELECT user_id FROM users')
}

/**
 * Everything here is given up for what Redis has, whose epoch and lineage these are: as in a new instance, nobody is here until they are taken
 * over. Who was erased stays known. To be called in a transaction.
 */
export function startOver(sql: Sql, { epoch, lineage }: Pick<Head, 'epoch' | 'lineage'>): void {
  for (const table of [
    'journal',
    'kept',
    'complete',
    'rescued',
    'ahead',
    'dirty',
    'log',
    'users',
    'topics',
    'positions',
    'policies',
    'staff',
    'expiries',
    'lineage',
  ])
    sql.run(`DELETE FROM ${table}`)
  sql.run("INSERT INTO complete (origin, seq) VALUES ('', 0)")
  sql.run(
    "UPDATE meta SET epoch = ?, n = 0, chain = '', trimmed = 0, trimmed_chain = '', joined = 1, rebuilt_to = '', unscrubbed = 1",
    epoch,
  )
  for (const fork of lineage) addFork(sql, fork)
}
