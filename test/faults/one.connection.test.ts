import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { NOW } from '../helpers/events.ts'
import { inCharge, inFallback } from '../helpers/joined.ts'
import { AT_ONCE_MS, eventually, LATEST_MS, timed, type World, world } from './one.ts'

/** A write that Redis has been sent and holds back. (One that a busy machine lets run into its time-out first is not: then the next.) */
async function inFlight(w: World): Promise<ReturnType<World['record']>[]> {
  return w.admin(async (redis) => {
    for (;;) {
      await w.until(inCharge)
      await redis.call('CLIENT', 'PAUSE', '5000', 'WRITE')
      const answer = w.record('warm')
      let answered = false
      const noted = answer.then(() => (answered = true))
      let held = false
      await eventually(async () => {
        held = /flags=b.* cmd=evalsha/.test(String(await redis.client('LIST')))
        return held || answered
      })
      if (held && !answered) return [answer]
      await noted
      await redis.call('CLIENT', 'UNPAUSE')
    }
  })
}

describe('the way to Redis breaks', () => {
  test('Redis is killed with a write under way: it is acknowledged all the same, and counted once', async () => {
    const w = await world({ threaded: true, persistence: 'aof', args: ['--appendfsync', 'always'] })
    const [answer] = await inFlight(w)
    await w.server.kill()
    expect(await answer).toMatchObject({ durability: 'JOURNAL' })
    await w.server.restart()
    await w.expectHealed()
  })

  test('Redis is killed while nobody asks it anything: the next write is acknowledged in no time', async () => {
    const w = await world({ threaded: true, persistence: 'aof', args: ['--appendfsync', 'always'] })
    await w.server.kill()
    const { ms, value } = await timed(() => w.record('warm'))
    expect(value.durability).toBe('JOURNAL')
    expect(ms).toBeLessThan(AT_ONCE_MS)
    await w.server.restart()
    await w.expectHealed()
  })

  test('Redis stands still (SIGSTOP): a write is acknowledged after the time-out, and counted once though Redis gets to it later', async () => {
    const w = await world({ threaded: true })
    w.server.freeze()
    const { ms, value } = await timed(() => w.record('warm'))
    expect(value.durability).toBe('JOURNAL')
    expect(ms).toBeLessThan(LATEST_MS)
    await w.record('warm', 3)
    w.server.thaw()
    await w.expectHealed()
  })

  test('the network swallows everything: a sweep goes on in SQLite', async () => {
    const w = await world({ proxied: true })
    await w.settled()
    w.proxy.hang()
    const { removedLogEntries } = await w.store.sweep(NOW + 40 * DAY_MS)
    expect(removedLogEntries).toBeGreaterThan(0)
    expect(await w.store.status()).toMatchObject({ mode: 'FALLBACK' })
    w.proxy.heal()
    await w.expectHealed({ log: false })
  })

  test('the network swallows everything: a read is answered after the time-out, all others at once', async () => {
    const w = await world({ threaded: true, proxied: true })
    w.proxy.hang()
    const first = await timed(() => w.total('warm'))
    expect(first.value).toEqual({ total: 2, served: 'SQLITE' })
    expect(first.ms).toBeLessThan(LATEST_MS)
    const others = [await timed(() => w.total('warm')), await timed(() => w.total('warm')), await timed(() => w.total('warm'))]
    expect(Math.min(...others.map(({ ms }) => ms))).toBeLessThan(250)
    await w.record('warm', 3)
    w.proxy.heal()
    await w.expectHealed()
  })

  test('a write that arrives late, when the network heals, is counted once', async () => {
    const w = await world({ threaded: true, proxied: true })
    w.proxy.hang()
    expect(await w.record('warm')).toMatchObject({ durability: 'JOURNAL' })
    w.proxy.heal()
    await w.expectHealed()
  })

  test('the reply is lost after Redis has applied a write: it is counted once', async () => {
    const w = await world({ threaded: true, proxied: true })
    const position = () => w.admin((redis) => redis.hget('xinyi:positions', w.origin.name))
    do {
      w.proxy.heal()
      const [answer] = await inFlight(w)
      w.proxy.dropReplies()
      await w.admin((redis) => redis.call('CLIENT', 'UNPAUSE'))
      expect(await answer).toMatchObject({ durability: 'JOURNAL' })
      // On a busy machine it may have run into its time-out before: then the next.
    } while (Number(await position()) !== w.origin.seq)
    w.proxy.heal()
    await w.expectHealed()
  })

  test('every connection is reset, again and again, between writes: nothing is lost', async () => {
    const w = await world({ threaded: true, proxied: true })
    for (let i = 0; i < 10; i += 1) {
      await w.record('warm', 2)
      const write = w.record(`user ${i}`)
      w.proxy.cut()
      await write
      w.proxy.heal()
    }
    await w.expectHealed()
  })

  test('a link dies that only waits for news: that is noticed, although nobody asks anything', async () => {
    const w = await world({ threaded: true, proxied: true })
    w.proxy.hang()
    await eventually(() => w.store.backend === 'SQLITE')
    w.proxy.heal()
    await w.expectHealed()
  })

  test('a slow network (25 ms each way) is no reason to leave Redis', async () => {
    const w = await world({ threaded: true, proxied: true })
    w.proxy.slow(25)
    expect(await w.record('warm')).toMatchObject({ durability: 'BOTH' })
    expect(await w.total('warm')).toEqual({ total: 3, served: 'REDIS' })
    w.proxy.heal()
    await w.expectHealed()
  })

  test('connections closed by an operator (CLIENT KILL) come back by themselves', async () => {
    const w = await world({ threaded: true })
    await w.admin((redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'))
    await w.record('warm')
    await w.expectHealed()
  })

  test('an operator can tell from the status what is wrong, and what waits', async () => {
    const w = await world({ threaded: true })
    await w.server.kill()
    await w.until(inFallback)
    await w.record('warm', 3)
    expect(await w.store.status()).toMatchObject({
      backend: 'SQLITE',
      mode: 'FALLBACK',
      pendingWrites: 3,
      redis: { reachable: false, lastError: expect.stringMatching(/^[\w ]+$/) },
    })
    expect(w.lines.map(({ msg }) => msg)).toContain('Redis can not be used: SQLite serves from now on')
  })
})
