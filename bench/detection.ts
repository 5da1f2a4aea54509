import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import * as z from 'zod'
import { type Bench, settled } from './bench.ts'
import { recordOne } from './requests.ts'

const NEWS = 'subscription { storageStatus { mode } }'
const Message = z.object({ data: z.object({ storageStatus: z.object({ mode: z.string() }) }) })

/** After how many ms a subscriber hears that Redis, which was killed, is not used any more. */
export async function crashNoticed({ server, redis }: Bench): Promise<number> {
  const client = createClient({ url: (server.url ?? '').replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 })
  let killedAt = 0
  let killed: Promise<void> | undefined
  try {
    for await (const message of client.iterate({ query: NEWS })) {
      const { mode } = Message.parse(message).data.storageStatus
      if (mode === 'FALLBACK') break
      if (killed) continue
      killedAt = performance.now()
      killed = redis.kill()
    }
    const noticed = performance.now() - killedAt
    await killed
    await redis.restart()
    await settled(server)
    return noticed
  } finally {
    await client.dispose()
  }
}

/** After how many ms a recording is acknowledged that finds Redis hanging. */
export async function hangNoticed({ server, redis }: Bench): Promise<number> {
  redis.freeze()
  const began = performance.now()
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(server.url ?? '', { method: 'POST', headers, body: recordOne(0) })
  const { data } = z.object({ data: z.object({ recordConversation: z.object({ durability: z.string() }) }) }).parse(await response.json())
  const took = performance.now() - began
  redis.thaw()
  if (data.recordConversation.durability !== 'JOURNAL') throw new Error('Redis has not hung')
  await settled(server)
  return took
}
