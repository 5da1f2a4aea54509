import { once } from 'node:events'
import { request } from 'node:http'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient } from 'graphql-ws'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Role } from '../../src/model.ts'
import { ALERTS, post, startApp, watchStore } from './app.ts'
import { tokenFor } from './tokens.ts'

const VIEWER = '{ viewer { name role } }'
const QUERY = JSON.stringify({ query: VIEWER })

/** A running server, and a browser that signs in there with a token. */
async function signedIn(env: Record<string, string> = {}, role: Role = 'COUNSELOR') {
  const { url, config, newCode, app } = await startApp({ AUTH: 'on', ...env })
  const session = url.replace('/graphql', '/session')
  const signIn = (given: object) => post(session, JSON.stringify(given))
  const answer = await signIn({ token: await tokenFor(config, { role, name: '李老师', sub: 'li' }) })
  const [setCookie = ''] = answer.headers.getSetCookie()
  return { url, session, signIn, answer, setCookie, cookie: setCookie.split(';')[0] ?? '', newCode, app }
}

const viewerOf = async (url: string, headers: Record<string, string>) => (await (await post(url, QUERY, headers)).json()).data?.viewer

test('whoever has a token signs a browser in with it, for 12 hours, by a cookie that no script and no other site gets', async () => {
  const { url, answer, setCookie, cookie } = await signedIn()
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({ name: '李老师', roles: ['COUNSELOR'], expiresAt: expect.any(String) })
  expect(setCookie).toMatch(/^xinyi_session=[\w-]{43}; Max-Age=(43200|431\d\d); Path=\/; HttpOnly; SameSite=Strict$/)
  expect(await viewerOf(url, { cookie: `theme=dark; ${cookie}` })).toEqual({ name: '李老师', role: 'COUNSELOR' })
})

test('behind a proxy with TLS the cookie is for TLS alone', async () => {
  const { url, setCookie, cookie } = await signedIn({ PUBLIC_URL: 'https://xinyi.example' })
  expect(setCookie).toMatch(/^__Host-xinyi_session=.*; Path=\/; HttpOnly; SameSite=Strict; Secure$/)
  expect(await viewerOf(url, { cookie })).toMatchObject({ name: '李老师' })
  expect(await viewerOf(url, { cookie: cookie.replace('__Host-', '') })).toBeUndefined()
})

test('the code of a link signs one browser in, as a supervisor', async () => {
  const { signIn, newCode } = await signedIn()
  const code = newCode()
  const answer = await signIn({ code })
  expect([answer.status, (await answer.json()).roles]).toEqual([200, ['SUPERVISOR']])
  const again = await signIn({ code })
  expect([again.status, again.headers.getSetCookie()]).toEqual([401, []])
  expect(await again.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED', hint: expect.any(String) } }] })
})

test('guesses at the code are worth nothing, and ten of them make it worthless', async () => {
  const { signIn, newCode } = await signedIn()
  const code = newCode()
  for (let i = 0; i < 10; i += 1) expect((await signIn({ code: `guess-${i}` })).status).toBe(401)
  expect((await signIn({ code })).status).toBe(401)
})

test('who tries to sign in too often from one address is told when to try again, and no store is asked', async () => {
  const { signIn, newCode, app, url, cookie } = await signedIn()
  const code = newCode()
  const seen = watchStore(app)
  for (let i = 1; i < 30; i += 1) expect((await signIn({ token: 'guess' })).status).toBe(401)
  const refused = await signIn({ code })
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^[12]$/)])
  expect(await refused.json()).toMatchObject({
    errors: [{ extensions: { code: 'RATE_LIMITED', hint: expect.stringContaining('Try again in') } }],
  })
  expect(seen).toEqual([])
  expect(await viewerOf(url, { cookie })).toMatchObject({ role: 'COUNSELOR' })
})

test.each([
  ['neither', {}],
  ['both', { code: 'x', token: 'y' }],
  ['no text', { code: 1 }],
  ['something else', { password: 'x' }],
])('a body with %s is told what to send', async (_, given) => {
  const { signIn } = await signedIn()
  const answer = await signIn(given)
  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({
    errors: [{ extensions: { code: 'BAD_USER_INPUT', hint: expect.stringContaining('token') } }],
  })
})

