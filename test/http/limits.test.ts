import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createClient } from 'graphql-ws'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { ALERTS, post, startApp, watchStore } from './app.ts'
import { bearer, tokenFor } from './tokens.ts'

const QUERY = JSON.stringify({ query: '{ overview { users } }' })
const LI = { role: 'SUPERVISOR', name: 'li' } as const

/** A bare connection. */
async function open(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
const codeOf = (answer: string): string | undefined => /"code":"(\w+)"/.exec(answer)?.[1]
const request = (body = QUERY, more = ''): string =>
  `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`

describe('requests of one token', () => {
  test('beyond its rate are refused, with how long to wait, and touch no store; others are served', async () => {
    const { app, url, config } = await startApp({ AUTH: 'on', RATE_LIMIT_PER_MINUTE: '3' })
    const headers = await bearer(config, LI)
    const other = await bearer(config, { role: 'SUPERVISOR', name: 'wang' })
    for (let i = 0; i < 3; i += 1) expect((await post(url, QUERY, headers)).status).toBe(200)
    const seen = watchStore(app)
    const refused = await post(url, QUERY, headers)
    const { errors } = await refused.json()
    expect([refused.status, errors[0].extensions]).toEqual([429, { code: 'RATE_LIMITED', hint: expect.stringContaining('Try again in') }])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(15)
    expect((await fetch(`${url}?query={overview{users}}`, { headers })).status).toBe(429)
    expect(seen).toEqual([])
    expect((await post(url, QUERY, other)).status).toBe(200)
  })

  test('count with those of the sessions that were begun with it', async () => {
    const { url, config } = await startApp({ AUTH: 'on', RATE_LIMIT_PER_MINUTE: '2' })
    const token = await tokenFor(config, LI)
    const signIn = async () => {
      const answer = await post(url.replace('/graphql', '/session'), JSON.stringify({ token }))
      return { cookie: answer.headers.getSetCookie()[0]?.split(';')[0] ?? '' }
    }
    const statuses = []
    for (const headers of [await signIn(), { authorization: `Bearer ${token}` }, await signIn()])
      statuses.push((await post(url, QUERY, headers)).status)
    expect(statuses).toEqual([200, 200, 429])
  })

  test('count over WebSocket too', async () => {
    const { url, config } = await startApp({ AUTH: 'on', RATE_LIMIT_PER_MINUTE: '2' })
    const client = createClient({
      url: url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { ...(await bearer(config, LI)) },
    })
    onTestFinished(() => void client.dispose())
    const ask = async () => (await client.iterate({ query: '{ overview { users } }' }).next()).value
    await ask()
    await ask()
    await expect(ask()).rejects.toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }])
  })

  test('of a service are not limited unless that is asked for, and whoever comes over the socket never', async () => {
    const { url, config, dataDir } = await startApp({ AUTH: 'on', RATE_LIMIT_PER_MINUTE: '1' })
    const headers = await bearer(config, { role: 'SERVICE', name: 'back end' })
    const asking = JSON.stringify({ query: '{ __typename }' })
    for (let i = 0; i < 5; i += 1) expect((await post(url, asking, headers)).status).toBe(200)
    const socket = connect(join(dataDir, 'xinyi.sock'))
    for (let i = 0; i < 4; i += 1) socket.write(request())
    socket.end(request(QUERY, 'Connection: close\r\n'))
    expect((await text(socket)).match(/HTTP\/1\.1 200/g)).toHaveLength(5)
    const limited = await startApp({ AUTH: 'on', RATE_LIMIT_SERVICE_PER_MINUTE: '1' })
    const service = await bearer(limited.config, { role: 'SERVICE', name: 'back end' })
    expect((await post(limited.url, asking, service)).status).toBe(200)
    expect((await post(limited.url, asking, service)).status).toBe(429)
  })
})

test('one subscription too many of a token is refused, over WebSocket and as events alike, until another has ended', async () => {
  const { url, config } = await startApp({ AUTH: 'on', MAX_SUBSCRIPTIONS_PER_TOKEN: '2' })
  const headers = await bearer(config, LI)
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers })
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  const { promise: refused, resolve } = Promise.withResolvers<unknown>()
  socket.on('message', (data) => {
    const message = JSON.parse(String(data))
    if (message.id === '3') resolve(message)
  })
  socket.send('{"type":"connection_init"}')
  await once(socket, 'message')
  for (const id of ['1', '2', '3']) socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query: ALERTS } }))
  expect(await refused).toMatchObject({
    type: 'next',
    payload: { errors: [{ extensions: { code: 'RATE_LIMITED', hint: expect.any(String) } }] },
  })
  const listen = () => post(url, JSON.stringify({ query: ALERTS }), { ...headers, accept: 'text/event-stream' })
  expect(await (await listen()).text()).toContain('"code":"RATE_LIMITED"')
  socket.send('{"id":"1","type":"complete"}')
  // Told in its turn, so that the one before has ended.
  socket.send('{"type":"ping"}')
  await once(socket, 'message')
  const events = await listen()
  expect(String(Buffer.from((await events.body?.getReader().read())?.value ?? []))).toMatch(/^id: /)
})

