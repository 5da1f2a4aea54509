import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import type { AuditNote } from '../../src/store/audit/audit.ts'
import { exchange } from '../../src/store/audit/exchange.ts'
import { Ledger } from '../../src/store/audit/ledger.ts'
import { verifyAudit } from '../../src/store/audit/verify.ts'
import type { Remote } from '../../src/store/thread/remote.ts'
import { emptyRedis } from '../helpers/stores.ts'
import { tempDir } from '../helpers/temp.ts'

const NOTE: AuditNote = {
  at: 1_000,
  requestId: 'r',
  actor: { sub: 'li', name: 'Li', role: 'COUNSELOR' },
  action: 'Query.user',
  userId: 'ada',
  fields: [],
  outcome: 'OK',
}
const PAGE = { take: 'first', limit: 100 } as const
const now = { time: 1_000 }

async function redisOf(): Promise<Redis> {
  const { url } = await emptyRedis()
  const redis = new Redis(url)
  onTestFinished(() => redis.disconnect())
  await redis.hset('xinyi:meta', 'dataSetId', 'set')
  return redis
}

/** A ledger, as one server has it. */
class Server {
  readonly files: { path: string; headPath: string }
  ledger: Ledger
  #erasures = -1
  #isOpen = true

  constructor(files?: { path: string; headPath: string }) {
    const dir = tempDir()
    onTestFinished(dir.remove)
    this.files = files ?? { path: join(dir.path, 'audit.db'), headPath: join(dir.path, 'audit.head') }
    this.ledger = new Ledger(this.files)
    onTestFinished(() => this.close())
  }

