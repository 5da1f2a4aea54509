import { once } from 'node:events'
import { request } from 'node:http'
import { networkInterfaces, userInfo } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { createClient } from 'graphql-ws'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { loadConfig } from '../../src/config.ts'
import { post, startApp } from './app.ts'
import { bearer } from './tokens.ts'

const VIEWER = '{ viewer { name role } }'
const QUERY = JSON.stringify({ query: VIEWER })
const viewer = async (url: string, headers: Record<string, string> = {}) => (await (await post(url, QUERY, headers)).json()).data.viewer

async function viewerOfWebSocket(url: string, connectionParams: Record<string, string>) {
  const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0, connectionParams })
  onTestFinished(() => void client.dispose())
  const { value } = await client.iterate<{ viewer: unknown }>({ query: VIEWER }).next()
  return value?.data?.viewer
}

describe('with authentication off', () => {
  test('whoever calls from this machine is who they say, and else nobody in particular', async () => {
    const { url } = await startApp()
    expect(await viewer(url, { 'x-actor': encodeURIComponent(' 李老师 ') })).toEqual({ name: '李老师', role: 'SUPERVISOR' })
    expect(await viewer(url)).toEqual({ name: 'local', role: 'SUPERVISOR' })
    expect(await viewerOfWebSocket(url, { 'x-actor': 'wang' })).toMatchObject({ name: 'wang' })
  })

  test.each(['', '%', '%20', 'x'.repeat(201)])('%j is no name', async (name) => {
    const { url } = await startApp()
    expect(await viewer(url, { 'x-actor': name })).toMatchObject({ name: 'local' })
  })

  test.each(['0.0.0.0', '::', '192.168.1.5', 'xinyi.example'])('it does not listen at %s', (HOST) => {
    expect(() => loadConfig({ AUTH: 'off', HOST })).toThrow(/AUTH is off and HOST is .* Leave AUTH on, or HOST at 127\.0\.0\.1\./)
  })

  test('no proxy may lead to it', () => {
    expect(() => loadConfig({ AUTH: 'off', PUBLIC_URL: 'https://xinyi.example' })).toThrow(/AUTH is off and PUBLIC_URL is set/)
  })
})

describe('with authentication on', () => {
  test('a token tells who asks, over HTTP and over a WebSocket; x-actor tells nothing', async () => {
    const { url, config } = await startApp({ AUTH: 'on' })
    const { authorization } = await bearer(config, { role: 'COUNSELOR', name: '李老师', sub: 'li' })
    const li = { name: '李老师', role: 'COUNSELOR' }
    expect(await viewer(url, { authorization, 'x-actor': 'wang' })).toEqual(li)
    expect(await viewerOfWebSocket(url, { authorization, 'x-actor': 'wang' })).toEqual(li)
  })

  test('the socket in the data directory is the account that the server runs as', async () => {
    const { dataDir } = await startApp({ AUTH: 'on' })
    const headers = { 'content-type': 'application/json', 'x-actor': 'wang' }
    const asked = request({ socketPath: join(dataDir, 'xinyi.sock'), path: '/graphql', method: 'POST', headers }).end(QUERY)
    const [answer] = await once(asked, 'response')
    expect(await json(answer)).toMatchObject({ data: { viewer: { name: userInfo().username, role: 'SUPERVISOR' } } })
  })

  const outside = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === 'IPv4' && !each.internal)?.address
  test.skipIf(!outside)('it is the same from elsewhere', async () => {
    const { url, config } = await startApp({ AUTH: 'on', HOST: '0.0.0.0' })
    const there = url.replace('localhost', outside ?? '')
    expect((await post(there, QUERY, { 'x-actor': 'li' })).status).toBe(401)
    expect(await viewer(there, await bearer(config, { role: 'ADMIN', name: 'root' }))).toMatchObject({ name: 'root' })
  })
})
