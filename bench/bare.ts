// Started by bench/benches.ts as a process of its own: the least that a server does which keeps batches in the same two stores as ours. It reads the JSON,
// has it journaled, writes the same kinds of keys with plain commands, and answers. It checks nothing, counts what comes twice twice, and nothing is atomic.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker } from 'node:worker_threads'
import { type ChainableCommander, Redis } from 'ioredis'
import * as z from 'zod'

export interface Batch {
  /** Index of its first conversation. */
  n: number
  /** When it came (ms). */
  at: number
  /** What `recordMany` (requests.ts) makes. */
  body: string
}

const Body = z.object({
  variables: z.object({
    input: z.array(
      z.object({
        ...{ userId: z.string(), idempotencyKey: z.string(), query: z.string(), response: z.string() },
        ...{ emotionScore: z.number(), topics: z.array(z.string()) },
      }),
    ),
  }),
})
type Conversation = z.infer<typeof Body>['variables']['input'][number]

export const conversationsIn = (body: string): Conversation[] => Body.parse(JSON.parse(body)).variables.input

function write(redis: ChainableCommander, n: number, at: number, conversation: Conversation): void {
  const { userId: user, idempotencyKey: id, emotionScore: score, topics } = conversation
  const local = new Date(at).toISOString()
  const element = JSON.stringify({ at, rank: 1, id, timestamp: local, ...conversation })
  const own = (name: string): string => `xinyi:user:${user}:${name}`
  redis.xadd('xinyi:log', `${n}-0`, 'origin', 'o', 'seq', n, 'id', id, 'user', user, 'kind', 'recorded', 'at', at, 'body', element)
  redis.lpush(`user:${user}:conversations`, element)
  redis.lpush(`user:${user}:emotions`, JSON.stringify({ at, rank: 1, id, timestamp: local, score, risk: 'low' }))
  redis.hset(`user:${user}:profile`, 'total_chats', n, 'total_risk_alerts', 0, 'last_active', local)
  redis.hset(own('tally'), ...topics.flatMap((name) => [name, `1 ${at} ${at}`]))
  redis.hset(own('seen'), id, `${at} ${id}`)
  redis.zadd(own('ids'), at, id)
  redis.rpush(own('entries'), n)
  redis.hset(
    'xinyi:users',
    user,
    JSON.stringify({ rev: n, created: at, chats: n, risks: 0, accepted: at, active: at, last: [[at, id, 1]] }),
  )
  redis.zadd('xinyi:order:active', at, user)
  redis.zadd('xinyi:order:risk', 1e13 + at, user)
}

async function serve(redisUrl: string, file: string): Promise<void> {
  const redis = new Redis(redisUrl)
  const tables = new Worker(fileURLToPath(new URL('bare-tables.ts', import.meta.url)), { workerData: file })
  const journaled = new Map<number, () => void>()
  tables.on('message', (n: number) => {
    journaled.get(n)?.()
    journaled.delete(n)
  })
  let last = 0
  const server = createServer(async (request, response) => {
    const body = (await buffer(request)).toString()
    const conversations = conversationsIn(body)
    const [n, at] = [last + 1, Date.now()]
    last += conversations.length
    const { promise, resolve } = Promise.withResolvers<void>()
    journaled.set(n, resolve)
    tables.postMessage({ n, at, body } satisfies Batch)
    await promise
    const pipeline = redis.pipeline()
    for (const [i, conversation] of conversations.entries()) write(pipeline, n + i, at, conversation)
    await pipeline.exec()
    const text = JSON.stringify({ data: { recordConversations: conversations.map(() => ({ duplicate: false })) } })
    response.setHeader('content-length', Buffer.byteLength(text)).end(text)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`)
}

if (isMainThread) {
  const [redisUrl = '', file = ''] = process.argv.slice(2)
  await serve(redisUrl, file)
}
