import { copyFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { inspectSnapshot } from '../../src/store/sqlite/snapshot.ts'
import { MINUTE, NOW } from '../helpers/events.ts'
import { newDataFile } from '../helpers/joined.ts'
import { closed, countPacked, filledBy, inFile, ownersOfPacks, packed, packedIn, untilPacked } from './packs.ts'
import { behindTheirBacks, expectAllEqual, healed, heldReplica, site } from './several.ts'

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

test('where Redis does not allow users to be packed nobody is, and Redis stays in charge', async () => {
  const { server, path } = await closed()
  inFile(path, (db) => db.exec('DELETE FROM packs'))
  await behindTheirBacks(server, (redis) => redis.acl('SETUSER', 'default', '-dump'))
  const held = heldReplica(path)
  const a = await site({ url: server.url, path, seams: { replica: held.replica } })
  await healed(server, [a])
  await expect.poll(() => a.instance.lines.filter(({ msg }) => msg === 'users were packed'), { timeout: 25_000 }).not.toEqual([])
  expect(a.instance.lines.findLast(({ msg }) => msg === 'users were packed')).toMatchObject({ packed: 0, left: 3 })
  expect(await packedIn(held)).toEqual([])
  expect((await a.store.status()).mode).toBe('PRIMARY')
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
