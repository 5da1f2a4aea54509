import { type KeyObject, randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Marks } from '../copy.ts'
import { markOf } from '../rules.ts'
import type { Event } from '../store.ts'
import { setMark } from './copies.ts'
import { erasuresBeside, mendErasures, noteErasures, readErasures } from './erasure-file.ts'
import type { Sql } from './sql.ts'
import { loadMeta, markedAt } from './state.ts'

/** What became of the erasures that were noted beside a data file, when it was opened. */
export interface RecalledErasures {
  /** How many tombstones the data file had lost, or never had. */
  raised: number
  /** How many people were in it who had been erased. */
  users: number
  /** Lines of the note that can't be read. */
  damaged: number
  /** Whether its last line was not whole, and is cut off. */
  isTorn: boolean
}

/** It as lines of a log, for whoever runs the service. */
export const tellingOf = ({ users, damaged, isTorn }: RecalledErasures): [fields: object, sentence: string][] => [
  ...(users > 0 ? [tell({ users }, 'people who had been erased were in the data file again: they are erased again')] : []),
  ...(damaged > 0 ? [tell({ lines: damaged }, 'the note of who was erased has lines that can not be read: npx xinyi doctor')] : []),
  ...(isTorn ? [tell({}, 'the last line of the note of who was erased was not whole, and is cut off')] : []),
]
const tell = (fields: object, sentence: string): [object, string] => [fields, sentence]

const MarkRow = z.object({ mark: z.string(), at: z.int() })
const UserRow = z.object({ user: z.string(), oldestAt: z.int(), acceptedAt: z.int() })

/**
 * Keeps who was erased in a file beside the data file as well, which outlives it: whoever is in an older copy that is put back, or in another
 * store, stays erased.
 */
export class ErasureNotes {
  readonly #path: string
  readonly #sql: Sql

  constructor(path: string, sql: Sql) {
    this.#path = erasuresBeside(path)
    this.#sql = sql
  }

  /**
   * Brings the note and the data file together. `erase` has those erased who are here all the same: it gets an event for each of them. A data file
   * that was just made goes on under the tombstone key of the note.
   */
  recall(erase: (events: readonly Event[]) => void): RecalledErasures {
    const sql = this.#sql
    const { marks, newestKey, damaged, isTorn } = readErasures(this.#path)
    if (isTorn) mendErasures(this.#path)
    const report = sql.transaction(() => {
      if (newestKey !== null) adoptKey(sql, newestKey)
      const known = marks.get(this.#key()) ?? new Map<string, number>()
      const later = raise(sql, [...known])
      sql.run('DELETE FROM unnoted')
      for (const { mark, at } of sql.all(MarkRow, 'SELECT mark, at FROM tombstones'))
        if ((known.get(mark) ?? -1) < at) sql.run('INSERT INTO unnoted (mark, at) VALUES (?, ?)', mark, at)
      const events = erasuresOf(sql, new Map(later))
      erase(events)
      return { raised: later.length, users: events.length }
    })
    this.noteOrOwe()
    return { ...report, damaged, isTorn }
  }

  /** What is not in the note yet is there, on the disk, when this returns. */
  note(): void {
    const marks: Marks = this.#sql.all(MarkRow, 'SELECT mark, at FROM unnoted').map(({ mark, at }) => [mark, at])
    if (marks.length === 0) return
    noteErasures(this.#path, this.#key(), marks)
    this.#sql.transaction(() => {
      for (const [mark, at] of marks) this.#sql.run('DELETE FROM unnoted WHERE mark = ? AND at = ?', mark, at)
    })
  }

  /** The same, where nobody waits for it: what can't be noted now is noted with the next. */
  noteOrOwe(): void {
    try {
      this.note()
    } catch {
      // The data file remembers what is owed.
    }
  }

  #key(): string {
    return loadMeta(this.#sql)?.tombstoneKey.export().toString('hex') ?? ''
  }
}

/** Erasures that are in the journal and not applied yet count from when they were asked for. To be called in the transaction that journals them. */
export function noteAsked(sql: Sql, events: readonly Event[]): void {
  const asked = events.filter(({ kind }) => kind === 'erased')
  const key = asked.length > 0 ? loadMeta(sql)?.tombstoneKey : undefined
  if (!key) return
  for (const { user, acceptedAt } of asked)
    sql.run(
      'INSERT INTO unnoted (mark, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)',
      markOf(key, user),
      acceptedAt,
    )
}

function adoptKey(sql: Sql, key: string): void {
  const isPristine = `n = 0 AND joined = 0 AND NOT EXISTS (SELECT 1 FROM tombstones) AND NOT EXISTS (SELECT 1 FROM journal)`
  sql.run(`UPDATE meta SET tombstone_key = ? WHERE ${isPristine}`, Buffer.from(key, 'hex'))
}

/** The marks that erasures among these events set. */
export const marksBy = (events: readonly Event[], tombstoneKey: KeyObject): Marks =>
  events.flatMap(
    (event): Marks => (event.kind === 'erased' ? [[markOf(tombstoneKey, event.user), event.payload.upTo ?? event.acceptedAt]] : []),
  )

/** Takes marks over that are later than those here, and answers an erasure for each who is here in spite of them. */
export const raiseAndErase = (sql: Sql, marks: Marks): Event[] => erasuresOf(sql, new Map(raise(sql, marks)))

function raise(sql: Sql, marks: Marks): Marks {
  const later = marks.filter(([mark, at]) => (markedAt(sql, 'tombstones', mark) ?? -1) < at)
  for (const [mark, at] of later) setMark(sql, 'tombstones', mark, at)
  return later
}

/** An erasure for each who is here, with anything from before theirs. */
function erasuresOf(sql: Sql, marks: ReadonlyMap<string, number>): Event[] {
  const secret = loadMeta(sql)?.tombstoneKey
  if (marks.size === 0 || !secret) return []
  // Whose erasure waits to be applied is erased by that.
  const present = `SELECT user_id AS user, oldest_at AS oldestAt, accepted_at AS acceptedAt FROM users
    WHERE NOT EXISTS (SELECT 1 FROM journal WHERE journal.user_id = users.user_id AND kind = 'erased')`
  const due = sql.all(UserRow, present).flatMap(({ user, oldestAt, acceptedAt }): [string, number][] => {
    const at = marks.get(markOf(secret, user))
    return at !== undefined && (oldestAt || acceptedAt) <= at ? [[user, at]] : []
  })
  return againErased(due)
}

/** What has people erased once more who were erased up to these times. */
export function againErased(users: readonly (readonly [user: string, at: number])[]): Event[] {
  const origin = randomUUID()
  return users.map(([user, at], i) => ({
    ...{ id: randomUUID(), kind: 'erased', user, acceptedAt: at, occurredAt: at },
    payload: { reason: 'Erased before; an older copy of the data was put back.', upTo: at },
    ...{ origin, seq: i + 1 },
  }))
}
