import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient } from 'graphql-ws'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { StorageNewsDocument, type StorageNewsSubscription } from '../../src/gql/graphql.ts'
import { inAgreement, inFallback, until } from '../helpers/joined.ts'
import { startRedis } from '../helpers/redis.ts'
import { graphql, startApp } from './app.ts'

const query = StorageNewsDocument.toString()

const clients = [
  {
    name: 'graphql-ws',
    listen(url: string) {
      const client = createWsClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 })
      onTestFinished(() => void client.dispose())
      return client.iterate<StorageNewsSubscription>({ query })
    },
  },
  {
    name: 'graphql-sse',
    listen(url: string) {
      const client = createSseClient({ url, retryAttempts: 0 })
      onTestFinished(() => client.dispose())
      return client.iterate<StorageNewsSubscription>({ query })
    },
  },
]

async function startJoined() {
  const redis = await startRedis({ keepDir: true })
  onTestFinished(redis.remove)
  const started = await startApp({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url })
  const { store } = started.app.services
  await until(store, inAgreement)
  return { ...started, redis, store }
}

test.each(clients)('$name tells how the stores are doing, while Redis goes away and comes back', async ({ listen }) => {
  const { url, redis, store } = await startJoined()
  const news = listen(url)
  const modes: (string | undefined)[] = []
  const heardOf = async (mode: string) => {
    while (modes.at(-1) !== mode) modes.push((await news.next()).value?.data?.storageStatus.mode)
  }
  await heardOf('PRIMARY')
  await redis.kill()
  // Nobody but a request, or the tail of the log, notices.
  await graphql(url, '{ overview { users } }')
  await heardOf('FALLBACK')
  await redis.restart()
  await heardOf('PRIMARY')
  expect(modes[0]).toBe('PRIMARY')
  await until(store, inAgreement)
  await news.return?.()
})

test('/health/ready is 200 in fallback too, and says the mode', async () => {
  const { url, redis, store } = await startJoined()
  const ready = async () => {
    const response = await fetch(url.replace('/graphql', '/health/ready'))
    return { status: response.status, body: await response.json() }
  }
  expect(await ready()).toEqual({
    status: 200,
    body: { status: 'ready', store: { backend: 'REDIS', mode: 'PRIMARY', answering: true, complete: true } },
  })
  await redis.kill()
  expect(await ready()).toMatchObject({ status: 200 })
  await until(store, inFallback)
  expect(await ready()).toEqual({
    status: 200,
    body: { status: 'ready', store: { backend: 'SQLITE', mode: 'FALLBACK', answering: true, complete: true } },
  })
})

test('a request notices nothing of Redis going away but `served`', async () => {
  const { url, redis } = await startJoined()
  const record = (query: string) =>
    graphql(
      url,
      'mutation ($query: String!) { recordConversation(input: { userId: "u", query: $query, response: "r" }) { user { totalChats } } }',
      {
        query,
      },
    )
  expect(await record('1')).toMatchObject({ extensions: { storage: { served: 'REDIS' } } })
  await redis.kill()
  expect(await record('2')).toEqual({
    data: { recordConversation: { user: { totalChats: 2 } } },
    extensions: { storage: { served: 'SQLITE', pendingWrites: 1 } },
  })
})
