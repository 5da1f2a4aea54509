import { crc32 } from 'node:zlib'
import { type Redis, Redis as RedisClient } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { Filling } from '../../src/store/failover/filling.ts'
import { connectToFill } from '../../src/store/redis/connect.ts'
import { NOW } from '../helpers/events.ts'
import { inCharge, until } from '../helpers/joined.ts'
import { closed, countPacked, filledBy, inFile, OPTIONS, ownersOfPacks, packed, packedIn } from './packs.ts'
import { behindTheirBacks, chatsOf, expectAllEqual, healed, heldReplica, site } from './several.ts'

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
    // Whoever the log tells of is there.
    expect(each['xinyi:meta']).not.toMatchObject({ value: expect.arrayContaining([['unlisted', expect.anything()]]) })
    // Another filling, another epoch.
    delete each['xinyi:meta']
    delete each['xinyi:lineage']
  }
  expect(withPacks).toEqual(without)
  await expectAllEqual(server, [plain])
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

test('a revision that can not be read does not end a filling before everybody is there', async () => {
  const { server, path } = await closed()
  inFile(path, (db) => db.exec("UPDATE users SET rev = 9007199254740995 WHERE user_id = 'ann'"))
  await behindTheirBacks(server, (redis) => redis.flushall())
  const a = await site({ url: server.url, path, seams: { withoutPacking: true, withoutComparison: true } })
  await until(a.store, inCharge)
  const users = await behindTheirBacks(server, (redis) => redis.hkeys('xinyi:users'))
  expect(users).toEqual(expect.arrayContaining(['bob', 'cem', 'dan']))
})

test('a pack from beyond the log that Redis is filled with does not count', async () => {
  const { held } = await packed()
  expect(await packedIn(held, { ...OPTIONS, n: 5 })).toEqual(['ann', 'bob'])
})

const checksumOf = (user: string, rev: number, about: Buffer, commands: Buffer) => crc32(commands, crc32(about, crc32(`2 ${rev} ${user}`)))

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

test('where Redis does not take a pack, as one of a newer Redis, all of that transaction are filled from the rows within the same filling, and have no packs any more', async () => {
  const { server, path } = await closed()
  // The last bytes of a payload are its version and checksum.
  const refused = (commands: Buffer) => flipped(commands, commands.indexOf('\r\n$7\r\nREPLACE') - 9)
  spoil(path, 'ann', ({ about, commands }) => ({ about, commands: refused(commands) }), true)
  const a = await site({ url: server.url, path, seams: { withoutPacking: true } })
  await healed(server, [a])
  await filledBy(server, a)
  expect(countPacked(a)).toBe(0)
  expect(a.instance.lines.filter(({ msg }) => msg.includes('could not be filled'))).toEqual([])
  await healed(server, [a])
  expect(await chatsOf(a.store, 'ann')).toEqual(['a1', 'a2', 'a3'])
  const redis = await behindTheirBacks(server, (redis) => redis.zrange('xinyi:vocabulary', '0', '-1', 'WITHSCORES'))
  expect(redis).toEqual(['sleep', '-3', 'exams', '-1'])
  await a.store.close()
  expect(inFile(path, ownersOfPacks)).toEqual([])
})

test.each(['restore', 'client|reply', 'exec', 'dbsize'])('where Redis does not allow %s, it is filled from the rows', async (command) => {
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
  return { held, other, filling, page: { ...page, steps: [] } }
}

test.each([
  ['is of another', 'another'],
  ['has run out', null],
])('nothing is put as it was packed when the lease %s', async (_, lease) => {
  const { held, other, filling, page } = await fillingUnder(lease)
  // Whoever has the lease now has put her there already.
  await other.hset('user:ann:profile', 'user_id', 'ann')
  await expect(filling.write(page)).rejects.toMatchObject({ message: 'LEASE' })
  expect(await other.keys('user:*')).toEqual(['user:ann:profile'])
  expect(await other.exists('xinyi:users')).toBe(0)
  // Nothing is wrong with the packs.
  expect(await packedIn(held)).toEqual(['ann', 'bob', 'cem'])
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
