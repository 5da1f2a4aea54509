import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { startApp, watchStore } from './app.ts'
import { bearer } from './tokens.ts'

const DASHBOARD = 'https://dashboard.example'
const BODY = JSON.stringify({ query: '{ __typename }' })

/** Sends just these headers, as fetch does not let one. */
async function send(url: string, method: string, headers: Record<string, string>, body = '') {
  const outgoing = request(url, { method, headers: { 'content-type': 'application/json', ...headers } }).end(body)
  const [answer] = await once(outgoing, 'response')
  return { status: answer.statusCode, headers: answer.headers, code: /"code":"(\w+)"/.exec(await text(answer))?.[1] }
}

test('a page of another origin gets nothing, whatever it asks, and no store is asked', async () => {
  const { url, app } = await startApp({ ALLOWED_ORIGINS: DASHBOARD })
  const seen = watchStore(app)
  const query = `${url}?query=${encodeURIComponent('{ overview { users } }')}`
  for (const origin of ['https://elsewhere.example', 'null', `${DASHBOARD}.evil.example`, 'http://dashboard.example', 'nonsense']) {
    for (const [method, address] of [
      ['POST', url],
      ['GET', query],
      ['OPTIONS', url],
      ['GET', url.replace('/graphql', '/health/ready')],
    ] as const) {
      const answer = await send(address, method, { origin }, method === 'POST' ? BODY : '')
      expect([answer.status, answer.code], `${method} from ${origin}`).toEqual([403, 'FORBIDDEN'])
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  }
  for (const site of ['cross-site', 'same-site']) {
    expect((await send(query, 'GET', { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' })).status).toBe(403)
    expect((await send(query, 'GET', { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' })).status).toBe(
      403,
    )
  }
  expect(seen).toEqual([])
})

test('its own pages, links to it and whoever is no browser are served', async () => {
  const { url } = await startApp()
  const { origin } = new URL(url)
  const post = async (headers: Record<string, string>) => (await send(url, 'POST', headers, BODY)).status
  expect(await post({})).toBe(200)
  expect(await post({ origin, 'sec-fetch-site': 'same-origin' })).toBe(200)
  expect((await send(`${url}?query={__typename}`, 'GET', { 'sec-fetch-site': 'none' })).status).toBe(200)
  const link = { accept: 'text/html', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  expect((await send(url, 'GET', link)).status).toBe(200)
})

test('a page of a listed origin may ask, and read the answer', async () => {
  const { url } = await startApp({ ALLOWED_ORIGINS: `http://localhost:3000, ${DASHBOARD}` })
  const asked = await send(url, 'OPTIONS', {
    origin: DASHBOARD,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type',
  })
  expect(asked).toMatchObject({
    status: 204,
    headers: {
      'access-control-allow-origin': DASHBOARD,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': expect.stringContaining('authorization'),
      vary: 'origin',
    },
  })
  const answer = await send(url, 'POST', { origin: DASHBOARD, 'sec-fetch-site': 'cross-site' }, BODY)
  expect(answer).toMatchObject({
    status: 200,
    headers: { 'access-control-allow-origin': DASHBOARD, 'access-control-expose-headers': expect.stringContaining('retry-after') },
  })
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { origin: DASHBOARD })
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
})

describe('behind a proxy that ends TLS', () => {
  const PUBLIC_URL = 'https://xinyi.example'

  test('the name that browsers use is its own, whatever Host the proxy sends', async () => {
    const { url, config } = await startApp({ PUBLIC_URL, AUTH: 'on' })
    const token = await bearer(config, { role: 'COUNSELOR', name: 'li' })
    expect((await send(url, 'POST', { host: 'xinyi.example', origin: PUBLIC_URL, ...token }, BODY)).status).toBe(200)
    expect((await send(url, 'POST', { origin: PUBLIC_URL, ...token }, BODY)).status).toBe(200)
    expect((await send(url, 'POST', { host: 'other.example' }, BODY)).status).toBe(421)
  })

  test('browsers are told to come by TLS alone, and without one they are not', async () => {
    const sent = async (env: Record<string, string>) => {
      const { url } = await startApp({ AUTH: 'on', ...env })
      return (await send(url, 'POST', {}, BODY)).headers['strict-transport-security']
    }
    expect(await sent({ PUBLIC_URL })).toBe('max-age=31536000')
    expect(await sent({ PUBLIC_URL: 'http://xinyi.example' })).toBeUndefined()
    expect(await sent({})).toBeUndefined()
  })
})

test('no answer is sniffed, framed, kept or embedded by another page', async () => {
  const { url } = await startApp()
  for (const answer of [
    await send(url, 'POST', {}, BODY),
    await send(url, 'POST', {}, '{'),
    await send(url.replace('/graphql', '/nothing'), 'GET', {}),
    await send(url, 'GET', { host: 'evil.example' }),
    await send(url, 'GET', { accept: 'text/html' }),
  ]) {
    expect(answer.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': expect.stringMatching(/^no-/),
      'content-security-policy': expect.stringMatching(/^default-src 'none'.*frame-ancestors 'none'$/),
      'cross-origin-resource-policy': 'same-origin',
    })
  }
})
