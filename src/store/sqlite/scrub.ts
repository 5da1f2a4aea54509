import { statSync } from 'node:fs'
import type { Database } from 'better-sqlite3'

/** A file up to this size is rewritten soon, which holds the process up for a fraction of a second; a larger one by the daily sweep, at some 5 s a GiB. */
const AT_ONCE_BYTES = 64 * 1024 * 1024

/**
 * Takes what was erased out of the bytes of the file too.
 *
 * secure_delete overwrites what is deleted, but not the copies that SQLite leaves in unused space when it moves rows from
 * page to page. Only writing the file anew is sure to leave them behind.
 */
export function scrub(db: Database, when: 'now' | 'later'): void {
  const isSmall = statSync(db.name).size <= AT_ONCE_BYTES
  if (isUnscrubbed(db) && (isSmall || when === 'now')) rewrite(db, isSmall ? 'MEMORY' : 'FILE')
  db.pragma('wal_checkpoint(TRUNCATE)')
}

/** The same, where what was applied is applied even if there is no room now for writing the file anew: the database remembers that it is due. */
export function scrubOrLeaveIt(db: Database, when: 'now' | 'later'): void {
  try {
    scrub(db, when)
  } catch {
    // The next sweep tries again.
  }
}

export function rewrite(db: Database, workspace: 'MEMORY' | 'FILE'): void {
  db.pragma(`temp_store = ${workspace}`)
  try {
    db.exec('VACUUM')
  } finally {
    db.pragma('temp_store = MEMORY')
  }
  db.exec('UPDATE meta SET unscrubbed = 0')
}

const isUnscrubbed = (db: Database): boolean => db.prepare('SELECT unscrubbed FROM meta').pluck().get() === 1
