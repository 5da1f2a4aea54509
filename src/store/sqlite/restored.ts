import { randomUUID } from 'node:crypto'
import { StartError } from '../../errors.ts'
import { rollbackEpoch } from '../copy.ts'
import { markOf } from '../rules.ts'
import { applyAll } from './apply.ts'
import { ErasureNotes } from './erasures.ts'
import { addFork } from './log.ts'
import { openDatabase } from './open.ts'
import { applyAhead, renumber } from './replica/ahead.ts'
import { addToJournal } from './replica/journal.ts'
import { isPartial } from './replica/kept.ts'
import { scrub } from './scrub.ts'
import { loadMeta, markedAt } from './state.ts'

export interface Restoring {
  /** Where it is to be put: beside that it is noted who was erased. */
  path: string
  /** Which store it is to be; joined to a Redis, that has to hear of what is done here. */
  backend: 'redis' | 'sqlite'
  /** Whether what came after the copy is to be given up everywhere. */
  rollback: boolean
  now: number
  /** Gets to tell who was erased, and has not come again. */
  forget?: (wasErased: (userId: string) => boolean) => void
}

/** Makes a copy of a data file ready to be put in the place of one that has gone on since. Answers how many people in it had been erased since, and are again, and how many lines of the note of that can't be read. */
export function prepareRestored(file: string, { path, backend, rollback, now, forget }: Restoring): { erased: number; unreadable: number } {
  const { db, sql, meta } = openDatabase(file)
  try {
    if (rollback && isPartial(sql))
      throw new StartError(
        'The backup is of a server that had not yet taken over everybody from Redis, so nothing can be rolled back to it. Take one that is whole.',
      )
    // Places in the log that goes on from here are others than those in the log that has gone on.
    const epoch = rollback ? rollbackEpoch(now) : backend === 'sqlite' ? randomUUID() : null
    if (epoch !== null)
      sql.transaction(() => {
        addFork(sql, { epoch, n: meta.n })
        sql.run('UPDATE meta SET epoch = ?', epoch)
      })
    const { users, damaged } = new ErasureNotes(path, sql).recall((events) => {
      const { tombstoneKey } = loadMeta(sql) ?? meta
      if (backend === 'sqlite') return applyAll(sql, tombstoneKey, events)
      addToJournal(sql, events)
      renumber(sql)
      return applyAhead(sql, tombstoneKey, Number.MAX_SAFE_INTEGER)
    })
    const { tombstoneKey } = loadMeta(sql) ?? meta
    forget?.(
      (user) =>
        markedAt(sql, 'tombstones', markOf(tombstoneKey, user)) !== null && !sql.exists('SELECT 1 FROM users WHERE user_id = ?', user),
    )
    if (users > 0) scrub(db, 'now')
    // One whole file, which needs no -wal beside it.
    db.pragma('journal_mode = DELETE')
    return { erased: users, unreadable: damaged }
  } finally {
    db.close()
  }
}
