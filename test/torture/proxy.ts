import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { spawnTied } from '../helpers/children.ts'
import type { FaultProxy } from '../helpers/proxy.ts'

const CHILD = fileURLToPath(new URL('proxy.child.ts', import.meta.url))

export const Order = z.object({ act: z.enum(['hang', 'cut', 'slow', 'dropReplies', 'heal']), ms: z.number() })
type Order = z.infer<typeof Order>

/** The way of one instance to Redis. */
export type FaultyLink = Pick<FaultProxy, 'url' | 'hang' | 'cut' | 'slow' | 'heal' | 'close'> & { dropReplies(resetAfterMs: number): void }

/** A proxy in a process of its own: however much the clients and subscribers here have to do, the network is only as slow as a fault makes it. */
export async function startLink(socket: string): Promise<FaultyLink> {
  const child = spawnTied(process.execPath, [CHILD, socket], { stdio: ['pipe', 'pipe', 'inherit'] })
  const { stdin, stdout } = child
  if (!stdin || !stdout) throw new Error('no pipes')
  const [url] = await once(createInterface({ input: stdout }), 'line')
  const tell = (act: Order['act'], ms = 0) => stdin.write(`${JSON.stringify({ act, ms } satisfies Order)}\n`)
  return {
    url: z.string().parse(url),
    hang: () => tell('hang'),
    cut: () => tell('cut'),
    slow: (ms) => tell('slow', ms),
    dropReplies: (resetAfterMs) => tell('dropReplies', resetAfterMs),
    heal: () => tell('heal'),
    async close() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
