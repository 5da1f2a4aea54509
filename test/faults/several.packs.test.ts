import { copyFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import Database from 'better-sqlite3'
import { type Redis, Redis as RedisClient } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { Filling } from '../../src/store/failover/filling.ts'
import { connectToFill } from '../../src/store/redis/connect.ts'
import { inspectSnapshot } from '../../src/store/sqlite/snapshot.ts'
import { MINUTE, NOW } from '../helpers/events.ts'
import { inCharge, newDataFile, until } from '../helpers/joined.ts'
import { behindTheirBacks, chatsOf, expectAllEqual, healed, heldReplica, ownRedis, type Site, site } from './several.ts'

/** An instance of whose users all are packed who can be: not dan, who has an alert. */
async function packed() {
  const server = await ownRedis()
  const held = heldReplica()
  const a = await site({ url: server.url, path: held.path, seams: { replica: held.replica } })
  await healed(server, [a])
  // So that the lists end by themselves in Redis.
  await a.tell(a.origin.policy({ conversationsDays: 30, emotionsDays: 30 }))
  const acceptedAt = NOW - MINUTE
  await a.record('ann', ['a1', 'a2', 'a3'], { acceptedAt, riskLevel: 'LOW', topics: ['exams', 'sleep'], emotionScore: -0.5 })
  await a.record('bob', ['b1'], { acceptedAt, topics: ['sleep'] })
  await a.record('cem', ['c1'], { acceptedAt, emotionScore: 0.25 })
  await a.record('dan', ['d1'], { acceptedAt, riskLevel: 'HIGH', topics: ['sleep'] })
  await healed(server, [a])
  await untilPacked(held, ['ann', 'bob', 'cem'])
  return { server, held, a }
}

type Held = ReturnType<typeof heldReplica>

const OPTIONS = { tombstoneKey: '', timeZone: 'Asia/Shanghai', n: Number.MAX_SAFE_INTEGER, plainly: false }

/** Who would be put as Redis has packed them. */
async function packedIn({ replica }: Held, options = OPTIONS): Promise<string[]> {
  const { packs } = await replica.packedUsers('', 1_000, options)
  return packs.users.map(({ user }) => user)
}

const untilPacked = (held: Held, users: readonly string[]) => expect.poll(() => packedIn(held), { timeout: 9_000 }).toEqual(users)

/** Everything that Redis holds: of each key its value and when it ends. */
async function keyspace(redis: Redis): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {}
  for (const key of (await redis.keys('*')).sort()) {
    const type = await redis.type(key)
    const value =
      type === 'hash'
        ? Object.entries(await redis.hgetall(key))
            .map(([field, text]) => [field, key === 'xinyi:users' ? JSON.parse(text) : text])
            .sort()
        : type === 'list'
          ? await redis.lrange(key, 0, -1)
          : type === 'set'
            ? (await redis.smembers(key)).sort()
            : type === 'zset'
              ? await redis.zrange(key, '0', '-1', 'WITHSCORES')
              : type === 'stream'
                ? await redis.xrange(key, '-', '+')
                : await redis.get(key)
    all[key] = { type, value, ends: await redis.pttl(key) }
  }
  return all
}

/** Has an empty Redis filled by an instance. */
async function filledBy(server: Awaited<ReturnType<typeof ownRedis>>, { store }: Site): Promise<void> {
  await store.pin('sqlite')
  await server.kill()
  await server.restart()
  await store.pin('auto')
  await until(store, inCharge)
}

const countPacked = ({ instance }: Site): unknown => instance.lines.findLast(({ msg }) => msg === 'Redis is filled')?.packed

test('Redis is filled with what it has packed exactly as it is without, and nothing differs afterwards', async () => {
  const { server, a } = await packed()
  await filledBy(server, a)
  expect(countPacked(a)).toBe(3)
  await healed(server, [a])
  const withPacks = await behindTheirBacks(server, keyspace)
  const plain = await a.reopen({ url: server.url, seams: { withoutPacks: true } })
  await filledBy(server, plain)
  expect(countPacked(plain)).toBe(0)
  const without = await behindTheirBacks(server, keyspace)
  for (const each of [withPacks, without]) {
    // Another filling, another epoch.
    delete each['xinyi:meta']
    delete each['xinyi:lineage']
  }
  expect(withPacks).toEqual(without)
  await expectAllEqual(server, [plain])
})

