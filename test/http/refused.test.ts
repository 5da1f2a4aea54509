import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { createClient as createSseClient } from 'graphql-sse'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type RunningApp, startApp, watchStore } from './app.ts'
import { bearer } from './tokens.ts'

const QUERY = '{ overview { users } user(userId: "ada") { totalChats } }'
const RECORD = 'mutation { recordConversation(input: { userId: "ada", query: "q", response: "r", riskLevel: HIGH }) { duplicate } }'
const ALERTS = 'subscription { riskAlerts { event { kind } alert { user { userId } } } }'
const asJson = (query: string) => JSON.stringify({ query })
const JSON_TYPE = { 'content-type': 'application/json' }

/** What shows nothing, or nothing that counts. */
const STRANGERS: Record<string, Record<string, string>> = {
  nothing: {},
  'a name': { 'x-actor': 'li' },
  'a token that is none': { authorization: 'Bearer nonsense' },
  'an unsigned token': {
    authorization: `Bearer ${['{"alg":"none"}', '{"sub":"li","role":"ADMIN"}'].map((part) => Buffer.from(part).toString('base64url')).join('.')}.`,
  },
  'a password': { authorization: 'Basic cm9vdDpyb290' },
  'a cookie that was made up': { cookie: 'xinyi_session=nonsense; __Host-xinyi_session=nonsense' },
}

async function send(url: string, method: string, headers: Record<string, string>, body = '') {
  const [answer] = await once(request(url, { method, headers }).end(body), 'response')
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) }
}

async function closeOf(url: string, headers: Record<string, string>, payload: object): Promise<{ code: number; said: string[] }> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers })
  onTestFinished(() => socket.terminate())
  const said: string[] = []
  socket.on('message', (data) => said.push(String(data)))
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload }))
  // Neither waits until it is let in, nor stops when it is not.
  for (const query of [QUERY, RECORD, ALERTS]) socket.send(JSON.stringify({ id: query, type: 'subscribe', payload: { query } }))
  const [code] = await once(socket, 'close')
  return { code, said }
}

describe.each(Object.entries(STRANGERS))('who shows %s', (_, shown) => {
  let running: RunningApp
  let seen: string[]
  beforeEach(async () => {
    running = await startApp({ AUTH: 'on' })
    seen = watchStore(running.app)
  })

  test('is answered 401 with what to do, by whatever way over HTTP, and touches no store', async () => {
    const { url } = running
    const get = (query: string) => `${url}?query=${encodeURIComponent(query)}`
    const at = (path: string) => url.replace('/graphql', path)
    const ways = [
      await send(url, 'POST', { ...shown, ...JSON_TYPE }, asJson(QUERY)),
      await send(url, 'POST', { ...shown, ...JSON_TYPE }, asJson(RECORD)),
      await send(url, 'POST', { ...shown, ...JSON_TYPE, accept: 'text/event-stream' }, asJson(ALERTS)),
      await send(url, 'POST', { ...shown, ...JSON_TYPE, accept: 'multipart/mixed' }, asJson(ALERTS)),
      // What would be refused if it were read is not read.
      await send(url, 'POST', { ...shown, ...JSON_TYPE }, '{'),
      await send(url, 'POST', { ...shown, 'content-type': 'text/plain' }, asJson(QUERY)),
      await send(get(QUERY), 'GET', shown),
      await send(get(ALERTS), 'GET', { ...shown, accept: 'text/event-stream' }),
      await send(get('{ __schema { types { name } } }'), 'GET', shown),
      await send(url, 'PUT', shown, asJson(QUERY)),
      await send(url, 'OPTIONS', shown),
      await send(at('/session'), 'GET', shown),
      await send(at('/session'), 'DELETE', shown),
      await send(at('/metrics'), 'GET', shown),
      await send(at('/nothing'), 'GET', shown),
    ]
    for (const { status, headers, body } of ways) {
      expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer'])
      expect(JSON.parse(body)).toEqual({
        errors: [{ message: expect.any(String), extensions: { code: 'UNAUTHENTICATED', hint: expect.any(String) } }],
      })
    }
    expect(seen).toEqual([])
  })

  test('is shut out of WebSockets, whatever is sent meanwhile, and touches no store', async () => {
    for (const [headers, payload] of [
      [shown, {}],
      [{}, shown],
    ] as const) {
      const { code, said } = await closeOf(running.url, headers, payload)
      expect([4401, 4403]).toContain(code)
      expect(said).toEqual([])
    }
    expect(seen).toEqual([])
  })

  test('is shown how to sign in, where a browser asks for a page', async () => {
    const { status, body } = await send(running.url, 'GET', { ...shown, accept: 'text/html' })
    expect([status, body.includes('npx xinyi token'), body.includes('graphiql')]).toEqual([200, true, false])
    expect(seen).toEqual([])
  })
})

test('a body that nobody may send is not waited for', async () => {
  const { url } = await startApp({ AUTH: 'on' })
  const asked = request(url, { method: 'POST', headers: { ...JSON_TYPE, 'content-length': 1_000_000 } })
  asked.on('error', () => {})
  asked.write('{')
  const [answer] = await once(asked, 'response')
  expect(answer.statusCode).toBe(401)
  asked.destroy()
})

test('a connection that was cut off is not taken for the socket in the data directory', async () => {
  const { url, app } = await startApp({ AUTH: 'on' })
  const seen = watchStore(app)
  for (let i = 0; i < 20; i += 1) {
    const asked = request(url, { method: 'POST', headers: JSON_TYPE })
    asked.on('error', () => {})
    asked.end(asJson(RECORD))
    const [socket] = await once(asked, 'socket')
    if (socket.connecting) await once(socket, 'connect')
    socket.resetAndDestroy()
  }
  expect((await send(url, 'POST', JSON_TYPE, asJson(QUERY))).status).toBe(401)
  expect(seen).toEqual([])
})

describe('a subscription ends with the token that it came with', () => {
  const LIFE_S = 2
  const short = async ({ config }: RunningApp) =>
    bearer(config, { role: 'SUPERVISOR', name: 'li', expiresAt: Math.floor(Date.now() / 1_000) + LIFE_S })

  test('over a WebSocket with the code 4401', async () => {
    const running = await startApp({ AUTH: 'on' })
    const socket = new WebSocket(running.url.replace('http', 'ws'), 'graphql-transport-ws')
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init', payload: await short(running) }))
    await once(socket, 'message')
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: ALERTS } }))
    expect((await once(socket, 'close'))[0]).toBe(4401)
  })

  test('as server-sent events with an error, complete', async () => {
    const running = await startApp({ AUTH: 'on' })
    const client = createSseClient({ url: running.url, retryAttempts: 0, headers: await short(running) })
    onTestFinished(() => client.dispose())
    const results = []
    for await (const result of client.iterate({ query: ALERTS })) results.push(result)
    expect(results).toEqual([{ errors: [expect.objectContaining({ extensions: { code: 'UNAUTHENTICATED', hint: expect.any(String) } })] }])
  })
})
