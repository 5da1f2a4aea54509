import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { Role } from '../../src/model.ts'
import { inAgreement, inCharge, until } from '../helpers/joined.ts'
import { startRedis } from '../helpers/redis.ts'
import { ALERTS, graphql, post, type RunningApp, raise, startApp, watchStore } from './app.ts'
import { bearer } from './tokens.ts'

/** The samples of a scrape, by name and labels as they are written. */
async function scrape({ url }: RunningApp): Promise<Map<string, number>> {
  const response = await fetch(new URL('/metrics', url))
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  return samplesOf(await response.text())
}

const samplesOf = (page: string): Map<string, number> =>
  new Map(
    page.split('\n').flatMap((line) => {
      const [, name, value] = /^([^#\s].*) (\S+)$/.exec(line) ?? []
      return name === undefined ? [] : [[name, Number(value)]]
    }),
  )

const operations = (kind: string, field: string, code: string) =>
  `xinyi_graphql_operations_total{operation="${kind}",field="${field}",code="${code}"}`

test('operations are counted by kind, field of the root and outcome, and their time is measured', async () => {
  const running = await startApp()
  await raise(running.url)
  await graphql(running.url, '{ overview { users } }')
  await graphql(running.url, '{ __typename }')
  await graphql(running.url, 'query { ...both } fragment both on Query { overview { users } storage { mode } }')
  await graphql(running.url, 'mutation { eraseUser(userId: "") { erased } }')
  await graphql(running.url, 'mutation { clearHistory(userId: "nobody") { removedConversations } }')
  await graphql(running.url, '{ overview { users }')
  await graphql(running.url, '{ nothing }')
  const samples = await scrape(running)
  const counted = [...samples].filter(([name]) => name.startsWith('xinyi_graphql_operations_total'))
  expect(Object.fromEntries(counted)).toMatchObject({
    [operations('mutation', 'recordConversation', 'OK')]: 1,
    [operations('query', 'overview', 'OK')]: 1,
    [operations('query', 'introspection', 'OK')]: 1,
    [operations('query', 'several', 'OK')]: 1,
    [operations('mutation', 'clearHistory', 'NOT_FOUND')]: 1,
    [operations('none', 'none', 'GRAPHQL_PARSE_FAILED')]: 1,
  })
  expect(samples.get('xinyi_graphql_operation_duration_seconds_count{operation="query",field="overview"}')).toBe(1)
  expect(samples.get('xinyi_store_call_duration_seconds_count{store="SQLITE",call="append"}')).toBeGreaterThan(0)
  expect(samples.get('xinyi_http_requests_total{route="/graphql",status="200"}')).toBeGreaterThan(0)
})

test('what is refused is counted by its code', async () => {
  const running = await startApp({ AUTH: 'on' })
  const counselor = await bearer(running.config, { role: 'COUNSELOR', name: 'Li' })
  await post(running.url, JSON.stringify({ query: '{ storage { mode } }' }), counselor)
  const admin = await bearer(running.config, { role: 'ADMIN', name: 'Wang' })
  const page = await (await fetch(new URL('/metrics', running.url), { headers: admin })).text()
  expect(samplesOf(page).get(operations('query', 'storage', 'FORBIDDEN'))).toBe(1)
})

test('nothing that a caller sent shows, and the series do not grow with it', async () => {
  const running = await startApp()
  const count = async () => [...(await scrape(running)).keys()].filter((name) => name.startsWith('xinyi_')).length
  const send = async (secret: string) => {
    await raise(running.url, `${secret}-user`)
    const named = `query ${secret}Name { ${secret}Alias: user(userId: "${secret}-user") { userId } }`
    await post(running.url, JSON.stringify({ query: named, operationName: `${secret}Name` }))
    await post(running.url, JSON.stringify({ query: named, operationName: `${secret}Other` }))
    await graphql(running.url, `{ ${secret}Field }`)
    await fetch(new URL(`/${secret}?${secret}`, running.url))
    await fetch(new URL(`/api/memory/${secret}-user`, running.url))
    await fetch(running.url, { method: 'PATCH', body: secret })
  }
  // A scrape tells of the scrapes before it.
  await count()
  await send('SECRET1')
  const before = await count()
  await send('SECRET2')
  await send('SECRET3')
  expect(await count()).toBe(before)
  const page = await (await fetch(new URL('/metrics', running.url))).text()
  expect(page).not.toContain('SECRET')
})

test.each([
  ['ADMIN', 200],
  ['SUPERVISOR', 200],
  ['COUNSELOR', 403],
  ['SERVICE', 403],
  [null, 401],
] as const)('%s is answered with %i', async (role: Role | null, status) => {
  const { url, config } = await startApp({ AUTH: 'on' })
  const headers = role ? await bearer(config, { role, name: role }) : {}
  expect((await fetch(new URL('/metrics', url), { headers })).status).toBe(status)
})

test('whoever may open the socket in DATA_DIR may scrape', async () => {
  const { dataDir } = await startApp({ AUTH: 'on' })
  const page = await new Promise<string>((resolve, reject) => {
    request({ socketPath: join(dataDir, 'xinyi.sock'), path: '/metrics' }, (res) => text(res).then(resolve, reject))
      .once('error', reject)
      .end()
  })
  expect(samplesOf(page).get('xinyi_ready')).toBe(1)
})

test('a scrape tells how the store and the alerts are, and who listens', async () => {
  const running = await startApp()
  await raise(running.url, 'ada', 'IMMINENT')
  await raise(running.url, 'bob', 'MEDIUM')
  const listener = await fetch(`${running.url}?query=${encodeURIComponent(ALERTS)}`, { headers: { accept: 'text/event-stream' } })
  onTestFinished(() => listener.body?.cancel())
  while (running.app.services.feed.audience.size === 0) await setImmediate()
  expect(Object.fromEntries(await scrape(running))).toMatchObject({
    xinyi_ready: 1,
    'xinyi_storage_mode{mode="EMBEDDED"}': 1,
    'xinyi_storage_mode{mode="PRIMARY"}': 0,
    xinyi_storage_pending_writes: 0,
    xinyi_users: 2,
    'xinyi_alerts{level="IMMINENT",status="OPEN"}': 1,
    'xinyi_alerts{level="HIGH",status="OPEN"}': 0,
    xinyi_alerts_unassigned_high: 1,
    xinyi_alert_oldest_open_age_seconds: expect.any(Number),
    xinyi_alert_subscribers: 1,
    xinyi_alert_subscribers_dropped_total: 0,
    'xinyi_sqlite_file_bytes{file="database"}': expect.any(Number),
    xinyi_data_disk_free_bytes: expect.any(Number),
    nodejs_eventloop_lag_p99_seconds: expect.any(Number),
    process_cpu_seconds_total: expect.any(Number),
  })
})

test('where no alert is open, and no Redis or webhook configured, nothing is said of them', async () => {
  const names = [...(await scrape(await startApp())).keys()]
  expect(names.filter((name) => /^xinyi_(alert_oldest|redis|webhook|reconciliation)/.test(name))).toEqual([])
})

test('many scrapes are one read of the store', async () => {
  const running = await startApp()
  const seen = watchStore(running.app)
  await Promise.all([scrape(running), scrape(running)])
  await scrape(running)
  expect(seen).toEqual(['overview', 'alertCounts'])
})

test('a store that does not answer is not ready, and of what it would say nothing is said', async () => {
  const running = await startApp()
  const { store } = running.app.services
  store.status = () => new Promise(() => {})
  const samples = await scrape(running)
  expect(samples.get('xinyi_ready')).toBe(0)
  expect([...samples.keys()].filter((name) => /^xinyi_(storage_mode|alerts|users)/.test(name))).toEqual([])
  expect(samples.get('xinyi_storage_pending_writes')).toBe(0)
  expect(samples.has('process_cpu_seconds_total')).toBe(true)
})

test('while Redis is away a scrape says so, and how much waits for it', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const running = await startApp({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url })
  const { store } = running.app.services
  await until(store, (status) => inCharge(status) && inAgreement(status))
  await raise(running.url)
  expect(Object.fromEntries(await scrape(running))).toMatchObject({
    'xinyi_storage_mode{mode="PRIMARY"}': 1,
    xinyi_redis_reachable: 1,
    xinyi_redis_memory_bytes: expect.any(Number),
    xinyi_redis_connections: expect.any(Number),
    xinyi_reconciliation_in_agreement: 1,
    xinyi_reconciliation_repaired_users: 0,
    'xinyi_store_call_duration_seconds_count{store="REDIS",call="append"}': expect.any(Number),
  })
  await redis.kill()
  await raise(running.url)
  const samples = await scrape(running)
  expect(samples.get('xinyi_storage_pending_writes')).toBeGreaterThan(0)
  expect(samples.get('xinyi_store_call_duration_seconds_count{store="SQLITE",call="append"}')).toBeGreaterThan(0)
})

test('a webhook that does not take what it is told lags', async () => {
  const running = await startApp({
    ALERT_WEBHOOK_URL: 'http://127.0.0.1:1/',
    ALERT_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 'k').toString('base64')}`,
  })
  expect((await scrape(running)).get('xinyi_webhook_lag_seconds')).toBe(0)
  await raise(running.url)
  let samples = await scrape(running)
  while (samples.get('xinyi_webhook_refusals_total') === 0) samples = await scrape(running)
  expect(samples.get('xinyi_webhook_lag_seconds')).toBeGreaterThan(0)
})