test('whoever is just talking is not packed', async () => {
  const { server, held, a } = await packed()
  await a.record('ann', ['a4'])
  await a.record('eve', ['e1'])
  await untilPacked(held, ['bob', 'cem'])
  expect((await held.replica.unpackedUsers('', 100, NOW)).users).toEqual(['ann', 'eve'])
  expect((await held.replica.unpackedUsers('', 100, NOW - 1)).users).toEqual([])
  await filledBy(server, a)
  expect(countPacked(a)).toBe(2)
  await expectAllEqual(server, [a])
})

/** Does something to the data file of an instance that is closed. */
function inFile<T>(path: string, work: (db: Database.Database) => T): T {
  const db = new Database(path)
  try {
    db.pragma('foreign_keys = ON')
    return work(db)
  } finally {
    db.close()
  }
}

const ownersOfPacks = (db: Database.Database) => db.prepare('SELECT user_id FROM packs ORDER BY user_id').pluck().all()

/** The file of an instance that is closed and had packed ann, bob and cem. */
async function closed() {
  const { server, a } = await packed()
  await a.store.close()
  return { server, path: a.instance.path }
}

test.each([
  'UPDATE users SET rev = rev',
  'UPDATE users SET rev = rev - 1',
  'UPDATE users SET patched = 1',
  'DELETE FROM conversations',
  'DELETE FROM emotions',
  'DELETE FROM user_topics',
  'DELETE FROM seen',
  'DELETE FROM users',
])('a pack does not outlive this of its user: %s', async (statement) => {
  const { path } = await closed()
  const left = inFile(path, (db) => {
    db.prepare(`${statement} WHERE user_id = 'ann'`).run()
    return ownersOfPacks(db)
  })
  expect(left).toEqual(['bob', 'cem'])
})

test('a pack of another revision does not count: who has spoken since is filled from the rows', async () => {
  const { server, path } = await closed()
  const a = await site({ url: server.url, path, seams: { withoutPacking: true } })
  await healed(server, [a])
  await a.record('ann', ['a4'])
  await filledBy(server, a)
  expect(countPacked(a)).toBe(2)
  await healed(server, [a])
  expect(await chatsOf(a.store, 'ann')).toEqual(['a1', 'a2', 'a3', 'a4'])
  await expectAllEqual(server, [a])
})

test('what was cleared and who was erased is in no pack, and does not come back when Redis is filled', async () => {
  const { server, path } = await closed()
  const a = await site({ url: server.url, path, seams: { withoutPacking: true } })
  await healed(server, [a])
  await a.tell(a.origin.cleared('ann'))
  await a.tell(a.origin.erased('bob', NOW + 1))
  await healed(server, [a])
  await filledBy(server, a)
  expect(countPacked(a)).toBe(1)
  await healed(server, [a])
  for (const user of ['ann', 'bob']) expect(await chatsOf(a.store, user)).toEqual([])
  await a.store.close()
  expect(inFile(path, ownersOfPacks)).toEqual(['cem'])
})

test('the rows that go with an erasure are counted without the pack', async () => {
  const removed = async (isPacked: boolean) => {
    const { server, held, a } = await packed()
    // Who has no lists loses the pack with nothing else but the user.
    await a.tell(a.origin.cleared('ann', NOW - MINUTE))
    await expect.poll(async () => (await held.replica.copies(['ann']))[0]?.state?.conversations).toEqual([])
    await untilPacked(held, ['ann', 'bob', 'cem'])
    await a.store.close()
    if (!isPacked) inFile(a.instance.path, (db) => db.exec('DELETE FROM packs'))
    const again = await site({ url: server.url, path: a.instance.path, seams: { withoutPacking: true } })
    await healed(server, [again])
    const [outcome] = await again.tell(again.origin.erased('ann', NOW + 1))
    await healed(server, [again])
    return outcome
  }
  const found = await removed(true)
  expect(found).toMatchObject({ type: 'applied', removed: { sqliteRows: expect.any(Number) } })
  expect(found).toEqual({ ...(await removed(false)) })
})

