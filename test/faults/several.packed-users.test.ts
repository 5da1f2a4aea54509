import { randomBytes } from 'node:crypto'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { Filling } from '../../src/store/failover/filling.ts'
import type { RemoteReplica } from '../../src/store/failover/replica.ts'
import { connectToFill } from '../../src/store/redis/connect.ts'
import { packedUsers } from '../../src/store/redis/packed-users.ts'
import { prolongSeed, seedPacked } from '../../src/store/redis/seed.ts'
import { ownRedis, proxyTo } from './several.ts'

const bulk = (text: string | Buffer) =>
  Buffer.concat([Buffer.from(`$${Buffer.byteLength(text)}\r\n`), Buffer.from(text), Buffer.from('\r\n')])
const command = (...words: (string | Buffer)[]) => Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...words.map(bulk)])
const begin = (...words: string[]) => bulk(Buffer.concat(words.map(bulk)))

/** Users as packed.lua makes them, each with one list. */
function packsOf(users: readonly string[], payload: Buffer, topics: readonly string[] = ['sleep']) {
  const all = users.map((user) => ({
    user,
    rev: 1,
    about: Buffer.concat([
      bulk('2'),
      ...[bulk('2'), begin('HSET', 'xinyi:users'), begin(user, '{}')],
      ...[bulk('2'), begin('ZADD', 'xinyi:order:name'), begin('0', user)],
      ...topics.flatMap((topic) => [
        ...[bulk('2'), begin('ZADD', `xinyi:topic:${topic}:users`), begin('0', user)],
        ...[bulk('0'), begin('ZINCRBY', 'xinyi:vocabulary'), begin(topic)],
      ]),
    ]),
    commands: Buffer.concat([
      command('RESTORE', `user:${user}:conversations`, '0', payload, 'REPLACE'),
      command('RPUSH', `xinyi:user:${user}:entries`, 'all'),
    ]),
  }))
  const bytes = new Uint8Array(Buffer.concat(all.map(({ commands }) => commands)))
  let at = 0
  return all.map((pack) => {
    const commands = bytes.subarray(at, at + pack.commands.length)
    at += commands.length
    return { ...pack, about: new Uint8Array(pack.about), commands }
  })
}

async function emptyUnderLease(leaseMs: number) {
  const server = await ownRedis()
  const other = new Redis(server.socket)
  onTestFinished(() => other.disconnect())
  await other.rpush('list', randomBytes(4_000).toString('base64'))
  const payload = await other.dumpBuffer('list')
  if (!payload) throw new Error('no list')
  await other.flushall()
  await other.set('xinyi:lease', 'token', 'PX', leaseMs)
  await other.hset('xinyi:meta', 'leaseMs', leaseMs, 'seeding', 'token')
  return { server, other, payload }
}