test('a form of another site, or a page of it, can not sign anybody in or out', async () => {
  const { session, cookie, newCode } = await signedIn()
  const body = JSON.stringify({ code: newCode() })
  expect((await fetch(session, { method: 'POST', body, headers: { 'content-type': 'text/plain' } })).status).toBe(415)
  const origin = 'http://localhost:1'
  expect((await post(session, body, { origin })).status).toBe(403)
  expect((await fetch(session, { method: 'DELETE', headers: { cookie, origin } })).status).toBe(403)
  expect((await fetch(session, { headers: { cookie } })).status).toBe(200)
})

test('a page of another origin can not use the cookie', async () => {
  const { url, cookie } = await signedIn()
  expect((await post(url, QUERY, { cookie, origin: 'http://localhost:1' })).status).toBe(403)
  expect((await fetch(`${url}?query={__typename}`, { headers: { cookie, 'sec-fetch-site': 'same-site' } })).status).toBe(403)
})

describe('signing out', () => {
  test('ends the session for good', async () => {
    const { url, session, cookie } = await signedIn()
    const out = await fetch(session, { method: 'DELETE', headers: { cookie } })
    expect([out.status, out.headers.getSetCookie()]).toEqual([204, [expect.stringMatching(/^xinyi_session=; Max-Age=0; Path=\//)]])
    expect((await post(url, QUERY, { cookie })).status).toBe(401)
  })

  test('ends its subscriptions', async () => {
    const { url, session, cookie } = await signedIn()
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers: { cookie } })
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    socket.send('{"type":"connection_init"}')
    await once(socket, 'message')
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: ALERTS } }))
    const stream = await fetch(url, {
      method: 'POST',
      headers: { cookie, accept: 'text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify({ query: ALERTS }),
    })
    const [[code], events] = await Promise.all([
      once(socket, 'close'),
      stream.text(),
      fetch(session, { method: 'DELETE', headers: { cookie } }),
    ])
    expect(code).toBe(4401)
    expect(events).toMatch(/event: next\ndata: .*"UNAUTHENTICATED".*\n\nevent: complete/)
  })
})

test('a WebSocket takes the cookie too, and so do server-sent events', async () => {
  const { url, cookie } = await signedIn({}, 'ADMIN')
  class Browser extends WebSocket {
    constructor(address: string, protocol: string) {
      super(address, protocol, { headers: { cookie } })
    }
  }
  const overSocket = createWsClient({ url: url.replace('http', 'ws'), webSocketImpl: Browser, retryAttempts: 0 })
  onTestFinished(() => void overSocket.dispose())
  expect((await overSocket.iterate({ query: VIEWER }).next()).value).toMatchObject({ data: { viewer: { name: '李老师' } } })

  const events = createSseClient({ url, headers: { cookie }, retryAttempts: 0 })
  onTestFinished(() => events.dispose())
  const { value } = await events.iterate({ query: 'subscription { storageStatus { mode } }' }).next()
  expect(value).toMatchObject({ data: { storageStatus: { mode: 'EMBEDDED' } } })
})

test('GraphiQL is for those who are signed in; others are told how', async () => {
  const { url, session, cookie } = await signedIn()
  const page = async (address: string, headers: Record<string, string>) => {
    const answer = await fetch(address, { headers: { accept: 'text/html', ...headers } })
    return { status: answer.status, text: await answer.text(), etag: answer.headers.get('etag'), vary: answer.headers.get('vary') }
  }
  const mine = await page(url, { cookie })
  expect([mine.status, mine.text.includes('GraphiQL'), mine.vary]).toEqual([200, true, expect.stringContaining('cookie')])
  const strangers = await page(url, { 'if-none-match': mine.etag ?? '' })
  expect([strangers.status, strangers.text.includes('Sign in'), strangers.text.length < 10_000]).toEqual([200, true, true])
  expect((await page(session, {})).text).toBe(strangers.text)
})

test('a request that has not come whole when its session ends is refused, so that nothing goes on behind the end', async () => {
  const { url, session, cookie } = await signedIn()
  const body = JSON.stringify({ query: ALERTS })
  const headers = { cookie, accept: 'text/event-stream', 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const late = request(url, { method: 'POST', headers: { ...headers, expect: '100-continue' } })
  late.flushHeaders()
  // By then it is known who asks.
  await once(late, 'continue')
  late.write(body.slice(0, 5))
  expect(await viewerOf(url, { cookie })).toMatchObject({ name: '李老师' })
  expect((await fetch(session, { method: 'DELETE', headers: { cookie } })).status).toBe(204)
  late.end(body.slice(5))
  const [answer] = await once(late, 'response')
  answer.resume()
  expect(answer.statusCode).toBe(401)
})
