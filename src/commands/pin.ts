import type { Config } from '../config.ts'
import { StartError } from '../errors.ts'
import { PinStorageDocument } from '../gql/graphql.ts'
import type { Pin } from '../store/store.ts'
import { findServer } from './client.ts'
import { storageSentences } from './sentences.ts'

/** Moves the running server off Redis, or lets it go back, and prints how its stores are doing then. */
export async function pin(config: Config, to: Pin, { json = false }: { json?: boolean } = {}): Promise<void> {
  const server = await findServer(config)
  if (!server) throw new StartError(`No server is running on the data directory ${config.dataDir}, so there is nothing to pin.`)
  try {
    const { pinStorage } = await server.execute(PinStorageDocument, { to: to === 'sqlite' ? 'SQLITE' : 'AUTO' })
    console.log(json ? JSON.stringify(pinStorage) : storageSentences(pinStorage).join('\n'))
  } finally {
    await server.close()
  }
}
