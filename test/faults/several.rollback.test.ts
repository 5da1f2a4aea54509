import { readdirSync, readFileSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { writeBackup } from '../../src/backup/file.ts'
import { restoreBackup } from '../../src/backup/restore.ts'
import { inspect } from '../../src/store/redis/inspect.ts'
import { beginSeed } from '../../src/store/redis/seed.ts'
import { NOW } from '../helpers/events.ts'
import { inAgreement, newDataFile, until } from '../helpers/joined.ts'
import { replicaHere } from '../helpers/this-thread.ts'
import { behindTheirBacks, chatsOf, expectAllEqual, healed, ownRedis, restartFrom, Site, savedCopy, site } from './several.ts'

/** A backup of what an instance holds now. */
async function backupOf({ store }: Site): Promise<string> {
  const copy = newDataFile()
  await store.snapshot(copy)
  const file = `${copy}.backup`
  await writeBackup(file, { database: copy })
  return file
}

/** Where a backup was restored, in an empty directory. */
async function restored(file: string, rollback: boolean): Promise<string> {
  const path = newDataFile()
  await restoreBackup(file, dirname(path), { force: false, rollback, backend: 'redis' })
  return path
}

const asideOf = ({ instance }: Site): { kind: string; user: string; query?: string }[] => {
  const dir = dirname(instance.path)
  return readdirSync(dir)
    .filter((name) => name.startsWith('set-aside-'))
    .flatMap((name) => readFileSync(join(dir, name), 'utf8').trim().split('\n'))
    .map((line) => JSON.parse(line))
}

/** Two instances, of which one is backed up, and what came after the backup: from both, and the erasure of a person who is in it. */
async function two() {
  const server = await ownRedis({ persistence: 'rdb' })
  const [a, b] = [await site({ url: server.url }), await site({ url: server.url })]
  await a.record('ann', ['a1'], { riskLevel: 'HIGH' })
  await b.record('bob', ['b1'])
  await a.record('gone', ['g1'])
  await healed(server, [a, b])
  const file = await backupOf(a)
  const { settled } = await b.store.status()
  await a.record('ann', ['a2'])
  await b.record('new', ['b2'], { riskLevel: 'HIGH' })
  await b.tell(b.origin.erased('gone', NOW + 1))
  await healed(server, [a, b])
  return { server, a, b, file, settled }
}

test('a rollback: Redis and every replica go back to the backup, cursors expire, the erased stay erased, and what came after is set aside', async () => {
  const { server, a, b, file, settled } = await two()
  await a.store.close()
  const back = await site({ url: server.url, path: await restored(file, true) })
  await healed(server, [back, b])
  for (const { store } of [back, b]) {
    expect(await chatsOf(store, 'ann')).toEqual(['a1'])
    expect(await chatsOf(store, 'bob')).toEqual(['b1'])
    for (const user of ['new', 'gone']) expect(await chatsOf(store, user)).toEqual([])
    await expect(store.log(settled, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await expect(store.told(settled, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
  }
  // What it began to number it goes on with under another origin, as the service does.
  expect((await b.store.append([b.origin.recorded({ user: 'bob' })])).outcomes).toMatchObject([{ type: 'gap' }])
  await new Site(b.instance).record('bob', ['b3'])
  await back.record('ann', ['a3'])
  for (const each of [back, b])
    expect(
      asideOf(each)
        .map(({ kind, user }) => `${kind} ${user}`)
        .sort(),
    ).toEqual(['recorded ann', 'recorded new'])
  await healed(server, [back, b])
  expect(await chatsOf(back.store, 'bob')).toEqual(['b1', 'b3'])
  await expectAllEqual(server, [back, b])
})

test('a rollback that was broken off before all of the log was set aside is one all the same when it is begun again', async () => {
  const { server, a, b, file } = await two()
  for (const { store } of [a, b]) await store.close()
  await behindTheirBacks(server, async (redis) => {
    const over = await inspect(redis)
    const { dataSetId } = over.state === 'ready' ? over.identity : { dataSetId: '' }
    const brokenOff = () => Promise.reject(new Error('the disk is full'))
    await expect(beginSeed(redis, { dataSetId, token: 'mine', leaseMs: 50, over }, brokenOff)).rejects.toThrow()
  })
  const back = await site({ url: server.url, path: await restored(file, true) })
  await healed(server, [back])
  expect(
    asideOf(back)
      .map(({ kind, user }) => `${kind} ${user}`)
      .sort(),
  ).toEqual(['recorded ann', 'recorded new'])
  const again = await site({ url: server.url, path: b.instance.path })
  await healed(server, [back, again])
  for (const { store } of [back, again]) {
    expect(await chatsOf(store, 'ann')).toEqual(['a1'])
    for (const user of ['new', 'gone']) expect(await chatsOf(store, user)).toEqual([])
  }
  await expectAllEqual(server, [back, again])
})

test('an instance that was down during a rollback follows it when it starts, and so does a Redis that has gone back to before it', async () => {
  const { server, a, b, file } = await two()
  const before = await savedCopy(server)
  await a.store.close()
  await b.store.close()
  const back = await site({ url: server.url, path: await restored(file, true) })
  await until(back.store, inAgreement)
  await back.record('ann', ['a3'])
  const late = await site({ url: server.url, path: b.instance.path })
  await healed(server, [back, late])
  expect(await chatsOf(late.store, 'ann')).toEqual(['a1', 'a3'])
  expect(await chatsOf(late.store, 'new')).toEqual([])
  await restartFrom(server, before)
  await healed(server, [back, late])
  for (const { store } of [back, late]) {
    expect(await chatsOf(store, 'ann')).toEqual(['a1', 'a3'])
    expect(await chatsOf(store, 'new')).toEqual([])
  }
  await expectAllEqual(server, [back, late])
})

test('what is set aside is in one file, however often that had to be tried', async () => {
  const { server, a, b, file } = await two()
  for (const { store } of [a, b]) await store.close()
  const back = await site({ url: server.url, path: await restored(file, true) })
  await healed(server, [back])
  const replica = replicaHere(b.instance.path)
  let failures = 3
  const failing = new Proxy(replica, {
    get: (_, method) =>
      method === 'startOver' && failures-- > 0 ? () => Promise.reject(new Error('the disk is full')) : Reflect.get(replica, method),
  })
  const late = await site({ url: server.url, path: b.instance.path, seams: { replica: failing } })
  await healed(server, [back, late])
  expect(failures).toBeLessThan(0)
  expect(asideOf(late)).toHaveLength(2)
})

test('a backup holds what was acknowledged anywhere before it was asked for', async () => {
  const server = await ownRedis()
  const [a, b] = [await site({ url: server.url }), await site({ url: server.url })]
  await healed(server, [a, b])
  await b.record('bob', ['b1', 'b2'])
  const copy = await site({ url: 'redis://127.0.0.1:1', path: await restored(await backupOf(a), false) })
  expect(await chatsOf(copy.store, 'bob')).toEqual(['b1', 'b2'])
})

test('a backup that is restored beside a live Redis joins it: what is newer there stays', async () => {
  const { server, a, b, file, settled } = await two()
  await a.store.close()
  const back = await site({ url: server.url, path: await restored(file, false) })
  await healed(server, [back, b])
  expect(await chatsOf(back.store, 'ann')).toEqual(['a1', 'a2'])
  expect(await chatsOf(back.store, 'new')).toEqual(['b2'])
  expect(await chatsOf(back.store, 'gone')).toEqual([])
  expect((await back.store.log(settled, 10)).entries.map(({ event }) => event?.user)).toEqual(['ann', 'new', 'gone'])
  expect(asideOf(b)).toEqual([])
  await expectAllEqual(server, [back, b])
})

test('a backup that is restored where Redis is empty joins what another replica holds that is newer', async () => {
  const { server, a, b, file } = await two()
  await a.store.close()
  // The restored one comes first.
  await b.store.pin('sqlite')
  await behindTheirBacks(server, (redis) => redis.flushall())
  const back = await site({ url: server.url, path: await restored(file, false) })
  await until(back.store, inAgreement)
  await b.store.pin('auto')
  await healed(server, [back, b])
  for (const { store } of [back, b]) {
    expect(await chatsOf(store, 'ann')).toEqual(['a1', 'a2'])
    expect(await chatsOf(store, 'new')).toEqual(['b2'])
    expect(await chatsOf(store, 'gone')).toEqual([])
  }
  await expectAllEqual(server, [back, b])
})

test('a Redis from before an erasure that only a note beside a lost data file tells of forgets the person again', async () => {
  const server = await ownRedis({ persistence: 'rdb' })
  const a = await site({ url: server.url })
  await a.record('gone', ['g1'])
  await a.record('ann', ['a1'])
  await healed(server, [a])
  const before = await savedCopy(server)
  await a.tell(a.origin.erased('gone', NOW + 1))
  await healed(server, [a])
  await a.store.close()
  await restartFrom(server, before)
  // As in the same directory, without its data file.
  const path = newDataFile()
  renameSync(join(dirname(a.instance.path), 'xinyi.erased'), join(dirname(path), 'xinyi.erased'))
  const again = await site({ url: server.url, path })
  await healed(server, [again])
  expect(await chatsOf(again.store, 'ann')).toEqual(['a1'])
  expect(await chatsOf(again.store, 'gone')).toEqual([])
  await expectAllEqual(server, [again])
})
