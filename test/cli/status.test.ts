import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { openRedisStore } from '../../src/store/redis/store.ts'
import { startRedis } from '../helpers/redis.ts'
import { freshSettings, serving, xinyi } from './xinyi.ts'

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
  const { code, stdout } = await xinyi(['status'], freshSettings({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url }))
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'There is no data in this Redis yet: npm start or npm run demo makes some.\n' })
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
  const server = await serving('serve', settings)
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
  const server = await serving('serve', settings)
  await server.query(RECORD)
  const { stdout } = await xinyi(['status'], settings)
  expect(stdout).toMatch(/A server is running: .+\nStorage: REDIS \(PRIMARY\).+\nRedis \d\S* answers in .+ ms and uses \d+ MiB\.\n1 user, /)
  await server.stop()
  await redis.stop()
})

test('a command that works without a server leaves the retention of the data set as it is', async () => {
  const settings = freshSettings({ RETAIN_CONVERSATIONS: '100' })
  const server = await serving('serve', settings)
  for (let i = 0; i < 3; i += 1) await server.query(RECORD)
  await server.stop()
  await xinyi(['status'], { ...settings, RETAIN_CONVERSATIONS: '1' })
  const again = await serving('serve', settings)
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
