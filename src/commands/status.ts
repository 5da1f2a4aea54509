import { resolve } from 'node:path'
import type { Config } from '../config.ts'
import { holdsData } from '../data-set.ts'
import { StorageDocument, type StorageQuery } from '../gql/graphql.ts'
import { findServer, look } from './client.ts'
import { counted, storageSentences } from './sentences.ts'

interface Facts {
  /** The socket of the running server; null when there is none. */
  server: string | null
  backend: Config['storageBackend']
  dataDir: string
  /** Null while there is no data set yet. */
  data: StorageQuery | null
}

/** Prints which store is in use, where, how it is doing and what it holds; with or without a running server. */
export async function status(config: Config, { json = false }: { json?: boolean } = {}): Promise<void> {
  // Asking must not create a data set, nor change one.
  const client = (await findServer(config)) ?? ((await holdsData(config)) ? await look(config) : null)
  try {
    const data = client && (await client.execute(StorageDocument, {}))
    const facts = { server: client?.socket ?? null, backend: config.storageBackend, dataDir: resolve(config.dataDir), data }
    console.log(
      json ? JSON.stringify({ server: facts.server, dataDir: facts.dataDir, storage: null, overview: null, ...data }) : sentences(facts),
    )
  } finally {
    await client?.close()
  }
}

function sentences({ server, backend, dataDir, data }: Facts): string {
  if (!data)
    return `There is no data in ${backend === 'redis' ? `this Redis, nor in ${dataDir},` : dataDir} yet: npm start or npm run demo makes some.`
  const { storage, overview } = data
  return [
    server ? `A server is running: ${server}` : 'No server is running here; this looked into the store itself.',
    ...storageSentences(storage),
    `Data directory: ${dataDir}`,
    `${counted(overview.users, 'user', 'users')}, ${overview.activeUsers} active in the last 24 h; ${counted(overview.openAlerts, 'open alert', 'open alerts')}.`,
  ].join('\n')
}