  close(): void {
    if (this.#isOpen) this.ledger.close()
    this.#isOpen = false
  }

  note(...notes: Partial<AuditNote>[]): void {
    this.ledger.append(notes.map((note) => ({ ...NOTE, ...note })))
  }

  async exchange(redis: Redis) {
    const remote = new Proxy({} as Remote<Ledger>, {
      get: (_, method) =>
        method === 'then'
          ? undefined
          : async (...args: unknown[]) => structuredClone(Reflect.apply(Reflect.get(this.ledger, method), this.ledger, args)),
    })
    const exchanged = await exchange(redis, remote, { dataSetId: 'set', now: now.time, erasures: this.#erasures })
    this.#erasures = exchanged.erasures
    return exchanged
  }

  get users(): (string | null)[] {
    return this.ledger
      .page({ page: PAGE })
      .items.map(({ value }) => value.userId)
      .sort()
  }

  get count(): number {
    return verifyAudit(this.files).entries
  }

  get faults(): string[] {
    return verifyAudit(this.files).faults
  }
}

async function settle(redis: Redis, ...servers: Server[]): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet += 1) for (const server of servers) if ((await server.exchange(redis)).more) quiet = 0
}

test('what each server writes down comes to all of them, in chains of their own that are whole everywhere', async () => {
  const redis = await redisOf()
  const [a, b] = [new Server(), new Server()]
  await settle(redis, a, b)
  a.note({ userId: 'ada' }, { userId: 'bob' })
  b.note({ userId: 'cleo' }, { userId: 'ada' })
  await settle(redis, a, b)
  a.note({ userId: 'dora' })
  await settle(redis, a, b)
  for (const server of [a, b]) {
    expect(server.users).toEqual(['ada', 'ada', 'bob', 'cleo', 'dora'])
    expect(server.ledger.page({ userId: 'ada', page: PAGE }).items).toHaveLength(2)
    expect(verifyAudit(server.files)).toEqual({ entries: 5, chains: 2, faults: [] })
  }
  expect(await redis.keys('xinyi:audit:entries:*')).toEqual([])
})

test('what was written before Redis was first met is merged too, and so is what was while it was away or emptied', async () => {
  const redis = await redisOf()
  const [a, b] = [new Server(), new Server()]
  a.note({ userId: 'ada' })
  b.note({ userId: 'bob' })
  await settle(redis, a, b)
  b.note({ userId: 'bob' })
  await b.exchange(redis)
  await redis.flushall()
  await redis.hset('xinyi:meta', 'dataSetId', 'set')
  a.note({ userId: 'cleo' })
  await settle(redis, a, b)
  for (const server of [a, b]) {
    expect(server.users).toEqual(['ada', 'bob', 'bob', 'cleo'])
    expect(server.faults).toEqual([])
  }
})

test('a server that comes new gets everything, also what another wrote that is gone for good', async () => {
  const redis = await redisOf()
  const [a, b] = [new Server(), new Server()]
  a.note(...Array.from({ length: 1_200 }, () => ({})))
  await settle(redis, a, b)
  now.time += 60_000
  const c = new Server()
  await settle(redis, b, c)
  expect([b.count, c.count]).toEqual([1_200, 1_200])
  expect(c.faults).toEqual([])
})

test('in Redis there is never more of a chain than a window for each server that lacks it', async () => {
  const redis = await redisOf()
  const [a, b] = [new Server(), new Server()]
  await settle(redis, a, b)
  a.note(...Array.from({ length: 1_500 }, () => ({})))
  await a.exchange(redis)
  const [key = ''] = await redis.keys('xinyi:audit:entries:*')
  expect(await redis.zcard(key)).toBe(1_000)
  await settle(redis, a, b)
  expect(b.count).toBe(1_500)
})

test('an erasure takes the name away at every server, and from what is still on its way', async () => {
  const redis = await redisOf()
  const [a, b, c] = [new Server(), new Server(), new Server()]
  a.note({ userId: 'zoe' })
  await settle(redis, a, b, c)
  b.note({ userId: 'zoe' })
  await b.exchange(redis)
  a.note({ userId: 'zoe', at: 2_000, action: 'Mutation.eraseUser', erases: true })
  await settle(redis, a, b, c)
  for (const server of [a, b, c]) {
    expect(server.users).toEqual([null, null, null])
    expect(server.ledger.page({ userId: 'zoe', page: PAGE }).items).toHaveLength(3)
    expect(server.faults).toEqual([])
  }
  const values = await Promise.all((await redis.keys('xinyi:audit:entries:*')).map((key) => redis.zrange(key, '0', '-1')))
  expect(JSON.stringify(values)).not.toContain('zoe')
})

test('an erasure that comes late takes the name from what was before it, and not from what came since', async () => {
  const redis = await redisOf()
  const [a, b] = [new Server(), new Server()]
  a.note({ userId: 'zoe', at: 1_000 })
  await settle(redis, a, b)
  b.note({ userId: 'zoe', at: 2_000, erases: true })
  a.note({ userId: 'zoe', at: 3_000 })
  await settle(redis, a, b)
  for (const server of [a, b]) {
    expect(server.users.filter((user) => user === 'zoe')).toHaveLength(1)
    expect(server.faults).toEqual([])
  }
})

test('where an entry is missing in Redis it is waited for, and nobody is accused of anything', async () => {
  const redis = await redisOf()
  const [a, b] = [new Server(), new Server()]
  await settle(redis, a, b)
  a.note({}, {}, {}, {})
  await a.exchange(redis)
  const [entries = ''] = await redis.keys('xinyi:audit:entries:*')
  await redis.zremrangebyscore(entries, 3, 3)
  expect(await b.exchange(redis)).toMatchObject({ contradicting: [] })
  expect(b.count).toBe(2)
  await settle(redis, a, b)
  expect(b.count).toBe(4)
})

test('a chain from which somebody took an entry is handed to nobody beyond that, and told of', async () => {
  const redis = await redisOf()
  const [a, b] = [new Server(), new Server()]
  await settle(redis, a, b)
  a.note({}, {}, {})
  a.close()
  const db = new Database(a.files.path)
  db.exec("DROP TRIGGER entries_are_not_deleted; DELETE FROM entries WHERE id LIKE '%2'")
  db.close()
  const holed = new Server(a.files)
  await b.exchange(redis)
  expect(await holed.exchange(redis)).toMatchObject({ contradicting: [expect.stringMatching(/^[0-9a-f]{16}$/)] })
  await b.exchange(redis)
  expect(b.count).toBe(0)
})

test('an entry that somebody changed on its way is taken by nobody', async () => {
  const redis = await redisOf()
  const [a, b] = [new Server(), new Server()]
  await settle(redis, a, b)
  a.note({ userId: 'ada' })
  await a.exchange(redis)
  const [key = ''] = await redis.keys('xinyi:audit:entries:*')
  const [text = ''] = await redis.zrange(key, '0', '0')
  await redis.del(key)
  await redis.zadd(key, 1, text.replace('OK', 'NO'))
  expect((await b.exchange(redis)).contradicting).toHaveLength(1)
  expect(b.count).toBe(0)
  await redis.del(key)
  await settle(redis, a, b)
  expect(b.count).toBe(1)
})

/** A copy of the files of a server that runs. */
function copied(from: Server['files'], to = new Server()): Server['files'] {
  to.close()
  for (const suffix of ['', '-wal', '-shm']) copyFileSync(from.path + suffix, to.files.path + suffix)
  copyFileSync(from.headPath, to.files.headPath)
  return to.files
}

test('a copy that is put back goes on in a chain of its own, and gets from the others what it lacks', async () => {
  const redis = await redisOf()
  const [a, b] = [new Server(), new Server()]
  a.note({}, {})
  await settle(redis, a, b)
  const files = copied(a.files)
  a.note({ userId: 'bob' })
  await settle(redis, a, b)
  const restored = new Server(files)
  restored.note({ userId: 'cleo' })
  now.time += 60_000
  await settle(redis, restored, b)
  for (const server of [restored, b]) {
    expect(server.users).toEqual(['ada', 'ada', 'bob', 'cleo'])
    expect(server.faults).toEqual([])
  }
})

test('a file whose bytes went back is noticed by what the others know of it', async () => {
  const redis = await redisOf()
  const [a, b] = [new Server(), new Server()]
  a.note({}, {})
  await settle(redis, a, b)
  const files = copied(a.files)
  a.note({ userId: 'bob' })
  await settle(redis, a, b)
  // In place, as the snapshot of a whole machine brings it back.
  const restored = new Server(copied(files, a))
  restored.note({ userId: 'lost' })
  expect((await restored.exchange(redis)).goneBack).toBe(true)
  restored.note({ userId: 'cleo' })
  await settle(redis, restored, b)
  expect(b.users).toEqual(['ada', 'ada', 'bob', 'cleo'])
  expect(restored.faults).toEqual([expect.stringContaining('as another than is here')])
})

test('a Redis of another data set is left alone', async () => {
  const redis = await redisOf()
  await redis.hset('xinyi:meta', 'dataSetId', 'other')
  await expect(new Server().exchange(redis)).rejects.toThrow('another data set')
  expect(await redis.keys('xinyi:audit:*')).toEqual([])
})