test('a pack from before a retention policy brings nothing back that the policy has taken from sight', async () => {
  const { server, path } = await closed()
  const a = await site({ url: server.url, path, seams: { withoutPacking: true } })
  await healed(server, [a])
  await a.tell(a.origin.policy({ conversations: 1 }))
  await healed(server, [a])
  await filledBy(server, a)
  expect(countPacked(a)).toBe(3)
  await healed(server, [a])
  expect(await chatsOf(a.store, 'ann')).toHaveLength(1)
  await expectAllEqual(server, [a])
})

test('a pack is made only of what is the same in both stores', async () => {
  const { server, path } = await closed()
  inFile(path, (db) => {
    db.exec('DELETE FROM packs')
    db.exec("UPDATE emotions SET score = 0.75 WHERE user_id = 'bob'")
    db.exec("UPDATE users SET accepted_at = accepted_at - 1 WHERE user_id = 'cem'")
  })
  const held = heldReplica(path)
  // They would be put right else, before anybody is packed.
  await site({ url: server.url, path, seams: { replica: held.replica, withoutComparison: true } })
  await untilPacked(held, ['ann'])
})

test('nor of what one of them has swept already', async () => {
  const { server, held, a } = await packed()
  await a.record('cem', ['c0'], { acceptedAt: NOW - 8 * DAY_MS })
  await expect.poll(async () => (await held.replica.copies(['cem']))[0]?.state?.seen).toHaveLength(2)
  await a.store.close()
  inFile(held.path, (db) => db.exec("DELETE FROM packs; DELETE FROM seen WHERE id = 'c0'"))
  const again = heldReplica(held.path)
  await site({ url: server.url, path: held.path, seams: { replica: again.replica } })
  await untilPacked(again, ['ann', 'bob'])
})

test('events that were given a new origin are not put as they were packed under their old one', async () => {
  const { server, path } = await closed()
  const alone = heldReplica(path)
  const first = (await alone.replica.log(0, 100)).find(({ event }) => event?.user === 'ann')
  if (!first) throw new Error('ann has spoken')
  await alone.replica.rewind(first.n - 1)
  await alone.replica.rescue({ [first.origin]: first.seq - 1 }, 'fresh')
  await alone.replica.close()
  await behindTheirBacks(server, (redis) => redis.flushall())
  const a = await site({ url: server.url, path, seams: { withoutPacking: true } })
  await healed(server, [a])
  expect((await a.store.status()).reconciliation).toMatchObject({ pulled: 0, repaired: 0 })
})

test('what a clearing takes of somebody who has no lists is in no pack', async () => {
  const { held, a } = await packed()
  // Older than what the policy keeps.
  await a.record('old', ['o1'], { acceptedAt: NOW - MINUTE, occurredAt: NOW - 60 * DAY_MS })
  await untilPacked(held, ['ann', 'bob', 'cem', 'old'])
  await a.tell(a.origin.cleared('old'))
  await expect.poll(async () => (await held.replica.copies(['old']))[0]?.state?.lastPoints).toEqual([])
  await a.store.close()
  expect(inFile(held.path, ownersOfPacks)).toEqual(['ann', 'bob', 'cem'])
})

test('a revision that can not be read does not end a filling before everybody is there', async () => {
  const { server, path } = await closed()
  inFile(path, (db) => db.exec("UPDATE users SET rev = 9007199254740995 WHERE user_id = 'ann'"))
  await behindTheirBacks(server, (redis) => redis.flushall())
  const a = await site({ url: server.url, path, seams: { withoutPacking: true, withoutComparison: true } })
  await until(a.store, inCharge)
  const users = await behindTheirBacks(server, (redis) => redis.hkeys('xinyi:users'))
  expect(users).toEqual(expect.arrayContaining(['bob', 'cem', 'dan']))
})

test('a key of another type in place of an empty list keeps nobody else from being packed', async () => {
  const { server, held, a } = await packed()
  await a.tell(a.origin.cleared('ann', NOW - MINUTE))
  await healed(server, [a])
  await a.store.close()
  inFile(held.path, (db) => db.exec('DELETE FROM packs'))
  await behindTheirBacks(server, (redis) => redis.set('user:ann:conversations', 'not ours'))
  const again = heldReplica(held.path)
  await site({ url: server.url, path: held.path, seams: { replica: again.replica, withoutComparison: true } })
  await untilPacked(again, ['bob', 'cem'])
})

