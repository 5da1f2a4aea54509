import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { inCharge, inFallback } from '../helpers/joined.ts'
import { freePort } from '../helpers/redis.ts'
import { eventually, LATEST_MS, timed, type World, withRedis, world } from './one.ts'

/** While Redis refuses, writes and reads are answered, and the status says why; afterwards all is as it should be. */
async function refuses(w: World, word: string, mend: () => Promise<unknown>): Promise<void> {
  const { ms, value } = await timed(() => w.record('warm'))
  expect(value.durability).toBe('JOURNAL')
  expect(ms).toBeLessThan(LATEST_MS)
  expect(await w.total('warm')).toEqual({ total: 3, served: 'SQLITE' })
  await w.until((status) => inFallback(status) && status.redis?.lastError === word)
  await w.record('warm', 2)
  await mend()
  await w.expectHealed()
}

const configure =
  (w: World, ...setting: [name: string, value: string][]) =>
  (): Promise<void> =>
    w.admin(async (redis) => {
      for (const [name, value] of setting) await redis.config('SET', name, value)
    })

describe('Redis answers, and refuses', () => {
  test('READONLY: a Redis that was made a replica is left until it is one no more', async () => {
    const w = await world()
    await w.admin((redis) => redis.replicaof('127.0.0.1', NOBODY))
    await refuses(w, 'READONLY', () => w.admin((redis) => redis.replicaof('NO', 'ONE')))
  })

  test('OOM: a Redis without memory left is left until it has some', async () => {
    const w = await world()
    await configure(w, ['maxmemory', '1'])()
    await refuses(w, 'OOM', configure(w, ['maxmemory', '0']))
  })

  test('OOM: what is refused has changed nothing', async () => {
    const w = await world()
    await configure(w, ['maxmemory', '1'])()
    await w.record('warm', 2)
    expect(w.lines).toContainEqual(expect.objectContaining({ because: 'OOM', msg: 'Redis can not be used: SQLite serves from now on' }))
    expect(await w.admin((redis) => redis.hexists('xinyi:users', 'warm'))).toBe(1)
    await configure(w, ['maxmemory', '0'])()
    await w.expectHealed()
  })

  test('MISCONF: a Redis that can not save, and so takes no writes, is left until it can', async () => {
    const w = await world({ persistence: 'rdb' })
    const dump = join(w.server.dir, 'dump.rdb')
    const saves = (status: string) =>
      w.admin(async (redis) => {
        await redis.bgsave()
        await eventually(async () => {
          const info = await redis.info('persistence')
          return info.includes('rdb_bgsave_in_progress:0') && info.includes(`rdb_last_bgsave_status:${status}`)
        })
      })
    rmSync(dump, { force: true })
    mkdirSync(join(dump, 'in the way'), { recursive: true })
    await saves('err')
    await refuses(w, 'MISCONF', async () => {
      rmSync(dump, { recursive: true })
      await saves('ok')
    })
  })

  test('NOPERM: a Redis that takes a right away is left until it gives it back', async () => {
    const port = await freePort()
    const w = await world({ port })
    await w.store.close()
    const acl = (...rules: string[]) => w.admin((redis) => redis.call('ACL', 'SETUSER', 'writer', ...rules))
    await acl('on', '>secret', '~*', '&*', '+@all')
    await w.open({ url: `redis://writer:secret@127.0.0.1:${port}` })
    await w.until(inCharge)
    await acl('-evalsha', '-eval', '-set')
    await refuses(w, 'NOPERM', () => acl('+@all'))
  })

  test('BUSY: a Redis that runs a script without end is left until that is killed', async () => {
    const w = await world({ args: ['--busy-reply-threshold', '5'] })
    await withRedis(w.server.socket, async (redis) => {
      const endless = redis.eval('while true do end', 0).catch(() => {})
      await w.admin((other) => eventually(async () => (await other.ping().catch((error: unknown) => String(error))).includes('BUSY')))
      await refuses(w, 'BUSY', async () => {
        await w.admin((other) => other.script('KILL'))
        await endless
      })
    })
  })

  test('LOADING: a Redis that reads its data back is left until it has', async () => {
    const w = await world({
      persistence: 'rdb',
      args: ['--key-load-delay', '20000', '--loading-process-events-interval-bytes', '1024'],
    })
    for (let i = 0; i < 5; i += 1) await w.record(`user ${i}`)
    await w.server.stop()
    const loaded = w.server.restart()
    await refuses(w, 'LOADING', () => loaded)
  })

  test('the password is changed: whoever is connected goes on, and after a loss SQLite serves until the password is right', async () => {
    const port = await freePort()
    const w = await world({ port })
    await w.store.close()
    await w.admin((redis) => redis.call('ACL', 'SETUSER', 'operator', 'on', 'nopass', '~*', '&*', '+@all'))
    const operator = <T>(work: (redis: Redis) => Promise<T>) => withRedis(`redis://operator:any@127.0.0.1:${port}`, work)
    await operator((redis) => redis.config('SET', 'requirepass', 'old'))
    await w.open({ url: `redis://:old@127.0.0.1:${port}` })
    await w.until(inCharge)
    await operator((redis) => redis.config('SET', 'requirepass', 'new'))
    expect(await w.record('warm')).toMatchObject({ durability: 'BOTH' })
    await operator((redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'))
    await w.until((status) => inFallback(status) && status.redis?.lastError === 'WRONGPASS')
    expect(await w.record('warm')).toMatchObject({ durability: 'JOURNAL' })
    await operator((redis) => redis.config('SET', 'requirepass', 'old'))
    await w.until(inCharge)
    await operator((redis) => redis.config('SET', 'requirepass', ''))
    await w.expectHealed()
  })
})

/** A port that nobody listens on. */
const NOBODY = 1
