import { existsSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Manifest, writeBackup } from '../backup/file.ts'
import { drill, restoreBackup } from '../backup/restore.ts'
import { backupName, parseKeep, rotate } from '../backup/rotation.ts'
import { AUDIT_NAME, type Config, SECRET_NAME } from '../config.ts'
import { makeDataDir } from '../data-dir.ts'
import { holdsData } from '../data-set.ts'
import { StartError } from '../errors.ts'
import { SnapshotStorageDocument } from '../gql/graphql.ts'
import { copyAudit } from '../store/audit/copy.ts'
import { connect, findServer } from './client.ts'
import { counted } from './sentences.ts'

/** For copying the file; a gigabyte takes some seconds, and a busy disk much longer. */
const SNAPSHOT_TIMEOUT_MS = 30 * 60_000

export interface BackupOptions {
  drill?: boolean
  keep?: string
  json?: boolean
}

/** Writes what the SQLite store holds at one moment, positions and all, and the audit log, into a file; in a directory, under a name with the time. */
export async function backup(config: Config, place: string, options: BackupOptions): Promise<void> {
  const keep = options.keep === undefined ? null : parseKeep(options.keep)
  const found = statSync(place, { throwIfNoEntry: false })
  if (keep && found && !found.isDirectory()) throw new StartError(`${place} is a file. With --keep, name a directory for the backups.`)
  const dir = keep || found?.isDirectory() ? resolve(place) : null
  const file = dir === null ? resolve(place) : join(dir, backupName(new Date()))
  const client = (await findServer(config)) ?? ((await holdsData(config)) ? await connect(config) : null)
  if (!client) throw new StartError(`There is no data in ${config.dataDir} to back up. Check DATA_DIR.`)
  if (dir !== null) await makeDataDir(dir)
  let database: string
  try {
    const { snapshotStorage } = await client.execute(SnapshotStorageDocument, {}, SNAPSHOT_TIMEOUT_MS)
    database = join(config.dataDir, snapshotStorage)
  } finally {
    await client.close()
  }
  const audit = database.replace(/\.db$/, '.audit.db')
  let manifest: Manifest
  try {
    const isAudited = await copyAudit(join(config.dataDir, AUDIT_NAME), audit)
    manifest = await writeBackup(file, { database, audit: isAudited ? audit : null })
  } finally {
    await Promise.all([database, audit].map((path) => rm(path, { force: true })))
  }
  if (options.drill) await drill(file)
  const removed = dir !== null && keep ? await rotate(dir, keep) : []
  if (options.json) return console.log(JSON.stringify({ ...manifest, file, removed }))
  console.log(`${file}: ${sentence(manifest)}${options.drill ? ' It was restored in a scratch directory, and is whole.' : ''}`)
  if (removed.length > 0) console.log(`Removed, as --keep has it: ${removed.join(', ')}.`)
}

/** Puts a backup into DATA_DIR. */
export async function restore(
  config: Config,
  file: string,
  { force = false, rollback = false, json = false }: { force?: boolean; rollback?: boolean; json?: boolean },
): Promise<void> {
  const server = await findServer(config)
  if (server) {
    await server.close()
    throw new StartError(`A server is running on ${config.dataDir}. Stop it first: a backup is restored while nobody works there.`)
  }
  const backend = config.storageBackend
  const { manifest, ...restored } = await restoreBackup(resolve(file), config.dataDir, { force, rollback, backend })
  const { replaced, erased, unreadable, isNoted, audit } = restored
  if (json) return console.log(JSON.stringify({ ...manifest, ...restored }))
  const dir = resolve(config.dataDir)
  console.log(`Restored into ${dir}: ${sentence(manifest)}`)
  if (replaced)
    console.log(
      `What was there is in ${replaced} now: remove it when it is not needed any more. People erased since the backup may be in either.`,
    )
  if (manifest.audit)
    console.log(
      audit
        ? `The audit log too: ${counted(manifest.audit.entries, 'entry', 'entries')}.`
        : 'The audit log that is there stays, and goes on.',
    )
  if (!isNoted)
    console.log(
      `There is no xinyi.erased in ${dir}: whoever was erased since the backup is back, unless Redis knows of that. If the file is left, put it there before the server starts.`,
    )
  if (config.auth.required && !config.auth.secret && !config.auth.jwks && !existsSync(join(dir, SECRET_NAME)))
    console.log(`There is no ${SECRET_NAME} in ${dir}: the server makes one, and tokens of before are not good any more.`)
  if (erased > 0) console.log(`${counted(erased, 'person', 'people')} erased since the backup: they are erased in it too.`)
  if (unreadable > 0)
    console.error(
      `${counted(unreadable, 'line', 'lines')} of the note of who was erased can't be read: whoever they were about may be here again. npx xinyi doctor says more.`,
    )
  if (rollback && backend === 'redis')
    console.log(
      'At its start the server has Redis go back to it. Every other server sets what it has besides aside in a file, and follows; stop them until this one has started.',
    )
  else if (backend === 'redis')
    console.log('At its start the server joins it to Redis: what Redis has that is newer comes back, and an empty Redis is filled from it.')
}

function sentence({ takenAt, contents: { dataSetId, n, rows, pendingWrites }, compressed }: Manifest): string {
  const users = counted(rows.users ?? 0, 'user', 'users')
  const conversations = counted(rows.conversations ?? 0, 'conversation', 'conversations')
  const pending = pendingWrites > 0 ? `, ${counted(pendingWrites, 'write', 'writes')} that Redis may not have` : ''
  return `data set ${dataSetId} up to ${n}, as of ${takenAt}: ${users}, ${conversations}${pending} (${counted(compressed.bytes, 'byte', 'bytes')}).`
}