test('nor does one who is too large to be packed in a moment', async () => {
  const { server, held, a } = await packed()
  const [query, response] = ['q'.repeat(10_000), 'r'.repeat(10_000)]
  const large = (id: number) => a.origin.recorded({ user: 'aaa', id: `${id}`, acceptedAt: NOW - MINUTE, query, response })
  await a.tell(...Array.from({ length: 15 }, (_, id) => large(id)))
  await healed(server, [a])
  await a.store.close()
  inFile(held.path, (db) => db.exec('DELETE FROM packs'))
  const again = heldReplica(held.path)
  await site({ url: server.url, path: held.path, seams: { replica: again.replica } })
  await untilPacked(again, ['ann', 'bob', 'cem'])
})

test('who has something in Redis that is not ours is not packed with it', async () => {
  const { server, path } = await closed()
  inFile(path, (db) => db.exec('DELETE FROM packs'))
  await behindTheirBacks(server, async (redis) => {
    await redis.rpush('user:ann:conversations', 'not ours')
    await redis.sadd('user:bob:topics', 'not ours')
  })
  const held = heldReplica(path)
  await site({ url: server.url, path, seams: { replica: held.replica, withoutComparison: true } })
  await untilPacked(held, ['cem'])
})

test('a pack from beyond the log that Redis is filled with does not count', async () => {
  const { held } = await packed()
  expect(await packedIn(held, { ...OPTIONS, n: 5 })).toEqual(['ann', 'bob'])
})

const checksumOf = (user: string, rev: number, about: Buffer, commands: Buffer) => crc32(commands, crc32(about, crc32(`1 ${rev} ${user}`)))

/** Puts something else in place of what a pack holds. */
function spoil(
  path: string,
  user: string,
  change: (pack: { about: Buffer; commands: Buffer }) => { about: Buffer; commands: Buffer },
  isSigned: boolean,
) {
  inFile(path, (db) => {
    const found = db
      .prepare<[string], { rev: number; about: Buffer; commands: Buffer; checksum: number }>('SELECT * FROM packs WHERE user_id = ?')
      .get(user)
    if (!found) throw new Error('not packed')
    const { about, commands } = change(found)
    const checksum = isSigned ? checksumOf(user, found.rev, about, commands) : found.checksum
    db.prepare('UPDATE packs SET about = ?, commands = ?, checksum = ? WHERE user_id = ?').run(about, commands, checksum, user)
  })
}

const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

test('a damaged pack never gets to Redis, nor does that of another user: they are filled from the rows', async () => {
  const { server, path } = await closed()
  spoil(path, 'ann', ({ about, commands }) => ({ about, commands: flipped(commands, 20) }), false)
  inFile(path, (db) =>
    db.exec(`UPDATE packs SET (about, commands, checksum, rev) = (SELECT about, commands, checksum, (SELECT rev FROM users WHERE user_id = 'cem') FROM packs WHERE user_id = 'bob')
             WHERE user_id = 'cem'`),
  )
  const a = await site({ url: server.url, path, seams: { withoutPacking: true } })
  await healed(server, [a])
  await filledBy(server, a)
  expect(countPacked(a)).toBe(1)
  await expectAllEqual(server, [a])
  await a.store.close()
  expect(inFile(path, ownersOfPacks)).toEqual(['bob'])
})

test('whose pack this Redis does not take, as one of a newer Redis, is filled from the rows within the same filling, and has no pack any more', async () => {
  const { server, path } = await closed()
  // The last bytes of a payload are its version and checksum.
  const refused = (commands: Buffer) => flipped(commands, commands.indexOf('\r\n$7\r\nREPLACE') - 9)
  spoil(path, 'ann', ({ about, commands }) => ({ about, commands: refused(commands) }), true)
  const a = await site({ url: server.url, path, seams: { withoutPacking: true } })
  await healed(server, [a])
  await filledBy(server, a)
  expect(countPacked(a)).toBe(2)
  expect(a.instance.lines.filter(({ msg }) => msg.includes('could not be filled'))).toEqual([])
  await healed(server, [a])
  expect(await chatsOf(a.store, 'ann')).toEqual(['a1', 'a2', 'a3'])
  const redis = await behindTheirBacks(server, (redis) => redis.zrange('xinyi:vocabulary', '0', '-1', 'WITHSCORES'))
  expect(redis).toEqual(['sleep', '-3', 'exams', '-1'])
  await a.store.close()
  expect(inFile(path, ownersOfPacks)).toEqual(['bob', 'cem'])
})