/** So many bytes in a second. */
async function narrow(path: string, bytesPerSecond: number): Promise<string> {
  const server = createServer((client) => {
    const there = connect({ path })
    let narrowed = performance.now()
    there.pipe(client)
    for (const socket of [client, there]) socket.on('error', () => {})
    client.on('close', () => there.destroy())
    client.on('data', async (chunk) => {
      client.pause()
      there.write(chunk)
      narrowed += (chunk.length / bytesPerSecond) * 1000
      await setTimeout(Math.max(0, narrowed - performance.now()))
      client.resume()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const nobody = (): RemoteReplica => ({ unpacked: async () => [], dropPacks: async () => {} }) as unknown as RemoteReplica
const OPTIONS = { tombstoneKey: '', timeZone: 'UTC', n: 1 }
const names = (count: number) => Array.from({ length: count }, (_, i) => `u${i}`)

test('every transaction of packed users prolongs the lease', async () => {
  const { server, other, payload } = await emptyUnderLease(60_000)
  await other.pexpire('xinyi:lease', 5_000)
  const redis = await connectToFill({ url: server.url })
  onTestFinished(() => redis.disconnect())
  for (const packed of packedUsers(packsOf(names(2), payload))) expect(await seedPacked(redis, 'token', packed)).toBe(true)
  expect(await other.pttl('xinyi:lease')).toBeGreaterThan(50_000)
})

test('the lease holds while a page of large users goes over a slow line', async () => {
  const { server, payload, other } = await emptyUnderLease(2_000)
  // As real ones are: of what can not be compressed.
  await other.rpush('big', randomBytes(75_000).toString('base64'))
  const large = (await other.dumpBuffer('big')) ?? payload
  await other.del('big')
  const redis = await connectToFill({ url: await narrow(server.socket, 7_000_000) })
  onTestFinished(() => redis.disconnect())
  const filling = new Filling({ redis, token: 'token', replica: nobody(), options: OPTIONS })
  await prolongSeed(redis, 'token')
  const holding = setInterval(() => prolongSeed(redis, 'token').catch(() => {}), 500)
  onTestFinished(() => clearInterval(holding))
  await filling.write({ packed: packedUsers(packsOf(names(256), large)), steps: [] })
  expect(filling.packed).toBe(256)
})

test('two pages of large users at once go over a slow line before the patience of the client ends', { timeout: 30_000 }, async () => {
  const { server, other } = await emptyUnderLease(2_000)
  await other.rpush('big', randomBytes(75_000).toString('base64'))
  const large = await other.dumpBuffer('big')
  await other.del('big')
  if (!large) throw new Error('no list')
  const redis = await connectToFill({ url: await narrow(server.socket, 7_000_000) })
  onTestFinished(() => redis.disconnect())
  const filling = new Filling({ redis, token: 'token', replica: nobody(), options: OPTIONS })
  const all = names(512)
  const pages = [all.slice(0, 256), all.slice(256)].map((users) => packedUsers(packsOf(users, large)))
  await Promise.all(pages.map((packed) => filling.write({ packed, steps: [] })))
  expect(filling.packed).toBe(512)
})

test('many users, topics of any bytes', async () => {
  const { server, other, payload } = await emptyUnderLease(60_000)
  const redis = await connectToFill({ url: server.url })
  onTestFinished(() => redis.disconnect())
  const users = ['a\r\nb', 'nul\0', '心怡😀', '$5\r\n', '*3\r\n', 'é'.repeat(300), '__proto__', '-1', '0']
  const topics = [...Array.from({ length: 2_000 }, (_, i) => `t${i}`), '失眠', '\r\n$1\r\n', 'ZADD', '__proto__', '0']
  await other.rpush('tiny', '1')
  const tiny = (await other.dumpBuffer('tiny')) ?? payload
  await other.del('tiny')
  for (const packed of packedUsers(packsOf(users, tiny, topics))) expect(await seedPacked(redis, 'token', packed)).toBe(true)
  expect((await other.hkeys('xinyi:users')).sort()).toEqual([...users].sort())
  for (const topic of topics.slice(-6)) {
    expect((await other.zrange(`xinyi:topic:${topic}:users`, '0', '-1')).sort()).toEqual([...users].sort())
    expect(await other.zscore('xinyi:vocabulary', topic)).toBe('-9')
  }
  expect(await other.zcard('xinyi:vocabulary')).toBe(topics.length)
})

test.each([
  ["is another's by then", (other: Redis) => other.set('xinyi:lease', 'another')],
  [
    'has run out by then',
    async (other: Redis) => {
      await other.pexpire('xinyi:lease', 1)
      const due = Date.now() + 5
      await expect.poll(() => Date.now()).toBeGreaterThan(due)
    },
  ],
  ['was lost with all else', (other: Redis) => other.flushall()],
])('nothing comes of a transaction that is half-way there when the lease %s', async (_, lose) => {
  const { server, other, payload } = await emptyUnderLease(60_000)
  const proxy = await proxyTo(server)
  const redis = await connectToFill({ url: proxy.url })
  onTestFinished(() => redis.disconnect())
  await other.config('SET', 'hz', '1')
  const [packed] = packedUsers(packsOf(names(200), payload))
  if (!packed || packed.restoring.length < 300_000) throw new Error('too small')
  const half = new Promise<void>((resolve) =>
    proxy.afterRequests(200_000, () => {
      proxy.hang()
      resolve()
    }),
  )
  const put = seedPacked(redis, 'token', packed)
  await half
  await expect.poll(() => other.client('LIST')).toMatch(/ multi=[1-9]/)
  await lose(other)
  proxy.heal()
  expect(await put).toBe(false)
  expect(await other.keys('*u0*')).toEqual([])
  expect(await other.exists('xinyi:users')).toBe(0)
})

test('a transaction that Redis refuses is not taken for the one before it', async () => {
  const { server, other, payload } = await emptyUnderLease(60_000)
  const redis = await connectToFill({ url: server.url })
  onTestFinished(() => redis.disconnect())
  const [first, second] = [names(4).slice(0, 2), names(4).slice(2)].map((users) => packedUsers(packsOf(users, payload))[0])
  if (!first || !second) throw new Error('nobody')
  expect(await seedPacked(redis, 'token', first)).toBe(true)
  await other.config('SET', 'maxmemory', '1')
  expect(await seedPacked(redis, 'token', second)).toBe(false)
  await other.config('SET', 'maxmemory', '0')
  expect((await other.hkeys('xinyi:users')).sort()).toEqual(['u0', 'u1'])
  const [a, b] = [names(8).slice(4, 6), names(8).slice(6)].map((users) => packedUsers(packsOf(users, payload))[0])
  if (!a || !b) throw new Error('nobody')
  // Each is told of its own.
  expect(
    await Promise.all([seedPacked(redis, 'token', a), seedPacked(redis, 'token', { ...b, keys: 5 }), seedPacked(redis, 'token', first)]),
  ).toEqual([true, false, false])
})

test('packs between which something lies go in transactions of their own, each with its own bytes', async () => {
  const { payload } = await emptyUnderLease(60_000)
  const [ann, , cem, dan] = packsOf(['ann', 'bob', 'cem', 'dan'], payload)
  if (!ann || !cem || !dan) throw new Error('nobody')
  const packed = packedUsers([ann, cem, dan])
  expect(packed.map(({ users }) => users)).toEqual([['ann'], ['cem', 'dan']])
  expect(Buffer.from(packed[0]?.restoring ?? []).equals(ann.commands)).toBe(true)
  expect(Buffer.from(packed[1]?.restoring ?? []).equals(Buffer.concat([cem.commands, dan.commands]))).toBe(true)
})
