import { workerData } from 'node:worker_threads'
import { z } from 'zod'
import { serveThread } from '../thread/worker.ts'
import { JoinedReplica } from './replica.ts'

const { path } = z.object({ path: z.string() }).parse(workerData)
serveThread(() => new JoinedReplica(path))
