import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, test, vi } from 'vitest'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { startRedis } from '../helpers/redis.ts'
import { freshSettings, serveHere, serving, xinyi } from './xinyi.ts'

const RECORD = 'mutation { recordConversation(input: { userId: "u", query: "q", response: "r", riskLevel: HIGH }) { duplicate } }'

test('status says so where there is no data yet, and makes none', async () => {
  const settings = freshSettings()
  const { code, stdout } = await xinyi(['status'], settings)
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `There is no data in ${settings.DATA_DIR} yet: npm start or npm run demo makes some.\n`,
  })
  expect(existsSync(join(settings.DATA_DIR, 'xinyi.db'))).toBe(false)
})

test('status of an empty Redis says so too, and writes nothing to it', async () => {
  const redis = await startRedis()
  const settings = freshSettings({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url })
  const { code, stdout } = await xinyi(['status'], settings)
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `There is no data in this Redis, nor in ${settings.DATA_DIR}, yet: npm start or npm run demo makes some.\n`,
  })
  expect(existsSync(join(settings.DATA_DIR, 'xinyi.db'))).toBe(false)
  const client = new Redis(redis.url)
  expect(await client.dbsize()).toBe(0)
  client.disconnect()
  await redis.stop()
})

test('status of a data set without a server changes nothing, not even where no server has set a retention yet', async () => {
  const redis = await startRedis()
  await (await openRedisStore({ url: redis.url })).close()
  const settings = freshSettings({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url })
  const dataDir = join(settings.DATA_DIR, 'none')
  const { code, stdout } = await xinyi(['status', '--json'], { ...settings, DATA_DIR: dataDir })
  expect({ code, status: JSON.parse(stdout) }).toMatchObject({ code: 0, status: { server: null, overview: { users: 0 } } })
  expect(existsSync(dataDir)).toBe(false)
  const client = new Redis(redis.url)
  expect(await client.hget('xinyi:meta', 'n')).toBe('0')
  client.disconnect()
  await redis.stop()
})

test('status gives the same facts through a running server and without one', async () => {
  const settings = freshSettings()
  const server = await serveHere(settings)
  await server.query(RECORD)
  const online = JSON.parse((await xinyi(['status', '--json'], settings)).stdout)
  await server.stop()
  const offline = JSON.parse((await xinyi(['status', '--json'], settings)).stdout)
  expect(online).toMatchObject({
    server: join(settings.DATA_DIR, 'xinyi.sock'),
    dataDir: settings.DATA_DIR,
    storage: { backend: 'SQLITE', mode: 'EMBEDDED', pendingWrites: 0, redis: null },
    overview: { users: 1, activeUsers: 1, openAlerts: 1 },
  })
  expect(offline).toMatchObject({ server: null, storage: { backend: 'SQLITE' }, overview: { users: 1, openAlerts: 1 } })
})

test('status tells how Redis is doing', async () => {
  const redis = await startRedis()
  const settings = freshSettings({ MEMORY_STORAGE_BACKEND: 'Redis', REDIS_URL: redis.url })
  const server = await serveHere(settings)
  await server.query(RECORD)
  const { stdout } = await xinyi(['status'], settings)
  expect(stdout).toMatch(
    /A server is running: .+\nRedis serves \(PRIMARY\), since .+ UTC\. Nothing waits for Redis\.\nRedis \d\S* answers in .+ ms and uses \d+ MiB\.\n(The stores .+\n)?Data directory: .+\n1 user, /,
  )
  await server.stop()
  await redis.stop()
})

