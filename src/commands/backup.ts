import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { holdsData } from '../app.ts'
import { type Manifest, writeBackup } from '../backup/file.ts'
import { drill, restoreBackup } from '../backup/restore.ts'
import type { Config } from '../config.ts'
import { StartError } from '../errors.ts'
import { SnapshotStorageDocument } from '../gql/graphql.ts'
import { connect, findServer } from './client.ts'
import { counted } from './sentences.ts'

/** For copying the file; a gigabyte takes some seconds, and a busy disk much longer. */
const SNAPSHOT_TIMEOUT_MS = 30 * 60_000

/** Writes what the SQLite store holds at one moment, positions and all, into a file. */
export async function backup(config: Config, file: string, options: { drill?: boolean; json?: boolean }): Promise<void> {
  const client = (await findServer(config)) ?? ((await holdsData(config)) ? await connect(config) : null)
  if (!client) throw new StartError(`There is no data in ${config.dataDir} to back up. Check DATA_DIR.`)
  let snapshot: string
  try {
    const { snapshotStorage } = await client.execute(SnapshotStorageDocument, {}, SNAPSHOT_TIMEOUT_MS)
    snapshot = join(config.dataDir, snapshotStorage)
  } finally {
    await client.close()
  }
  let manifest: Manifest
  try {
    manifest = await writeBackup(resolve(file), snapshot)
  } finally {
    await rm(snapshot, { force: true })
  }
  if (options.drill) await drill(resolve(file))
  if (options.json) console.log(JSON.stringify(manifest))
  else console.log(`${file}: ${sentence(manifest)}${options.drill ? ' It was restored in a scratch directory, and is whole.' : ''}`)
}

/** Puts a backup into DATA_DIR. */
export async function restore(
  config: Config,
  file: string,
  { force = false, json = false }: { force?: boolean; json?: boolean },
): Promise<void> {
  const server = await findServer(config)
  if (server) {
    await server.close()
    throw new StartError(`A server is running on ${config.dataDir}. Stop it first: a backup is restored while nobody works there.`)
  }
  const { manifest, replaced } = await restoreBackup(resolve(file), config.dataDir, { force })
  if (json) return console.log(JSON.stringify({ ...manifest, replaced }))
  console.log(`Restored into ${resolve(config.dataDir)}: ${sentence(manifest)}`)
  if (replaced)
    console.log(
      `What was there is in ${replaced} now: remove it when it is not needed any more. People erased since the backup may be in either.`,
    )
  if (config.storageBackend === 'redis')
    console.log('At its start the server joins it to Redis: what Redis has that is newer comes back, and an empty Redis is filled from it.')
}

function sentence({ takenAt, contents: { dataSetId, n, rows, pendingWrites }, compressed }: Manifest): string {
  const users = counted(rows.users ?? 0, 'user', 'users')
  const conversations = counted(rows.conversations ?? 0, 'conversation', 'conversations')
  const pending = pendingWrites > 0 ? `, ${counted(pendingWrites, 'write', 'writes')} that Redis may not have` : ''
  return `data set ${dataSetId} up to ${n}, as of ${takenAt}: ${users}, ${conversations}${pending} (${counted(compressed.bytes, 'byte', 'bytes')}).`
}
