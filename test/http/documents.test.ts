import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { getIntrospectionQuery } from 'graphql'
import { createClient } from 'graphql-ws'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import manifest from '../../src/gql/persisted-documents.json' with { type: 'json' }
import { tempDir } from '../helpers/temp.ts'
import { post, raise, startApp, watchStore } from './app.ts'
import { bearer } from './tokens.ts'

const idOf = (operation: string): string => Object.entries(manifest).find(([, text]) => text.includes(operation))?.[0] ?? ''
const TOPICS = idOf('query Topics(')
const NEWS = idOf('subscription RiskAlertNews(')
const LI = { role: 'SUPERVISOR', name: 'li' } as const

const ask = async (url: string, body: object, headers: Record<string, string> = {}) => {
  const answer = await post(url, JSON.stringify(body), { accept: 'application/graphql-response+json', ...headers })
  return { status: answer.status, ...(await answer.json()) }
}

/** The id of what a WebSocket answers to a message for an operation, and its payload. */
async function overWebSocket(url: string, headers: Record<string, string>, payload: object) {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers })
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  socket.send('{"type":"connection_init"}')
  await once(socket, 'message')
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }))
  return JSON.parse(String((await once(socket, 'message'))[0]))
}

describe('a known document is served by its id', () => {
  test('over HTTP, by POST and by GET', async () => {
    const { url } = await startApp()
    await raise(url)
    expect(await ask(url, { documentId: TOPICS, variables: { first: 3 } })).toMatchObject({
      status: 200,
      data: { topics: { totalCount: 0 } },
    })
    const query = new URLSearchParams({ documentId: TOPICS, variables: '{"first":3}' })
    expect(await (await fetch(`${url}?${query}`)).json()).toMatchObject({ data: { topics: { totalCount: 0 } } })
  })

  test('over WebSocket, with and without an empty query, and as server-sent events', async () => {
    const { url } = await startApp()
    for (const payload of [{ documentId: TOPICS }, { query: '', documentId: TOPICS }])
      expect(await overWebSocket(url, {}, payload)).toMatchObject({ type: 'next', payload: { data: { topics: { totalCount: 0 } } } })
    const begun = await post(url, JSON.stringify({ documentId: NEWS }), { accept: 'text/event-stream' })
    const reader = begun.body?.getReader()
    expect(String(Buffer.from((await reader?.read())?.value ?? []))).toMatch(/^id: /)
    await raise(url)
    expect(String(Buffer.from((await reader?.read())?.value ?? []))).toContain('RAISED')
    await reader?.cancel()
  })

  test('of a manifest of the team’s own, too', async () => {
    const dir = tempDir()
    onTestFinished(dir.remove)
    const query = 'query Ours { overview { users } }'
    const id = `sha256:${createHash('sha256').update(query).digest('hex')}`
    const file = join(dir.path, 'documents.json')
    writeFileSync(file, JSON.stringify({ [id]: query, ours: '{ __typename }' }))
    const { url } = await startApp({ TRUSTED_DOCUMENTS_FILE: file })
    expect(await ask(url, { documentId: id })).toMatchObject({ data: { overview: { users: 0 } } })
    expect(await ask(url, { documentId: 'ours' })).toMatchObject({ data: { __typename: 'Query' } })
    writeFileSync(file, JSON.stringify({ [id]: `${query} ` }))
    await expect(startApp({ TRUSTED_DOCUMENTS_FILE: file })).rejects.toThrow(/is another one/)
  })
})

test('an id that is not known is refused as such, everywhere, without its words, and touches no store', async () => {
  const { app, url } = await startApp()
  const seen = watchStore(app)
  const unknown = { code: 'PERSISTED_QUERY_NOT_FOUND', hint: expect.stringContaining('TRUSTED_DOCUMENTS_FILE') }
  const body = { documentId: 'sha256:private' }
  expect(await ask(url, body)).toMatchObject({ status: 400, errors: [{ extensions: unknown }] })
  expect(await (await fetch(`${url}?documentId=private`)).json()).toMatchObject({ errors: [{ extensions: unknown }] })
  expect(await overWebSocket(url, {}, body)).toMatchObject({ type: 'error', payload: [{ extensions: unknown }] })
  const events = await post(url, JSON.stringify(body), { accept: 'text/event-stream' })
  const said = await events.text()
  expect(said).toContain('PERSISTED_QUERY_NOT_FOUND')
  expect(said).not.toContain('private')
  expect(seen).toEqual([])
  expect(await ask(url, { documentId: TOPICS, query: '{ __typename }' })).toMatchObject({
    errors: [{ extensions: { code: 'BAD_USER_INPUT', field: 'documentId' } }],
  })
  const off = await startApp({ TRUSTED_DOCUMENTS: 'off' })
  expect(await ask(off.url, { documentId: TOPICS })).toMatchObject({ errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] })
})

describe('where only known documents are served', () => {
  test('any other is refused, over every way in, and touches no store', async () => {
    const { app, url, config } = await startApp({ AUTH: 'on', TRUSTED_DOCUMENTS: 'only' })
    const headers = await bearer(config, LI)
    // That she has signed in is kept beside what she asks.
    await ask(url, { documentId: TOPICS }, headers)
    await vi.waitFor(async () => expect(await app.services.store.staff()).toHaveLength(1))
    const seen = watchStore(app)
    const refused = { code: 'FORBIDDEN', hint: expect.stringContaining('documentId') }
    for (const query of ['{ overview { users } }', getIntrospectionQuery(), 'subscription { riskAlerts { cursor } }', '{ nonsense'])
      expect(await ask(url, { query }, headers)).toMatchObject({ status: 403, errors: [{ extensions: refused }] })
    const get = await fetch(`${url}?query={overview{users}}`, { headers })
    expect(await get.json()).toMatchObject({ errors: [{ extensions: refused }] })
    expect(await overWebSocket(url, headers, { query: '{ overview { users } }' })).toMatchObject({ payload: [{ extensions: refused }] })
    const news = JSON.stringify({ query: 'subscription { riskAlerts { cursor } }' })
    expect(await (await post(url, news, { ...headers, accept: 'text/event-stream' })).text()).toContain('FORBIDDEN')
    expect(seen).toEqual([])
    expect(await ask(url, { documentId: TOPICS }, headers)).toMatchObject({ data: { topics: { totalCount: 0 } } })
    const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0, connectionParams: headers })
    onTestFinished(() => void client.dispose())
    const byId = { query: '', documentId: TOPICS }
    expect((await client.iterate(byId).next()).value).toMatchObject({ data: { topics: { totalCount: 0 } } })
  })

  test('whoever comes over the socket may ask for anything, as the commands do', async () => {
    const { dataDir } = await startApp({ AUTH: 'on', TRUSTED_DOCUMENTS: 'only' })
    const options = {
      socketPath: join(dataDir, 'xinyi.sock'),
      path: '/graphql',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    }
    const [answer] = await once(request(options).end('{"query":"{ overview { users } }"}'), 'response')
    expect(JSON.parse(await text(answer))).toMatchObject({ data: { overview: { users: 0 } } })
  })

  test('there is no GraphiQL, and a page that says why', async () => {
    const { url } = await startApp({ AUTH: 'on', TRUSTED_DOCUMENTS: 'only' })
    const page = await fetch(url, { headers: { accept: 'text/html' } })
    expect([page.status, await page.text()]).toEqual([403, expect.stringContaining('TRUSTED_DOCUMENTS=only')])
  })
})
