import { openThread, type Remote } from '../../thread/remote.ts'
import type { Replica } from './replica.ts'

/** A replica in a thread of its own. */
export type RemoteReplica = Remote<Replica>

/** Opens the file. Rejects with a StartError that says why it can't be used. */
export const openReplica = (path: string): Promise<RemoteReplica> => openThread<Replica>(new URL('./worker.ts', import.meta.url), { path })
