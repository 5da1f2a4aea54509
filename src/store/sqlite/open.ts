import { randomUUID } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { StartError } from '../../errors.ts'
import { Sql } from './sql.ts'
import { identify, type Meta } from './state.ts'

const MIGRATIONS = new URL('./migrations/', import.meta.url)
/** What the migrations lead to. */
const SCHEMA = new URL('./schema.sql', import.meta.url)
/** "Xiny": tells our files from other programs' databases. */
const APPLICATION_ID = 0x58696e79
/** Everything is synchronous: who waits for a lock holds up the whole process. */
const BUSY_MS = 200

export interface Opened {
  /** Absolute. */
  path: string
  db: Database.Database
  sql: Sql
  meta: Meta
}

/** Opens the database file, for this process alone; makes it where there is none, and brings its schema up to date. */
export function openDatabase(file: string): Opened {
  if (file === ':memory:') throw new StartError('The data must be kept in a file: :memory: would be lost at the end.')
  const path = resolve(file)
  let db: Database.Database | undefined
  try {
    const isNew = makeFile(path)
    if (statSync(path).size === 0) throw new StartError(`The data file ${path} is empty, so what it held is lost. ${WHAT_TO_DO}`)
    checkAccess(path)
    db = new Database(path, { timeout: BUSY_MS, fileMustExist: true })
    // Before anything else: then the lock is held until the end, and WAL needs no shared memory file.
    db.pragma('locking_mode = EXCLUSIVE')
    if (!isNew) check(db, path)
    chmodSync(path, 0o600)
    configure(db)
    migrate(db)
    const sql = new Sql(db)
    const meta = identify(sql)
    if (!meta) throw new StartError(`The data file ${path} is damaged (it does not say which data set it holds). ${WHAT_TO_DO}`)
    return { path, db, sql, meta }
  } catch (error) {
    db?.close()
    throw error instanceof StartError ? error : new StartError(reasonOf(error, path), { cause: error })
  }
}

/** SQLite would call it an I/O error. */
function checkAccess(path: string): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw new StartError(
      `The data file ${path} can't be read and written by this account (${messageOf(error)}). Give it to the account that the server runs as (chmod 600), on a disk that takes writes.`,
      { cause: error },
    )
  }
}

const WHAT_TO_DO = 'Put back a backup of it, or move it away, with the files beside it of the same name, to begin with an empty store.'

/** Makes a file that only its owner can read, and that holds no data yet; false when there is one. It is there whole, or not at all. */
function makeFile(path: string): boolean {
  if (existsSync(path)) return false
  if (existsSync(`${path}-wal`))
    throw new StartError(`The data file ${path} is gone, but ${path}-wal, which belongs to it, is there. ${WHAT_TO_DO}`)
  const unfinished = `${path}.${randomUUID()}.new`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    closeSync(openSync(unfinished, 'wx', 0o600))
  } catch (error) {
    throw new StartError(`The data file ${path} can't be made or read (${messageOf(error)}). Check DATA_DIR and its permissions.`, {
      cause: error,
    })
  }
  try {
    fill(unfinished)
    // Another process may have made one meanwhile, which must not be replaced.
    linkSync(unfinished, path)
    sync(dirname(path))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(unfinished, { force: true })
  }
}

/** Makes an empty file a database of ours, which holds no data set yet. */
function fill(path: string): void {
  const db = new Database(path)
  try {
    // Where it fails the file is thrown away.
    db.pragma('journal_mode = OFF')
    db.transaction(() => {
      db.exec(readFileSync(SCHEMA, 'utf8'))
      db.pragma(`application_id = ${APPLICATION_ID}`)
      db.pragma(`user_version = ${newestFormat()}`)
    })()
  } finally {
    db.close()
  }
}

/** Makes sure that what was put into a directory is found there, whatever comes. */
function sync(directory: string): void {
  const fd = openSync(directory, 'r')
  fsyncSync(fd)
  closeSync(fd)
}

function configure(db: Database.Database): void {
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.pragma('foreign_keys = ON')
  db.pragma('secure_delete = ON')
  db.pragma('trusted_schema = OFF')
  db.pragma('cell_size_check = ON')
  // A page that changes often is written back once for many batches.
  db.pragma('wal_autocheckpoint = 8000')
  db.pragma('cache_size = -65536')
  // Sorting must not leave conversations in temporary files.
  db.pragma('temp_store = MEMORY')
}

/** Nothing is changed in a file that turns out not to be ours, to be damaged, or to be ahead of us. */
function check(db: Database.Database, path: string): void {
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID)
    throw new StartError(`${path} is a database of another program, not of Xinyi. Choose another DATA_DIR, or move that file away.`)
  const [version, known] = [versionOf(db), newestFormat()]
  if (version > known)
    throw new StartError(
      `The data file ${path} was written by a newer Xinyi (format ${version}; this one knows up to ${known}). Start that version, or put back a backup from before the update.`,
    )
  const found = String(db.pragma('quick_check(1)', { simple: true }))
  if (found !== 'ok') throw new StartError(`The data file ${path} is damaged (${found.replace(/\s+/g, ' ')}). ${WHAT_TO_DO}`)
}

/** Runs the migrations that the file has not seen, all or none; its user_version is the number of the last one. */
function migrate(db: Database.Database): void {
  const version = versionOf(db)
  const unseen = migrations().filter((file) => numberOf(file) > version)
  const last = unseen.at(-1)
  if (last === undefined) return
  const run = db.transaction(() => {
    for (const file of unseen) db.exec(readFileSync(new URL(file, MIGRATIONS), 'utf8'))
    db.pragma(`user_version = ${numberOf(last)}`)
  })
  run.immediate()
}

const migrations = (): string[] =>
  readdirSync(MIGRATIONS)
    .filter((name) => /^\d+-.*\.sql$/.test(name))
    .sort()
const newestFormat = (): number => Math.max(...migrations().map(numberOf))
const versionOf = (db: Database.Database): number => Number(db.pragma('user_version', { simple: true }))
const numberOf = (file: string): number => Number.parseInt(file, 10)

function reasonOf(error: unknown, path: string): string {
  const code = error instanceof Database.SqliteError ? error.code : ''
  if (code.startsWith('SQLITE_BUSY'))
    return `The data file ${path} is in use by another process. Stop that one, or choose another DATA_DIR.`
  if (code === 'SQLITE_NOTADB') return `The data file ${path} is not a database. ${WHAT_TO_DO}`
  if (code.startsWith('SQLITE_CORRUPT')) return `The data file ${path} is damaged (${messageOf(error)}). ${WHAT_TO_DO}`
  return `The data file ${path} can't be opened (${messageOf(error)}). Check DATA_DIR, its permissions and the space on its disk.`
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
