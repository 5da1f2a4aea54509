import { networkInterfaces } from 'node:os'
import { createClient } from 'graphql-ws'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { post, startApp } from './app.ts'

const VIEWER = '{ viewer { name role } }'
const viewer = async (url: string, headers: Record<string, string> = {}) =>
  (await (await post(url, JSON.stringify({ query: VIEWER }), headers)).json()).data.viewer

test('whoever calls from this machine is who they say', async () => {
  const { url } = await startApp()
  expect(await viewer(url, { 'x-actor': encodeURIComponent(' 李老师 ') })).toEqual({ name: '李老师', role: 'SUPERVISOR' })
  expect(await viewer(url)).toBeNull()
})

test.each(['', '%', '%20', 'x'.repeat(201)])('%j is nobody', async (name) => {
  const { url } = await startApp()
  expect(await viewer(url, { 'x-actor': name })).toBeNull()
})

test('a WebSocket says it when it is opened', async () => {
  const { url } = await startApp()
  const client = createClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: { 'x-actor': 'wang' },
  })
  onTestFinished(() => void client.dispose())
  const { value } = await client.iterate({ query: VIEWER }).next()
  expect(value).toMatchObject({ data: { viewer: { name: 'wang' } } })
})

const outside = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address

test.skipIf(!outside)('from elsewhere nobody is believed', async () => {
  const { url } = await startApp({ HOST: '0.0.0.0' })
  expect(await viewer(url.replace('localhost', outside ?? ''), { 'x-actor': 'li' })).toBeNull()
})
