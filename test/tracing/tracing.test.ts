import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { loadConfig } from '../../src/config.ts'
import { isTracing } from '../../src/tracing/span.ts'
import { startRedis } from '../helpers/redis.ts'
import { graphql, post, startApp } from '../http/app.ts'

const Attribute = z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) })
const Span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  attributes: z.array(Attribute),
})
const Batch = z.object({
  resourceSpans: z.array(
    z.object({ resource: z.object({ attributes: z.array(Attribute) }), scopeSpans: z.array(z.object({ spans: z.array(Span) })) }),
  ),
})
type Span = z.output<typeof Span>

/** A collector on this machine, and what it was sent. */
async function collector() {
  const bodies: string[] = []
  const server = createServer(async (req, res) => {
    bodies.push(await text(req))
    res.end('{}')
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const spans = () =>
    bodies.flatMap((body) =>
      Batch.parse(JSON.parse(body)).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((each) => each.spans)),
    )
  return { endpoint: `http://127.0.0.1:${port}`, bodies, spans }
}

const attributesOf = ({ attributes }: Span) => Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** The span with this name in a trace, and those that it is part of, from the outermost on. */
function pathTo(spans: readonly Span[], traceId: string, name: string): string[] {
  const path: Span[] = []
  for (let span = spans.find((each) => each.traceId === traceId && each.name === name); span; ) {
    path.unshift(span)
    const { parentSpanId } = span
    span = spans.find(({ spanId }) => spanId === parentSpanId)
  }
  return path.map((span) => span.name)
}

const Served = z.object({ extensions: z.object({ storage: z.object({ served: z.string() }) }) })

/** Asks until Redis serves. */
async function byRedis(ask: () => Promise<unknown>): Promise<void> {
  while (Served.parse(await ask()).extensions.storage.served !== 'REDIS');
}

const RECORD = 'mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate } }'
const SAID = { userId: 'somebody-traced', query: '谁也不该看到', response: 'nobody may read this', riskLevel: 'HIGH' }

test('a request is traced from HTTP to the script that Redis runs, as part of the trace that its caller names, and nobody’s words are in it', async () => {
  const [redis, { endpoint, bodies, spans }] = [await startRedis(), await collector()]
  onTestFinished(() => redis.stop())
  const { app, url } = await startApp({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
  const [trace, caller] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
  const body = (query: string, variables: object) => JSON.stringify({ query, variables })
  // On a busy machine Redis may not be in charge yet, or not all the time.
  await byRedis(() => post(url, body(RECORD, { input: SAID }), { traceparent: `00-${trace}-${caller}-01` }).then((answer) => answer.json()))
  await byRedis(() => graphql(url, '{ user(userId: "somebody-traced") { totalChats conversations { edges { node { query } } } } }'))
  await graphql(url, 'mutation { clearHistory(userId: "nobody-traced") { removedConversations } }')
  await fetch(new URL('/somebody-traced?x=1', url))
  await app.close()
  expect(isTracing()).toBe(false)

  const all = spans()
  expect(pathTo(all, trace, 'redis append')).toEqual(['POST /graphql', 'mutation recordConversation', 'store append', 'redis append'])
  const served = all.find(({ name, traceId }) => name === 'POST /graphql' && traceId === trace)
  expect(served?.parentSpanId).toBe(caller)
  expect(served && attributesOf(served)).toEqual({
    'http.request.method': 'POST',
    'http.route': '/graphql',
    'http.response.status_code': 200,
  })
  const reads = all.filter(({ name }) => name === 'query user').map(({ traceId }) => pathTo(all, traceId, 'redis read'))
  expect(reads).toContainEqual(['POST /graphql', 'query user', 'store read', 'redis read'])
  expect(all.filter(({ name }) => name.startsWith('store ')).map((span) => attributesOf(span)['xinyi.store'])).toContain('REDIS')
  expect(all.filter(({ name }) => name === 'mutation clearHistory').map((span) => attributesOf(span)['error.type'])).toEqual(['NOT_FOUND'])
  expect(all.map(({ name }) => name)).toContain('GET other')
  // Nothing that the service does of itself.
  expect(all.filter(({ name, parentSpanId }) => !parentSpanId && !/^(GET|POST) /.test(name))).toEqual([])
  const sent = bodies.join('\n')
  for (const word of ['-traced', SAID.query, SAID.response]) expect(sent.includes(word), word).toBe(false)
  expect(sent).toContain('"stringValue":"xinyi"')
})

test('a collector that is not there holds nobody up, and a request whose caller does not trace it is not sent', async () => {
  const { app, url } = await startApp({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1/v1/traces' })
  expect(await graphql(url, RECORD, { input: SAID })).toMatchObject({ data: { recordConversation: { duplicate: false } } })
  await app.close()
  const { endpoint, spans } = await collector()
  const second = await startApp({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
  await post(second.url, JSON.stringify({ query: '{ overview { users } }' }), { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00` })
  await second.app.close()
  expect(spans()).toEqual([])
})

test('a stranger decides neither whether a request is sampled nor whose trace it is in', async () => {
  const { endpoint, spans } = await collector()
  const { app, url } = await startApp({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, AUTH: 'on' })
  const traced = (flags: string, headers: Record<string, string>) =>
    post(url, JSON.stringify({ query: '{ overview { users } }' }), {
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-${flags}`,
      ...headers,
    })
  for (const authorization of ['', 'Bearer nonsense']) {
    expect((await traced('00', { authorization })).status).toBe(401)
    expect((await traced('01', { authorization })).status).toBe(401)
  }
  expect((await traced('01', { origin: 'https://evil.example' })).status).toBe(403)
  await app.close()
  expect(spans().map(({ name, parentSpanId }) => [name, parentSpanId ?? ''])).toEqual(Array(5).fill(['POST /graphql', '']))
  expect(spans().map(({ traceId }) => traceId)).not.toContain('a'.repeat(32))
})

test('where no OTEL_ variable asks for it nothing is traced, and nothing of OpenTelemetry is loaded', async () => {
  for (const env of [
    {},
    { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' },
    { OTEL_SDK_DISABLED: 'true', OTEL_TRACES_EXPORTER: 'otlp' },
  ])
    expect(loadConfig(env).tracing).toBeNull()
  expect(loadConfig({ OTEL_TRACES_EXPORTER: 'otlp' }).tracing?.url).toBe('http://localhost:4318/v1/traces')
  expect(() => loadConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector', OTEL_TRACES_SAMPLER: 'half' })).toThrow(
    /OTEL_EXPORTER_OTLP_ENDPOINT has to be a URL.*OTEL_TRACES_SAMPLER has to be one of/s,
  )
  const importing = (pattern: RegExp) => globSync('src/**/*.ts').filter((file) => pattern.test(readFileSync(file, 'utf8')))
  expect(importing(/@opentelemetry\//)).toEqual(['src/tracing/otel.ts'])
  expect(importing(/from '[^']*tracing\/otel\.ts'/)).toEqual([])
})
