import { statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test, vi } from 'vitest'
import { compact as compactCommand } from '../../src/commands/compact.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { compact } from '../../src/store/sqlite/compact.ts'
import { Replica } from '../../src/store/sqlite/replica/replica.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { startApp } from '../http/app.ts'
import { tamper } from './sqlite.files.ts'

/** A file of which half is not used any more. */
function wasteful(): Database.Database {
  const dir = tempDir()
  const db = new Database(join(dir.path, 'x.db'))
  onTestFinished(() => {
    db.close()
    dir.remove()
  })
  db.exec(
    'PRAGMA journal_mode = WAL; CREATE TABLE meta (unscrubbed); CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(1e6)), (zeroblob(1e6))',
  )
  db.exec('DELETE FROM t WHERE rowid = 1')
  return db
}

test('a data file is written anew without what is unused in it, and one that is too large for that only where others may wait', () => {
  const db = wasteful()
  db.pragma('wal_checkpoint(TRUNCATE)')
  const { size } = statSync(db.name)
  expect(compact(db, { mayHoldUp: false }, size - 1)).toBe(size)
  expect(statSync(db.name).size).toBe(size)
  expect(compact(db, { mayHoldUp: true }, size - 1)).toBeNull()
  expect(statSync(db.name).size).toBeLessThan(0.6 * size)
  expect(statSync(`${db.name}-wal`).size).toBe(0)
  expect(db.prepare('SELECT sum(length(x)) FROM t').pluck().get()).toBe(1_000_000)
  expect(compact(db, { mayHoldUp: false }, 0)).toBeNull()
})

test('compact says how much a running server gave back, and everything is as it was', async () => {
  const { app, config } = await startApp()
  const { store } = app.services
  const origin = new Origin()
  const say = (user: string) => Array.from({ length: 100 }, () => origin.recorded({ user, query: '说'.repeat(2_000) }))
  await store.append([...say('stays'), ...say('leaves')])
  await store.append([origin.cleared('leaves')])
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  onTestFinished(() => log.mockRestore())
  await compactCommand(config, { json: true })
  const { before, after } = JSON.parse(String(log.mock.lastCall?.[0]))
  expect(after.fileBytes).toBeLessThan(before.fileBytes)
  const { answers } = await store.read(
    [
      { kind: 'user', userId: 'stays' },
      { kind: 'user', userId: 'leaves' },
    ],
    NOW,
  )
  expect(answers.map((user) => user?.totalChats)).toEqual([100, 100])
})

test('what is unused in the append-only file of Redis goes, and everything is as it was', async () => {
  const server = await startRedis({ persistence: 'aof' })
  const store = await openRedisStore({ url: server.url })
  const redis = new Redis(server.url)
  onTestFinished(async () => {
    redis.disconnect()
    await store.close()
    await server.remove()
  })
  const origin = new Origin()
  await store.append(Array.from({ length: 100 }, () => origin.recorded({ user: 'leaves', query: '说'.repeat(2_000) })))
  await store.append([origin.erased('leaves'), origin.recorded({ user: 'stays' })])
  const bytes = async () => Number(/aof_current_size:(\d+)/.exec(await redis.info('persistence'))?.[1])
  const before = await bytes()
  expect(before).toBeGreaterThan(500_000)
  await store.compact()
  await expect.poll(bytes, { timeout: 10_000 }).toBeLessThan(before / 2)
  expect((await store.read([{ kind: 'user', userId: 'stays' }], NOW)).answers).toMatchObject([{ totalChats: 1 }])
})

test('a server that ends does not write a large file anew, which takes long: the next sweep does', () => {
  const dir = tempDir()
  onTestFinished(dir.remove)
  const unscrubbed = (mib: number): unknown => {
    const path = join(dir.path, `${mib}.db`)
    new Replica(path).close()
    tamper(path, `UPDATE meta SET unscrubbed = 1; CREATE TABLE large AS SELECT zeroblob(${mib} * 1024 * 1024) AS x`)
    new Replica(path).close()
    const db = new Database(path, { readonly: true })
    try {
      return db.prepare('SELECT unscrubbed FROM meta').pluck().get()
    } finally {
      db.close()
    }
  }
  expect([unscrubbed(1), unscrubbed(65)]).toEqual([0, 1])
})