describe('connections', () => {
  test.each([
    ['in all', { MAX_CONNECTIONS: '2' }, 503],
    ['of one address', { MAX_CONNECTIONS_PER_ADDRESS: '2' }, 429],
  ])('%s: one too many is told so and closed, and there is room again when another has closed', async (_, env, status) => {
    const { app, url } = await startApp(env)
    const held = [await open(url), await open(url)]
    const seen = watchStore(app)
    const refused = await open(url)
    refused.write(request())
    const answer = await text(refused)
    expect([statusOf(answer), codeOf(answer)]).toEqual([status, 'RATE_LIMITED'])
    expect(answer).toMatch(/retry-after: \d/i)
    const upgrade = await open(url)
    upgrade.write('GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    expect(codeOf(await text(upgrade))).toBe('RATE_LIMITED')
    expect(seen).toEqual([])
    const [first] = held
    first?.end()
    if (first) await once(first, 'close')
    const admitted = await open(url)
    admitted.write(request(QUERY, 'Connection: close\r\n'))
    expect(statusOf(await text(admitted))).toBe(200)
  })

  test('that say nothing when they are too many are closed', async () => {
    const { url } = await startApp({ MAX_CONNECTIONS_PER_ADDRESS: '1' })
    await open(url)
    await once((await open(url)).resume(), 'close')
  })

  test('over the socket are not counted', async () => {
    const { dataDir, url } = await startApp({ MAX_CONNECTIONS: '1' })
    await open(url)
    const socket = connect(join(dataDir, 'xinyi.sock'))
    socket.write(request(QUERY, 'Connection: close\r\n'))
    expect(statusOf(await text(socket))).toBe(200)
  })
})

describe('who is slow or sends nonsense gets an error in the shape of all others, and touches no store', () => {
  const slow: [name: string, sent: string][] = [
    ['headers that do not end', 'POST /graphql HTTP/1.1\r\nHost: localhost\r\n'],
    [
      'a body that does not come',
      'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{',
    ],
  ]
  test.each(slow)('%s', async (_, sent) => {
    const { app, url } = await startApp({ REQUEST_TIMEOUT_SECONDS: '1' })
    const seen = watchStore(app)
    const socket = await open(url)
    socket.write(sent)
    const answer = await text(socket)
    expect([statusOf(answer), codeOf(answer)]).toEqual([408, 'BAD_USER_INPUT'])
    expect(seen).toEqual([])
  })

  test.each([
    ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'BAD_USER_INPUT'],
    ['no address', 'GET\r\n\r\n', 400, 'BAD_USER_INPUT'],
    ['two lengths', 'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400, 'BAD_USER_INPUT'],
    ['long headers', `GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`, 431, 'PAYLOAD_TOO_LARGE'],
    ['an upgrade elsewhere', 'GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 404, 'NOT_FOUND'],
  ])('%s', async (_, sent, status, code) => {
    const { app, url } = await startApp()
    const seen = watchStore(app)
    const socket = await open(url)
    socket.write(sent)
    const answer = await text(socket)
    expect([statusOf(answer), codeOf(answer)]).toEqual([status, code])
    expect(seen).toEqual([])
  })
})

describe('a WebSocket', () => {
  test('of a stranger who sends much is cut off', async () => {
    const { url } = await startApp({ AUTH: 'on' })
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws')
    socket.on('error', () => {})
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: 'x'.repeat(100_000) } }))
    const [code] = await once(socket, 'close')
    expect(code).toBe(1006)
  })

  test('that floods is slowed down, loses nothing, and hinders nobody', async () => {
    const { url, config } = await startApp({ AUTH: 'on' })
    const token = await tokenFor(config, LI)
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws')
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }))
    await once(socket, 'message')
    // More than may come at once (2,000) and one read of the socket (64 KB) can bring: what has been read is answered.
    const FLOOD = 6_000
    let pongs = 0
    const { promise: answered, resolve } = Promise.withResolvers<void>()
    socket.on('message', () => {
      pongs += 1
      if (pongs === FLOOD) resolve()
    })
    const began = performance.now()
    for (let i = 0; i < FLOOD; i += 1) socket.send('{"type":"ping"}')
    expect((await post(url, QUERY, { authorization: `Bearer ${token}` })).status).toBe(200)
    await answered
    expect(performance.now() - began).toBeGreaterThan(1_000)
  })
})