test.each(['restore', 'client|reply', 'exec'])('where Redis does not allow %s, it is filled from the rows', async (command) => {
  const { server, path } = await closed()
  const a = await site({ url: server.url, path, seams: { withoutPacking: true } })
  await healed(server, [a])
  await a.store.pin('sqlite')
  await server.kill()
  await server.restart()
  await behindTheirBacks(server, (redis) => redis.acl('SETUSER', 'default', `-${command}`))
  await a.store.pin('auto')
  await until(a.store, inCharge)
  expect(countPacked(a)).toBe(0)
  await expectAllEqual(server, [a])
})

test('where Redis does not allow users to be packed nobody is, and Redis stays in charge', async () => {
  const { server, path } = await closed()
  inFile(path, (db) => db.exec('DELETE FROM packs'))
  await behindTheirBacks(server, (redis) => redis.acl('SETUSER', 'default', '-dump'))
  const held = heldReplica(path)
  const a = await site({ url: server.url, path, seams: { replica: held.replica } })
  await healed(server, [a])
  await expect.poll(() => a.instance.lines.filter(({ msg }) => msg === 'users were packed'), { timeout: 9_000 }).not.toEqual([])
  expect(a.instance.lines.findLast(({ msg }) => msg === 'users were packed')).toMatchObject({ packed: 0, left: 3 })
  expect(await packedIn(held)).toEqual([])
  expect((await a.store.status()).mode).toBe('PRIMARY')
})

/** A Redis that is being filled under this lease, and what fills it. */
async function fillingUnder(lease: string | null) {
  const { server, held } = await packed()
  const page = await held.replica.packedUsers('', 1_000, OPTIONS)
  const other = new RedisClient(server.url)
  onTestFinished(() => other.disconnect())
  const redis = await connectToFill({ url: server.url })
  onTestFinished(() => redis.disconnect())
  await other.flushall()
  if (lease !== null) await other.set('xinyi:lease', lease)
  await other.hset('xinyi:meta', 'leaseMs', '2000')
  const filling = new Filling({ redis, token: 'token', replica: held.replica, options: OPTIONS })
  return { other, filling, page: { ...page, steps: [] } }
}

test.each([
  ['is of another', 'another'],
  ['has run out', null],
])('nothing is put as it was packed when the lease %s', async (_, lease) => {
  const { other, filling, page } = await fillingUnder(lease)
  // Whoever has the lease now has put her there already.
  await other.hset('user:ann:profile', 'user_id', 'ann')
  await expect(filling.write(page)).rejects.toMatchObject({ message: 'LEASE' })
  expect(await other.keys('user:*')).toEqual(['user:ann:profile'])
  expect(await other.exists('xinyi:users')).toBe(0)
})

test('whoever is there already is left to the script that takes them out as a whole', async () => {
  const { other, filling, page } = await fillingUnder('token')
  await filling.write(page)
  expect(filling.packed).toBe(3)
  await filling.write(page)
  expect(filling.packed).toBe(3)
  expect((await other.hkeys('xinyi:users')).sort()).toEqual(['ann', 'bob', 'cem'])
  expect(await other.zrange('xinyi:vocabulary', '0', '-1', 'WITHSCORES')).toEqual(['sleep', '-2', 'exams', '-1'])
  expect(await other.lrange('xinyi:user:ann:entries', '0', '-1')).toEqual(['all'])
})

test('a backup has no packs, nor the bytes of any', async () => {
  const { a, held } = await packed()
  const file = newDataFile()
  await held.replica.snapshot(file)
  const copied = `${file}.as-copied`
  await copyFile(file, copied)
  const rows = inspectSnapshot(file).rows
  expect(rows.users).toBe(4)
  expect(inFile(copied, ownersOfPacks)).toEqual(['ann', 'bob', 'cem'])
  expect(inFile(file, (db) => [ownersOfPacks(db), db.pragma('freelist_count', { simple: true })])).toEqual([[], 0])
  expect(inFile(file, (db) => db.serialize().includes('RESTORE'))).toBe(false)
  expect((await a.store.status()).mode).toBe('PRIMARY')
})