test('status where there is no Redis says so, and that SQLite serves', async () => {
  const settings = freshSettings({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_PORT: '1' })
  expect((await xinyi(['status'], settings)).stdout).toMatch(/^There is no data in this Redis, nor in /)
  const server = await serving('serve', settings)
  expect(server.said[0]).toMatch(/ from SQLite \(.+\/xinyi\.db\) until Redis \(localhost:1\) answers\./)
  expect(await server.query(RECORD)).toMatchObject({ extensions: { storage: { served: 'SQLITE' } } })
  const { stdout } = await xinyi(['status'], settings)
  expect(stdout).toMatch(
    /\nSQLite serves \(FALLBACK\), since .+ UTC, because Redis does not\. \d+ writes? waits? for Redis\.\nRedis can not be used/,
  )
  expect(stdout).toMatch(/\n1 user, /)
})

test('storage pin moves a running server off Redis and back; status tells each step', async () => {
  const redis = await startRedis()
  const settings = freshSettings({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url })
  const server = await serveHere(settings)
  const moved = await xinyi(['storage', 'pin', 'sqlite'], settings)
  expect(moved).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^SQLite serves \(FALLBACK\), since .+, because it was pinned: npx xinyi storage pin auto/),
  })
  await server.query(RECORD)
  expect((await xinyi(['status'], settings)).stdout).toContain('1 write waits for Redis.')
  const back = JSON.parse((await xinyi(['storage', 'pin', 'auto', '--json'], settings)).stdout)
  expect(back).toMatchObject({ pinned: false, mode: 'PRIMARY', redis: { lastError: null } })
  const storage = async () => JSON.parse((await xinyi(['status', '--json'], settings)).stdout).storage
  await vi.waitFor(async () => expect((await storage()).reconciliation).toMatchObject({ inAgreement: true }), { timeout: 10_000 })
  expect(await storage()).toMatchObject({ backend: 'REDIS', mode: 'PRIMARY', pendingWrites: 0 })
  expect((await xinyi(['status'], settings)).stdout).toMatch(/The stores were last brought together at .+ UTC: .+ They agree\./)
  await server.stop()
  await redis.stop()
})

test('storage pin says so where no server runs, where SQLite is the only store, and what it can not understand', async () => {
  const settings = freshSettings()
  expect(await xinyi(['storage', 'pin', 'sqlite'], settings)).toEqual({
    code: 1,
    stdout: '',
    stderr: `No server is running on the data directory ${settings.DATA_DIR}, so there is nothing to pin.\n`,
  })
  const server = await serveHere(settings)
  const { code, stderr } = await xinyi(['storage', 'pin', 'sqlite'], settings)
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'This server has only its SQLite store. Pinning is for MEMORY_STORAGE_BACKEND=redis, where SQLite can stand in.\n',
  })
  await server.stop()
  expect(await xinyi(['storage', 'pin', 'redis'], settings)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Allowed choices are sqlite, auto.'),
  })
})

test('a command that works without a server leaves the retention of the data set as it is', async () => {
  const settings = freshSettings({ RETAIN_CONVERSATIONS: '100' })
  const server = await serveHere(settings)
  for (let i = 0; i < 3; i += 1) await server.query(RECORD)
  await server.stop()
  await xinyi(['status'], { ...settings, RETAIN_CONVERSATIONS: '1' })
  const again = await serveHere(settings)
  expect(await again.query('{ user(userId: "u") { conversations { edges { node { query } } } } }')).toMatchObject({
    data: { user: { conversations: { edges: [{}, {}, {}] } } },
  })
})

test('a command says so when a server is there that does not answer', async () => {
  const settings = freshSettings()
  const server = await serving('serve', settings)
  server.signal('SIGSTOP')
  const { code, stderr } = await xinyi(['status'], settings)
  server.signal('SIGCONT')
  expect(code).toBe(1)
  expect(stderr).toBe(
    `A server has ${join(settings.DATA_DIR, 'xinyi.sock')} open but does not answer. Stop it, or wait until it does, and try again.\n`,
  )
})

test('a command warns of a name that is nearly one of ours', async () => {
  const { code, stderr } = await xinyi(['status'], freshSettings({ REDIS_HOTS: 'cache' }))
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'REDIS_HOTS is set and means nothing here; REDIS_HOST was probably meant.\n' })
})
