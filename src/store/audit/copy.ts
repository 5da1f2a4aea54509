import { closeSync, existsSync, openSync, rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import * as z from 'zod'
import { StartError } from '../../errors.ts'
import { lookAtAudit } from './open.ts'

/** Copies an audit log as it is at one moment into a new file, for this account only, whether a server writes to it or not. False: there is none. */
export async function copyAudit(path: string, into: string): Promise<boolean> {
  if (!existsSync(path)) return false
  const db = lookAtAudit(path)
  try {
    closeSync(openSync(into, 'wx', 0o600))
    await db.backup(into)
  } finally {
    db.close()
  }
  settle(into)
  return true
}

const Count = z.object({ count: z.int() })
const NameRow = z.object({ pseudonym: z.string(), userId: z.string() })

/** Checks a copy, and makes it one whole file. Answers how many entries it has; throws a StartError where it is none, or damaged. */
export function settle(path: string, finish?: (db: Database.Database) => void): number {
  lookAtAudit(path).close()
  const db = new Database(path)
  try {
    const found = String(db.pragma('quick_check(1)', { simple: true }))
    if (found !== 'ok') throw new StartError(`The copy of the audit log ${path} is damaged.`)
    finish?.(db)
    db.pragma('journal_mode = DELETE')
    return Count.parse(db.prepare('SELECT count(*) AS count FROM entries').get()).count
  } finally {
    db.close()
    for (const end of ['-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
  }
}

/** Its entries name nobody any more who was erased after it was taken. */
export const forgetInCopy = (path: string, wasErased: (userId: string) => boolean): number =>
  settle(path, (db) => {
    db.pragma('secure_delete = ON')
    for (const row of db.prepare('SELECT pseudonym, user_id AS userId FROM names').all()) {
      const { pseudonym, userId } = NameRow.parse(row)
      if (wasErased(userId)) db.prepare('DELETE FROM names WHERE pseudonym = ?').run(pseudonym)
    }
  })
