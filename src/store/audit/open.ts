import { chmodSync, closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { StartError } from '../../errors.ts'

const SCHEMA = new URL('./schema.sql', import.meta.url)
/** "XinA". */
const APPLICATION_ID = 0x58696e41
const FORMAT = 1
/** Whoever verifies the log reads it at the same time, and holds up nobody. */
const BUSY_MS = 200

/** Opens the audit log's file, which is made where there is none. */
export function openAudit(path: string): Database.Database {
  let db: Database.Database | undefined
  try {
    if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600))
    db = new Database(path, { timeout: BUSY_MS, fileMustExist: true })
    checkOurs(db, path)
    chmodSync(path, 0o600)
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('secure_delete = ON')
    db.pragma('trusted_schema = OFF')
    db.pragma('temp_store = MEMORY')
    // A page that changes often is written back once for many commits.
    db.pragma('wal_autocheckpoint = 4000')
    db.pragma('cache_size = -16384')
    if (db.pragma('user_version', { simple: true }) === 0) create(db)
    return db
  } catch (error) {
    db?.close()
    throw error instanceof StartError ? error : new StartError(reasonOf(error, path), { cause: error })
  }
}

/** The same only to be looked at, whether a server has it open or not. */
export function lookAtAudit(path: string): Database.Database {
  if (!existsSync(path)) throw new StartError(`There is no audit log ${path} yet. Check DATA_DIR, or start a server there.`)
  let db: Database.Database | undefined
  try {
    db = new Database(path, { timeout: BUSY_MS, readonly: true, fileMustExist: true })
    checkOurs(db, path)
    return db
  } catch (error) {
    db?.close()
    throw error instanceof StartError ? error : new StartError(reasonOf(error, path), { cause: error })
  }
}

const WHAT_TO_DO = 'Keep it as evidence and move it away, with the files beside it of the same name, to begin with an empty log.'

const create = (db: Database.Database): void =>
  db.transaction(() => {
    db.exec(readFileSync(SCHEMA, 'utf8'))
    db.pragma(`application_id = ${APPLICATION_ID}`)
    db.pragma(`user_version = ${FORMAT}`)
  })()

function checkOurs(db: Database.Database, path: string): void {
  if (statSync(path).size === 0 && !existsSync(`${path}-wal`)) return
  const version = Number(db.pragma('user_version', { simple: true }))
  if (version === 0 && db.pragma('schema_version', { simple: true }) === 0) return
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID)
    throw new StartError(`${path} is not an audit log of Xinyi. Choose another DATA_DIR, or move that file away.`)
  if (version !== FORMAT)
    throw new StartError(
      `The audit log ${path} was written by a newer Xinyi (format ${version}; this one knows ${FORMAT}). Start that version.`,
    )
}

const reasonOf = (error: unknown, path: string): string => {
  const code = error instanceof Database.SqliteError ? error.code : error instanceof Error && 'code' in error ? String(error.code) : ''
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) return `The audit log ${path} is damaged (${code}). ${WHAT_TO_DO}`
  return `The audit log ${path} can't be opened (${code || 'for an unknown reason'}). Check DATA_DIR, its permissions and the space on its disk.`
}
