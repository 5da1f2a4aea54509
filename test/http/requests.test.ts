import { once } from 'node:events'
import { IncomingMessage, request, ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { readBody } from '../../src/http/body.ts'
import { serveGraphQL } from '../../src/http/graphql.ts'
import type { Caller } from '../../src/model.ts'
import { ALERTS, graphql, post, startApp } from './app.ts'

const QUERY = JSON.stringify({ query: '{ overview { users } }' })

describe('a body beyond the cap', () => {
  const refused = {
    errors: [
      { message: 'The request body has more than 2000 bytes.', extensions: { code: 'PAYLOAD_TOO_LARGE', hint: expect.any(String) } },
    ],
  }

  test('is refused by its length before it is read, and by its bytes where it names none; the next request is served', async () => {
    const { url } = await startApp({ MAX_BODY_BYTES: '2000' })
    const named = await post(url, 'x'.repeat(2_001))
    expect([named.status, await named.json()]).toEqual([413, refused])
    const unnamed = request(url, { method: 'POST', headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' } })
    for (let bytes = 0; bytes <= 2_000; bytes += 500) unnamed.write('x'.repeat(500))
    const [answer] = await once(unnamed, 'response')
    expect([answer.statusCode, JSON.parse(await text(answer))]).toEqual([413, refused])
    expect(answer.headers.connection).toBe('close')
    unnamed.destroy()
    expect((await post(url, `${QUERY}${' '.repeat(2_000 - QUERY.length)}`)).status).toBe(200)
  })

  test('is answered also to a client that reads only when it has sent all', async () => {
    const { url } = await startApp({ MAX_BODY_BYTES: '2000' })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    const size = 4 * 1024 * 1024
    socket.write(`POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${size}\r\n\r\n`)
    await new Promise((sent) => socket.write('x'.repeat(size), sent))
    const answer = await text(socket)
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(answer).toContain('PAYLOAD_TOO_LARGE')
  })
})

test('the body of a client that is gone already is not waited for', async () => {
  const gone = new IncomingMessage(new Socket()).destroy()
  await once(gone, 'close')
  await expect(readBody(gone, 1_000)).rejects.toThrow('cut off')
})

test.each([
  ['a query', { query: '{ overview { users } }' }, 'application/json'],
  ['a query whose answer is negotiated', { query: '{ overview { users } }' }, 'application/json;charset=utf-8'],
  ['a subscription', { query: ALERTS }, 'text/event-stream'],
])(
  'a client that is gone when the answer to %s is ready leaves nothing behind that waits for the end of its token',
  async (_, body, accept) => {
    const { yoga, services } = (await startApp()).app
    const watches = new Set<() => void>()
    const authenticator = {
      onEnd(_: unknown, ended: () => void) {
        watches.add(ended)
        return () => void watches.delete(ended)
      },
    }
    const req = new IncomingMessage(new Socket())
    Object.assign(req, { method: 'POST', url: '/graphql', headers: { 'content-type': 'application/json', accept } })
    req.push(JSON.stringify(body))
    req.push(null)
    const res = new ServerResponse(req)
    const endpoint = { yoga, authenticator, documents: services.documents, maxBodyBytes: 1_000, streams: new Set<ServerResponse>() }
    const caller: Caller = { sub: 'li', name: 'li', roles: ['SUPERVISOR'] }
    const answering = serveGraphQL(endpoint, { req, res, caller })
    res.on('error', () => {}).destroy()
    await answering
    expect([watches.size, endpoint.streams.size]).toEqual([0, 0])
  },
)

describe('a server on loopback', () => {
  const asking = async (url: string, host: string, headers: Record<string, string> = {}) => {
    const outgoing = request(url, { headers: { host, ...headers } }).end()
    const [answer] = await Promise.race([once(outgoing, 'response'), once(outgoing, 'upgrade')])
    outgoing.destroy()
    return answer.statusCode
  }

  test('answers to the names of this machine alone, so that no page of another site can have its own lead here', async () => {
    const { url } = await startApp()
    const health = url.replace('/graphql', '/health/live')
    for (const host of ['localhost', 'LOCALHOST:1234', '127.0.0.1:80', '[::1]:8001']) expect(await asking(health, host)).toBe(200)
    const websocket = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    }
    for (const host of ['evil.example', 'localhost.evil.example', '10.0.0.1', 'a b']) {
      expect(await asking(health, host)).toBe(421)
      expect(await asking(url, host, websocket)).toBe(421)
    }
    expect(await asking(url, 'localhost', { ...websocket, 'sec-websocket-protocol': 'graphql-transport-ws' })).toBe(101)
  })

  test('takes no request with two of them, of which a proxy may have gone by the other', async () => {
    const { url } = await startApp()
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.end('GET /health/live HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\n\r\n')
    const answer = await text(socket)
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(answer).toContain('more than one Host header')
  })

  test('beyond loopback it can not know its names, and answers to all', async () => {
    const { url } = await startApp({ HOST: '0.0.0.0', AUTH: 'on' })
    expect(await asking(url.replace('/graphql', '/health/live'), 'xinyi.example')).toBe(200)
  })
})

describe('GraphQL over HTTP', () => {
  test('takes 16,000 emoji and gives them back', async () => {
    const { url } = await startApp()
    const query = '😀'.repeat(16_000)
    const answer = await graphql(
      url,
      'mutation ($query: String!) { recordConversation(input: { userId: "u", query: $query, response: "" }) { conversation { query } } }',
      { query },
    )
    expect(answer.data.recordConversation.conversation.query).toBe(query)
  })

  test('takes JSON alone: no form that a page of another site could send, and nothing that is not UTF-8', async () => {
    const { url } = await startApp()
    for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain', 'application/graphql']) {
      expect((await post(url, QUERY, { 'content-type': type })).status).toBe(415)
    }
    expect((await fetch(url, { method: 'POST' })).status).toBe(415)
    const latin1 = Buffer.from('{"query":"{ user(userId: \\"é\\") { userId } }"}', 'latin1')
    const answer = await post(url, latin1)
    expect([answer.status, (await answer.json()).errors[0].extensions.code]).toEqual([400, 'BAD_USER_INPUT'])
    expect((await post(url, '')).status).toBe(400)
    expect((await post(url, QUERY, { 'content-type': 'application/json; charset=utf-8' })).status).toBe(200)
  })

  test('logs no word of a request, whether it works or fails', async () => {
    const { url, log } = await startApp({ LOG_LEVEL: 'trace' })
    const secret = 'something-private'
    await graphql(url, `query ${secret.replace('-', '_')} { user(userId: "${secret}") { userId } }`)
    await graphql(
      url,
      `mutation { recordConversation(input: { userId: "${secret}", query: "${secret}", response: "r", riskLevel: HIGH }) { duplicate } }`,
    )
    await graphql(url, `{ ${secret} }`)
    await post(url, `{"query": "${secret}`)
    await fetch(`${url}?${secret}`)
    await fetch(url.replace('/graphql', `/${secret}`))
    expect(log.filter((line) => line.includes('"request"'))).toHaveLength(6)
    expect(log.join('').replaceAll('_', '-')).not.toContain(secret)
  })

  test('a client that goes away in the middle of its body disturbs nobody', async () => {
    const { url, log } = await startApp()
    const going = request(url, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': 1000 } })
    going.on('error', () => {})
    going.write('{"query":')
    const [socket] = await once(going, 'socket')
    if (socket.connecting) await once(socket, 'connect')
    going.destroy()
    expect((await post(url, QUERY)).status).toBe(200)
    expect(log.filter((line) => line.includes('"level":50'))).toEqual([])
  })
})

describe('beside GraphQL', () => {
  test('health says that the process lives, and that the store answers', async () => {
    const { url, app } = await startApp()
    const health = (name: string, init?: RequestInit) => fetch(url.replace('/graphql', `/health/${name}`), init)
    const live = await health('live')
    expect([live.status, await live.json()]).toEqual([200, { status: 'live' }])
    const ready = await health('ready')
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: 'ready', store: { backend: 'SQLITE', mode: 'EMBEDDED', answering: true, complete: true } },
    ])
    expect((await health('live', { method: 'HEAD' })).status).toBe(200)
    expect((await health('ready', { method: 'POST' })).status).toBe(405)
    await app.services.store.close()
    const gone = await health('ready')
    expect([gone.status, await gone.json()]).toEqual([
      503,
      { status: 'unavailable', store: { backend: 'SQLITE', mode: null, answering: false, complete: false } },
    ])
    expect((await health('live')).status).toBe(200)
  })

  test('there is nothing', async () => {
    const { url } = await startApp()
    for (const path of ['/', '/graphqlx', '/graphql/', '/health', '/../etc/passwd', '//elsewhere.example/graphql/x']) {
      const answer = await fetch(url.replace('/graphql', path))
      expect([answer.status, (await answer.json()).errors[0].extensions.code]).toEqual([404, 'NOT_FOUND'])
    }
  })

  test('a request line that is no address is answered too', async () => {
    const { url } = await startApp()
    const { port } = new URL(url)
    const strange = request({ port, host: '127.0.0.1', path: '//' }).end()
    const [answer] = await once(strange, 'response')
    expect([answer.statusCode, await text(answer)]).toEqual([404, expect.stringContaining('NOT_FOUND')])
  })
})

test('the socket serves the same, for this account only', async () => {
  const { dataDir } = await startApp()
  const socketPath = join(dataDir, 'xinyi.sock')
  const asked = request({ socketPath, path: '/graphql', method: 'POST', headers: { 'content-type': 'application/json' } }).end(QUERY)
  const [answer] = await once(asked, 'response')
  expect(JSON.parse(await text(answer))).toMatchObject({ data: { overview: { users: 0 } } })
})
