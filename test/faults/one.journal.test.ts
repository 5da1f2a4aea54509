import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test } from 'vitest'
import { spawnTied } from '../helpers/children.ts'
import { HOUR, NOW } from '../helpers/events.ts'
import { inCharge, inFallback, newDataFile } from '../helpers/joined.ts'
import { freePort, startRedis } from '../helpers/redis.ts'
import { eventually, timed, World, world } from './one.ts'

/** An instance in a process of its own, which kills itself right after its replica has done `killAfter` for a write. */
async function killedAfter(w: World, killAfter: string): Promise<void> {
  // Else it would be killed by what it has to take over at its start.
  await w.settled()
  await w.store.close()
  const program = new URL('./one.child.ts', import.meta.url).pathname
  const child = spawnTied(process.execPath, [program, JSON.stringify({ url: w.url, path: w.path, killAfter })], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'message')
  child.send('killed')
  const [, signal] = await once(child, 'exit')
  expect(signal).toBe('SIGKILL')
  // What was journaled counts, although nobody was told so.
  w.told.set('killed', 1)
}

/** Some of 30 batches, of which two are under way at once, with what it takes to connect. */
const REPLAYED_BYTES = 250_000

describe('what was acknowledged is in the journal', () => {
  test('the writer is killed between the journal and Redis: the next start brings Redis what it lacks, once', async () => {
    const w = await world()
    await killedAfter(w, 'journal')
    expect(await w.admin((redis) => redis.exists('user:killed:profile'))).toBe(0)
    await w.open()
    await w.expectHealed()
  })

  test('the writer is killed after Redis has applied a write, and SQLite taken it over: it is counted once', async () => {
    const w = await world()
    await killedAfter(w, 'applyEntries')
    expect(await w.admin((redis) => redis.exists('user:killed:profile'))).toBe(1)
    await w.open()
    await w.expectHealed()
  })

  test('an instance that was away from Redis and is started again brings Redis what was acknowledged before', async () => {
    const w = await world({ proxied: true })
    w.proxy.cut()
    await w.record('warm', 3)
    await w.store.close()
    await w.open()
    expect(await w.total('warm')).toEqual({ total: 5, served: 'SQLITE' })
    await w.record('warm')
    w.proxy.heal()
    await w.expectHealed()
  })

  test('Redis is not there at the start: everything is recorded and answered, and goes to Redis when it comes', async () => {
    const port = await freePort()
    const path = newDataFile()
    const later = { server: undefined as unknown as World['server'], path, url: `redis://127.0.0.1:${port}` }
    const before = new World(later)
    const { ms } = await timed(() => before.open())
    expect(ms, 'the start waits for nobody').toBeLessThan(5_000)
    await before.record('warm', 3)
    expect(await before.total('warm')).toEqual({ total: 3, served: 'SQLITE' })
    expect(before.lines).toContainEqual(expect.objectContaining({ msg: expect.stringMatching(/^Redis can not be used yet/) }))
    const server = await startRedis({ port })
    onTestFinished(() => server.remove())
    Object.assign(before, { server })
    await before.until(inCharge)
    await before.record('warm')
    await before.expectHealed()
  })

  test('a replay is interrupted by the next fault, again and again: it goes on where it was, and counts once', async () => {
    const w = await world({ proxied: true })
    w.proxy.cut()
    for (let i = 0; i < 30; i += 1) await w.record(`user ${i % 7}`, 100)
    const position = () => w.admin(async (redis) => Number(await redis.hget('xinyi:positions', w.origin.name)))
    for (let round = 0; round < 6; round += 1) {
      const before = await position()
      // By what a replay has sent, not by the time that it has had: how far that brings it is the machine's affair.
      do {
        const { promise: broken, resolve } = Promise.withResolvers<void>()
        w.proxy.afterRequests(REPLAYED_BYTES, () => {
          if (round % 2 === 0) w.proxy.cut()
          else w.proxy.dropReplies(5)
          resolve()
        })
        w.proxy.heal()
        await broken
      } while ((await position()) === before)
    }
    expect(await position(), 'no replay came to its end').toBeLessThan(w.origin.seq)
    w.proxy.heal()
    await w.expectHealed()
  })

  test('Redis is killed while it is filled: the filling begins again', async () => {
    const w = await world()
    for (let i = 0; i < 20; i += 1) await w.store.append(Array.from({ length: 50 }, (_, k) => w.said(`user ${i * 50 + k}`)))
    for (let i = 0; i < 1_000; i += 1) w.told.set(`user ${i}`, 1)
    await w.settled()
    await w.server.kill()
    await w.server.restart()
    await w.admin((redis) => eventually(async () => (await redis.dbsize()) > 100))
    await w.server.kill()
    await w.server.restart()
    w.told.clear()
    await w.until((status) => inCharge(status) && status.reconciliation?.inAgreement === true)
    const [overview] = (await w.store.read([{ kind: 'overview' }], NOW)).answers
    expect(overview).toMatchObject({ users: 1_002 })
  })

  test('the clock goes back by an hour, with Redis and without: nothing is lost, and nothing counted twice', async () => {
    let now = NOW
    const w = await world({ proxied: true, instance: { clock: () => now } })
    const say = (count: number) => w.record('warm', count, { acceptedAt: now })
    await say(2)
    now -= HOUR
    expect(await say(2)).toMatchObject({ durability: 'BOTH' })
    w.proxy.cut()
    await w.until(inFallback)
    await say(2)
    now -= HOUR
    await say(2)
    w.proxy.heal()
    await w.until(inCharge)
    await say(1)
    await w.expectHealed()
  })

  test('the data file is put back from a copy: what came since is taken over from Redis, and what is new counts', async () => {
    const w = await world()
    await w.settled()
    await w.store.close()
    copyFileSync(w.path, `${w.path}.copy`)
    await w.open()
    await w.record('warm', 3)
    await w.record('later', 2)
    await w.settled()
    await w.store.close()
    copyFileSync(`${w.path}.copy`, w.path)
    await w.open()
    await w.record('warm')
    await w.expectHealed()
  })

  test('the data file is put back from a copy with events that Redis has long had: they count once', async () => {
    const w = await world({ proxied: true })
    w.proxy.cut()
    await w.record('warm', 3)
    await w.store.close()
    copyFileSync(w.path, `${w.path}.copy`)
    w.proxy.heal()
    await w.open()
    await w.record('later', 2)
    await w.settled()
    await w.store.close()
    copyFileSync(`${w.path}.copy`, w.path)
    await w.open()
    await w.record('warm')
    await w.expectHealed()
  })

  test('events that stand there in another order than that of their origin are pushed in that order', async () => {
    const w = await world()
    await w.store.pin('sqlite')
    await w.record('warm', 3)
    await w.store.close()
    const file = new Database(w.path)
    file.exec('UPDATE journal SET place = -place')
    file.close()
    await w.open()
    await w.expectHealed()
    expect(w.lines.filter(({ msg }) => msg?.includes('nobody holds'))).toEqual([])
  })
})
