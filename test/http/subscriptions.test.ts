import { on, once } from 'node:events'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient } from 'graphql-ws'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { App } from '../../src/app.ts'
import { ALERTS, raise, startApp } from './app.ts'

interface Message {
  data?:
    | {
        riskAlerts: { cursor: string; replayed: boolean; event: { kind: string }; alert: { user: { userId: string; totalChats: number } } }
      }
    | null
    | undefined
  errors?: readonly unknown[] | undefined
}
type Subscribe = (variables?: Record<string, unknown>) => AsyncIterableIterator<Message>

// In a test environment yoga pings so often that a subscription which ends only with the next ping would seem to end at once.
beforeEach(() => {
  vi.stubEnv('NODE_ENV', 'production')
})

/** Tells when a subscription has begun in the feed, and when it was let go. */
function watchFeed({ services: { feed } }: App) {
  const subscribe = feed.subscribe.bind(feed)
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  feed.subscribe = async (asked) => {
    const messages = await subscribe(asked)
    const end = messages.return?.bind(messages)
    messages.return = async (value) => {
      const result = end ? await end(value) : { done: true as const, value }
      ended.resolve()
      return result
    }
    begun.resolve()
    return messages
  }
  return { begun: begun.promise, ended: ended.promise }
}

const clients: { name: string; connect(url: string): { subscribe: Subscribe; dispose(): unknown } }[] = [
  {
    name: 'graphql-ws',
    connect(url) {
      const client = createWsClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0, lazyCloseTimeout: 0 })
      onTestFinished(() => void client.dispose())
      return { subscribe: (variables = {}) => client.iterate({ query: ALERTS, variables }), dispose: () => client.terminate() }
    },
  },
  {
    name: 'graphql-sse',
    connect(url) {
      const client = createSseClient({ url, retryAttempts: 0 })
      onTestFinished(() => client.dispose())
      return { subscribe: (variables = {}) => client.iterate({ query: ALERTS, variables }), dispose: () => client.dispose() }
    },
  },
]

describe.each(clients)('a subscription with $name, on the port of everything else', ({ connect }) => {
  test('tells what happens as it happens, each time with the alert as it is then', async () => {
    const { app, url } = await startApp()
    const { begun } = watchFeed(app)
    const messages = connect(url).subscribe()
    const first = messages.next()
    await begun
    await raise(url)
    expect((await first).value).toMatchObject({
      data: { riskAlerts: { replayed: false, event: { kind: 'RAISED' }, alert: { user: { totalChats: 1 } } } },
    })
    await raise(url)
    expect((await messages.next()).value).toMatchObject({
      data: { riskAlerts: { event: { kind: 'OCCURRED' }, alert: { user: { totalChats: 2 } } } },
    })
  })

  test('goes on behind a cursor', async () => {
    const { app, url } = await startApp()
    const { begun } = watchFeed(app)
    const messages = connect(url).subscribe()
    const first = messages.next()
    await begun
    await raise(url)
    const { data } = (await first).value
    await messages.return?.()
    await raise(url, 'bob')
    const resumed = connect(url).subscribe({ after: data?.riskAlerts.cursor })
    expect((await resumed.next()).value).toMatchObject({ data: { riskAlerts: { replayed: true, alert: { user: { userId: 'bob' } } } } })
  })

  test('says what is wrong with a cursor', async () => {
    const { url } = await startApp()
    const asked = connect(url).subscribe({ after: 'nonsense' })
    const answer = await asked.next().catch((error) => ({ value: { errors: error } }))
    expect(JSON.stringify(answer)).toContain('"code":"BAD_USER_INPUT"')
  })

  test('ends on the server when its client completes it', async () => {
    const { app, url } = await startApp()
    const { begun, ended } = watchFeed(app)
    const messages = connect(url).subscribe()
    messages.next()
    await begun
    await messages.return?.()
    await ended
  })

  test('ends on the server when its client goes away', async () => {
    const { app, url } = await startApp()
    const { begun, ended } = watchFeed(app)
    const client = connect(url)
    client
      .subscribe()
      .next()
      .catch(() => {})
    await begun
    client.dispose()
    await ended
  })
})

describe('a WebSocket', () => {
  const open = async (url: string, options = {}) => {
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', options)
    onTestFinished(() => socket.terminate())
    return socket
  }
  const init = async (socket: WebSocket) => {
    await once(socket, 'open')
    socket.send('{"type":"connection_init"}')
    await once(socket, 'message')
  }

  test('serves queries and mutations too, and tells errors as HTTP does', async () => {
    const { url } = await startApp()
    const client = createWsClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 })
    onTestFinished(() => void client.dispose())
    const ask = async (query: string) => (await client.iterate({ query }).next()).value
    expect(await ask('{ overview { users } }')).toMatchObject({
      data: { overview: { users: 0 } },
      extensions: { storage: { served: 'SQLITE', pendingWrites: 0 } },
    })
    expect(await ask('mutation { clearHistory(userId: "nobody") { removedConversations } }')).toMatchObject({
      errors: [{ extensions: { code: 'NOT_FOUND' } }],
    })
    await expect(ask('{ nonsense }')).rejects.toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }])
    await expect(ask('{ "private" }')).rejects.toMatchObject([{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }])
    await expect(ask('query A { __typename } query B { __typename }')).rejects.toMatchObject([{ message: expect.any(String) }])
  })

  test('is closed when a message is too long', async () => {
    const { url, log } = await startApp({ MAX_BODY_BYTES: '2000' })
    const socket = await open(url)
    await init(socket)
    socket.send('x'.repeat(2_001))
    const [code] = await once(socket, 'close')
    expect(code).toBe(1009)
    expect(log.filter((line) => line.includes('xxx'))).toEqual([])
  })

  test('is closed when a client says what only a server may, which is no failure of the server', async () => {
    const { url, log } = await startApp()
    const socket = await open(url)
    await init(socket)
    socket.send('{"id":"1","type":"next","payload":{}}')
    expect((await once(socket, 'close'))[0]).toBe(4400)
    expect(log.filter((line) => line.includes('failed unexpectedly'))).toEqual([])
  })

  test('runs at most 100 operations at a time', async () => {
    const { url } = await startApp()
    const socket = await open(url)
    await init(socket)
    const messages = on(socket, 'message')
    for (let id = 0; id <= 100; id += 1) socket.send(JSON.stringify({ id: `${id}`, type: 'subscribe', payload: { query: ALERTS } }))
    let message = { type: 'ping' }
    while (message.type === 'ping') message = JSON.parse(String((await messages.next()).value?.[0]))
    expect(message).toMatchObject({ id: '100', type: 'error', payload: [{ extensions: { code: 'RATE_LIMITED' } }] })
  })

  test('is not given to a page of another site', async () => {
    const { url } = await startApp()
    for (const origin of ['http://elsewhere.example', 'null', 'nonsense']) {
      const [error] = await once(await open(url, { origin }), 'error')
      expect(error.message).toContain('403')
    }
    await init(await open(url, { origin: new URL(url).origin }))
  })

  test('is not given elsewhere', async () => {
    const { url } = await startApp()
    const [error] = await once(await open(url.replace('/graphql', '/health/live')), 'error')
    expect(error.message).toContain('404')
  })
})
