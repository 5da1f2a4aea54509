import { statSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { rewrite } from './scrub.ts'

/** Writing the file anew takes some 5 s a GiB, and nothing is recorded meanwhile. */
const AT_ONCE_BYTES = 128 * 1024 * 1024

/**
 * Gives back to the disk what the write-ahead log and unused pages take. A file that is too large to be written anew while others wait is left as it
 * is, unless they may: answers its size in bytes then, else null.
 */
export function compact(db: Database, { mayHoldUp }: { mayHoldUp: boolean }, atOnceBytes = AT_ONCE_BYTES): number | null {
  db.pragma('wal_checkpoint(TRUNCATE)')
  if (Number(db.pragma('freelist_count', { simple: true })) === 0) return null
  const { size } = statSync(db.name)
  if (size > atOnceBytes && !mayHoldUp) return size
  rewrite(db, size > AT_ONCE_BYTES ? 'FILE' : 'MEMORY')
  db.pragma('wal_checkpoint(TRUNCATE)')
  return null
}
