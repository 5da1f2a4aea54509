import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, DATABASE_NAME } from '../config.ts'
import { holdsData } from '../data-set.ts'
import { StartError } from '../errors.ts'
import { CompactStorageDocument, StorageDocument } from '../gql/graphql.ts'
import { type Client, connect, findServer } from './client.ts'
import { counted } from './sentences.ts'

/** Of a file of some 100 GiB. */
const TIMEOUT_MS = 10 * 60_000
const MIB = 1024 * 1024

/** Gives room back, and prints how much; through the running server, as long as that holds up nobody for long. */
export async function compact(config: Config, { json = false, holdUp = false }: { json?: boolean; holdUp?: boolean }): Promise<void> {
  const client = (await findServer(config)) ?? ((await holdsData(config)) ? await connect(config) : null)
  if (!client) throw new StartError(`There is no data in ${config.dataDir} to make smaller. Check DATA_DIR.`)
  try {
    const before = await sizes(config, client)
    // Without a server nobody waits.
    const mayHoldUp = holdUp || client.socket === null
    const { compactStorage } = await client.execute(CompactStorageDocument, { mayHoldUp }, TIMEOUT_MS)
    const after = await sizes(config, client)
    if (json) return console.log(JSON.stringify({ ...compactStorage, before, after }))
    const { removedItems, removedLogEntries } = compactStorage
    console.log(
      `Removed: ${counted(removedItems, 'expired item', 'expired items')}, ${counted(removedLogEntries, 'old entry of the log', 'old entries of the log')}.`,
    )
    console.log(`SQLite: ${change(before.fileBytes, after.fileBytes)}.`)
    if (before.redisBytes !== null && after.redisBytes !== null)
      console.log(`Memory of Redis: ${change(before.redisBytes, after.redisBytes)}.`)
  } finally {
    await client.close()
  }
}

async function sizes({ dataDir }: Config, client: Client): Promise<{ fileBytes: number; redisBytes: number | null }> {
  const path = join(dataDir, DATABASE_NAME)
  const { storage } = await client.execute(StorageDocument, {})
  const fileBytes = [path, `${path}-wal`].reduce((sum, each) => sum + (statSync(each, { throwIfNoEntry: false })?.size ?? 0), 0)
  return { fileBytes, redisBytes: storage.redis?.usedMemoryBytes ?? null }
}

const mib = (bytes: number): string => (bytes / MIB).toFixed(1)
const change = (before: number, after: number): string =>
  `${mib(before)} MiB, now ${mib(after)} (${mib(Math.max(0, before - after))} given back)`
