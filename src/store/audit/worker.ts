import { workerData } from 'node:worker_threads'
import { z } from 'zod'
import { serveThread } from '../thread/worker.ts'
import { Ledger } from './ledger.ts'

const files = z.object({ path: z.string(), headPath: z.string() }).parse(workerData)
serveThread(() => new Ledger(files))
