import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { AUDIT_NAME, DATABASE_NAME } from '../config.ts'
import { makeDataDir } from '../data-dir.ts'
import { StartError } from '../errors.ts'
import { forgetInCopy, settle } from '../store/audit/copy.ts'
import { erasuresBeside } from '../store/sqlite/erasure-file.ts'
import { prepareRestored } from '../store/sqlite/restored.ts'
import { inspectSnapshot } from '../store/sqlite/snapshot.ts'
import { type Manifest, type Parts, syncDir, unpackBackup } from './file.ts'

export interface Restored {
  manifest: Manifest
  /** Where what was there is now; null: nothing was. */
  replaced: string | null
  /** People who had been erased since the backup, and are again. */
  erased: number
  /** Lines of the note of who was erased: whoever they were about may be in it again. */
  unreadable: number
  /** Whether there is a note of who was erased: without one whoever was erased since the backup is back, unless Redis knows of that. */
  isNoted: boolean
  /** Whether its audit log was put there too; one that is there stays, and goes on. */
  audit: boolean
}

/** Puts the database of a backup into a data directory that nobody works in; what is there already is moved aside, where that is allowed. */
export async function restoreBackup(
  file: string,
  dataDir: string,
  { force, rollback, backend }: { force: boolean; rollback: boolean; backend: 'redis' | 'sqlite' },
): Promise<Restored> {
  const path = join(dataDir, DATABASE_NAME)
  const present = [path, `${path}-wal`].filter((each) => existsSync(each))
  if (present.length > 0 && !force)
    throw new StartError(
      `There is data in ${dataDir} already, and nothing was changed. Restore into an empty DATA_DIR, or give --force: then what is there is moved aside.`,
    )
  await makeDataDir(dataDir)
  const auditPath = join(dataDir, AUDIT_NAME)
  const [draft, auditDraft] = [`${path}.${randomUUID()}`, `${auditPath}.${randomUUID()}`]
  try {
    const manifest = await unpackChecked(file, { database: draft, audit: existsSync(auditPath) ? null : auditDraft })
    const audit = existsSync(auditDraft)
    const isNoted = existsSync(erasuresBeside(path))
    const { erased, unreadable } = prepareRestored(draft, {
      ...{ path, backend, rollback, now: Date.now() },
      forget: (wasErased) => void (audit && forgetInCopy(auditDraft, wasErased)),
    })
    const aside = `${path}.replaced-${Date.now()}`
    for (const each of present) await rename(each, each.replace(path, aside))
    await rename(draft, path)
    if (audit) await rename(auditDraft, auditPath)
    await syncDir(dataDir)
    return { manifest, replaced: present.length > 0 ? aside : null, erased, unreadable, isNoted, audit }
  } finally {
    await Promise.all([draft, `${draft}-wal`, auditDraft].map((each) => rm(each, { force: true })))
  }
}

/** Restores a backup in a scratch directory, and throws where what comes out is not what its manifest says. */
export async function drill(file: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'xinyi-drill-'))
  try {
    await unpackChecked(file, { database: join(scratch, DATABASE_NAME), audit: join(scratch, AUDIT_NAME) })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** The sums tell of the bytes; only opening it tells that it is a database, whole, and of which rows. */
async function unpackChecked(file: string, into: Required<Parts>): Promise<Manifest> {
  const manifest = await unpackBackup(file, into)
  const { format, ...found } = inspectSnapshot(into.database)
  const { format: was, ...told } = manifest.contents
  const entries = manifest.audit && into.audit !== null ? settle(into.audit) : manifest.audit?.entries
  if (format < was || !isDeepStrictEqual(found, told) || entries !== manifest.audit?.entries)
    throw new StartError(`The backup ${file} opens, but does not hold what its manifest says. Nothing was changed; take another backup.`)
  return manifest
}
