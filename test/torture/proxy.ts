import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import * as z from 'zod'
import type { FaultProxy, ProxyTarget } from '../helpers/proxy.ts'

export const Order = z.object({ act: z.enum(['hang', 'cut', 'slow', 'dropReplies', 'heal', 'close']), ms: z.number().default(0) })
type Order = z.infer<typeof Order>

/** The way of one instance to Redis. */
export type FaultyLink = Pick<FaultProxy, 'url' | 'hang' | 'cut' | 'slow' | 'heal' | 'close'> & { dropReplies(resetAfterMs: number): void }

/** A proxy in a thread of its own: however much the clients and subscribers here have to do, the network is only as slow as a fault makes it. */
export async function startLink(target: ProxyTarget): Promise<FaultyLink> {
  const worker = new Worker(new URL('./proxy.worker.ts', import.meta.url), { workerData: target })
  const [url] = await once(worker, 'message')
  const tell = (act: Order['act'], ms = 0) => worker.postMessage({ act, ms } satisfies Order)
  return {
    url: z.string().parse(url),
    hang: () => tell('hang'),
    cut: () => tell('cut'),
    slow: (ms) => tell('slow', ms),
    dropReplies: (resetAfterMs) => tell('dropReplies', resetAfterMs),
    heal: () => tell('heal'),
    async close() {
      tell('close')
      await once(worker, 'exit')
    },
  }
}
