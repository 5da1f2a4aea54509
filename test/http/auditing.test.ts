import { execFileSync, spawnSync } from 'node:child_process'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from 'graphql-ws'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { graphql, post, type RunningApp, raise, startApp } from './app.ts'

const READ = '{ user(userId: "ada") { conversations { edges { node { query } } } } }'
const REFUSED = { data: null, errors: [{ extensions: { code: 'STORE_UNAVAILABLE' } }] }
const PAGE = { take: 'first', limit: 100 } as const

const entriesOf = async ({ app }: RunningApp) => (await app.services.audit.page({ page: PAGE })).items.map(({ value }) => value)

test('an entry has the x-request-id of the answer', async () => {
  const running = await startApp()
  await raise(running.url)
  const { headers } = await post(running.url, JSON.stringify({ query: READ }))
  expect((await entriesOf(running))[0]).toMatchObject({ action: 'Query.user', userId: 'ada', requestId: headers.get('x-request-id') })
})

test('while the audit log is away, text is refused; nothing that was done meanwhile is missing afterwards', async () => {
  const running = await startApp()
  await raise(running.url)
  const path = join(running.dataDir, 'audit.db')
  renameSync(path, `${path}.aside`)
  expect(await graphql(running.url, READ)).toMatchObject(REFUSED)
  expect(await graphql(running.url, '{ user(userId: "ada") { totalChats } }')).toMatchObject({ data: { user: { totalChats: 1 } } })
  expect(await raise(running.url)).toMatchObject({ data: { recordConversation: { duplicate: false } } })
  expect(running.log.filter((line) => line.includes('the audit log can not be written'))).toHaveLength(1)
  renameSync(`${path}.aside`, path)
  expect(await graphql(running.url, READ)).toMatchObject({ data: { user: {} } })
  await expect.poll(() => running.app.services.audit.owed, { timeout: 10_000 }).toBe(0)
  expect((await entriesOf(running)).map(({ action }) => action).sort()).toEqual([
    'Mutation.recordConversation',
    'Mutation.recordConversation',
    'Query.user',
  ])
})

test('each subscriber who is shown what somebody said leaves an entry; while none can be written they hear of the alert without it', async () => {
  const running = await startApp()
  const listen = async (name: string) => {
    const joined = Promise.withResolvers<void>()
    const client = createClient({
      url: running.url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { 'x-actor': name },
      // Whoever has joined is told their cursor.
      on: { ping: () => joined.resolve() },
    })
    onTestFinished(() => void client.dispose())
    const query = 'subscription { riskAlerts { event { kind note } alert { level trigger { query } } } }'
    const subscriber = client.iterate<{ riskAlerts: object }>({ query })
    const first = subscriber.next()
    await joined.promise
    return { subscriber, first }
  }
  const subscribers = [await listen('li'), await listen('wang')]
  await raise(running.url)
  const shown = { data: { riskAlerts: { event: { kind: 'RAISED' }, alert: { level: 'HIGH', trigger: { query: 'q' } } } } }
  for (const { first } of subscribers) expect((await first).value).toMatchObject(shown)
  const reads = async () => (await entriesOf(running)).filter(({ action }) => action === 'Subscription.riskAlerts')
  expect((await reads()).map(({ actor, userId, fields }) => [actor?.sub, userId, fields]).sort()).toEqual([
    ['li', 'ada', ['AlertTrigger.query']],
    ['wang', 'ada', ['AlertTrigger.query']],
  ])

  const path = join(running.dataDir, 'audit.db')
  renameSync(path, `${path}.aside`)
  await raise(running.url, 'bob')
  for (const { subscriber } of subscribers)
    expect((await subscriber.next()).value).toMatchObject({
      data: { riskAlerts: { alert: { level: 'HIGH', trigger: null } } },
      errors: [{ extensions: { code: 'STORE_UNAVAILABLE' } }],
    })
  renameSync(`${path}.aside`, path)
})

const mountable = (() => {
  const dir = tempDir()
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', dir.path], { stdio: 'ignore' }).status === 0
  if (mounted) execFileSync('umount', [dir.path])
  dir.remove()
  return mounted
})()

test.skipIf(!mountable)('on a full disk text is refused until there is room (skipped where nothing can be mounted)', async () => {
  const dir = tempDir()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'none', dir.path])
  onTestFinished(() => {
    execFileSync('umount', ['-l', dir.path])
    dir.remove()
  })
  const running = await startApp({ DATA_DIR: dir.path })
  await raise(running.url)
  const filler = join(dir.path, 'filler')
  for (const size of [1_000_000, 4_096, 1]) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: 'a' })
    } catch {
      // Full for pieces of this size.
    }
  }
  // What the log of changes has room for is still written.
  await expect.poll(() => graphql(running.url, READ), { timeout: 15_000, interval: 1 }).toMatchObject(REFUSED)
  rmSync(filler)
  expect(await graphql(running.url, READ)).toMatchObject({ data: { user: {} } })
})

test('what one server has written down is seen at the other', { timeout: 60_000 }, async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const env = { MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url }
  const [one, other] = [await startApp(env), await startApp(env)]
  await raise(one.url, 'ada')
  await raise(other.url, 'bob')
  for (const each of [one, other])
    await expect.poll(async () => (await entriesOf(each)).map(({ userId }) => userId).sort(), { timeout: 25_000 }).toEqual(['ada', 'bob'])
})
