import { parentPort, workerData } from 'node:worker_threads'
import * as z from 'zod'
import { startProxy } from '../helpers/proxy.ts'
import { Order } from './proxy.ts'

const proxy = await startProxy(z.object({ path: z.string() }).parse(workerData))
parentPort?.on('message', async (message: unknown) => {
  const { act, ms } = Order.parse(message)
  if (act === 'slow' || act === 'dropReplies') return proxy[act](ms)
  await proxy[act]()
  if (act === 'close') parentPort?.close()
})
parentPort?.postMessage(proxy.url)
