import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { DATABASE_NAME } from '../config.ts'
import { makeDataDir } from '../data-dir.ts'
import { StartError } from '../errors.ts'
import { inspectSnapshot } from '../store/sqlite/snapshot.ts'
import { type Manifest, syncDir, unpackBackup } from './file.ts'

/** Puts the database of a backup into a data directory that nobody works in; what is there already is moved aside, where that is allowed. Answers where to. */
export async function restoreBackup(
  file: string,
  dataDir: string,
  { force }: { force: boolean },
): Promise<{ manifest: Manifest; replaced: string | null }> {
  const path = join(dataDir, DATABASE_NAME)
  const present = [path, `${path}-wal`].filter((each) => existsSync(each))
  if (present.length > 0 && !force)
    throw new StartError(
      `There is data in ${dataDir} already, and nothing was changed. Restore into an empty DATA_DIR, or give --force: then what is there is moved aside.`,
    )
  await makeDataDir(dataDir)
  const draft = `${path}.${randomUUID()}`
  try {
    const manifest = await unpackChecked(file, draft)
    const aside = `${path}.replaced-${Date.now()}`
    for (const each of present) await rename(each, each.replace(path, aside))
    await rename(draft, path)
    await syncDir(dataDir)
    return { manifest, replaced: present.length > 0 ? aside : null }
  } finally {
    await Promise.all([draft, `${draft}-wal`].map((each) => rm(each, { force: true })))
  }
}

/** Restores a backup in a scratch directory, and throws where what comes out is not what its manifest says. */
export async function drill(file: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'xinyi-drill-'))
  try {
    await unpackChecked(file, join(scratch, DATABASE_NAME))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** The sums tell of the bytes; only opening it tells that it is a database, whole, and of which rows. */
async function unpackChecked(file: string, into: string): Promise<Manifest> {
  const manifest = await unpackBackup(file, into)
  const { format, ...found } = inspectSnapshot(into)
  const { format: was, ...told } = manifest.contents
  if (format < was || !isDeepStrictEqual(found, told))
    throw new StartError(`The backup ${file} opens, but does not hold what its manifest says. Nothing was changed; take another backup.`)
  return manifest
}
