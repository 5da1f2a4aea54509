import { describe, expect, test } from 'vitest'
import { inCharge, inFallback } from '../helpers/joined.ts'
import { eventually, LATEST_MS, timed, world } from './one.ts'

describe('whoever asks is told what holds', () => {
  test('with Redis a write is kept in both stores and read from Redis; without it, in the journal and from SQLite', async () => {
    const w = await world({ threaded: true })
    expect(await w.record('warm')).toMatchObject({ durability: 'BOTH' })
    expect(await w.total('warm')).toEqual({ total: 3, served: 'REDIS' })
    await w.server.kill()
    expect(await w.record('warm')).toMatchObject({ durability: 'JOURNAL' })
    expect(await w.total('warm')).toEqual({ total: 4, served: 'SQLITE' })
    expect([w.store.backend, w.store.pendingWrites]).toEqual(['SQLITE', 1])
    await w.server.restart()
    await w.until(inCharge)
    expect(await w.record('warm')).toMatchObject({ durability: 'BOTH' })
    expect([w.store.backend, w.store.pendingWrites]).toEqual(['REDIS', 0])
    await w.expectHealed()
  })

  test('who has been told that something is recorded reads it, at every moment and through every change of mode', async () => {
    const w = await world({ threaded: true, proxied: true })
    const faults = [
      () => w.proxy.cut(),
      () => w.proxy.heal(),
      () => w.proxy.dropReplies(),
      () => w.proxy.heal(),
      () => w.proxy.cut(),
      () => w.proxy.heal(),
    ]
    let acknowledged = 2
    let done = false
    const less: { asked: number; total: number }[] = []
    const reading = Promise.all(
      [1, 2, 3].map(async () => {
        while (!done) {
          const asked = acknowledged
          const { total } = await w.total('warm')
          if (total < asked) less.push({ asked, total })
        }
      }),
    )
    for (const fault of faults) {
      for (let i = 0; i < 15; i += 1) {
        await w.record('warm')
        acknowledged += 1
      }
      fault()
    }
    await w.until(inCharge)
    done = true
    await reading
    expect(less).toEqual([])
    await w.expectHealed()
  })

  test('no request fails while Redis comes and goes, and none takes longer than the time-out', async () => {
    const w = await world({ threaded: true, proxied: true })
    const took: number[] = []
    for (const fault of ['hang', 'heal', 'cut', 'heal', 'dropReplies', 'heal'] as const) {
      w.proxy[fault]()
      for (let i = 0; i < 8; i += 1) {
        const [write, read] = await Promise.all([timed(() => w.record('warm')), timed(() => w.total('cold'))])
        took.push(write.ms, read.ms)
      }
    }
    expect(Math.max(...took)).toBeLessThan(LATEST_MS)
    await w.expectHealed()
  })

  test('a change of mode is told to whoever waits for one', async () => {
    const w = await world({ threaded: true })
    const told = w.store.statusChanged(AbortSignal.timeout(5_000))
    await w.server.kill()
    await told
    expect(await w.store.status()).toMatchObject({ mode: 'FALLBACK' })
  })

  test('a place in the log leads on through an absence of Redis and back: nothing is told twice, nothing left out', async () => {
    const w = await world({ threaded: true, proxied: true })
    const seen: string[] = []
    let place = { epoch: (await w.store.status()).epoch, n: 0 }
    const follow = async () => {
      const { epoch, entries } = await w.store.log(place, 1_000)
      place = { epoch, n: entries.at(-1)?.n ?? place.n }
      seen.push(...entries.flatMap(({ event }) => event?.id ?? []))
    }
    await follow()
    w.proxy.cut()
    await w.until(inFallback)
    await w.record('warm', 3)
    w.proxy.heal()
    await w.until(inCharge)
    await w.record('warm', 2)
    await follow()
    expect(seen).toEqual(Array.from({ length: 9 }, (_, i) => `${w.origin.name} ${i + 1}`))
    await w.expectHealed()
  })
})

describe('an operator moves the service off Redis', () => {
  test('pinned to sqlite it leaves Redis alone until it is let go, and brings Redis then what came meanwhile', async () => {
    const w = await world({ threaded: true })
    await w.store.pin('sqlite')
    expect(await w.store.status()).toMatchObject({ mode: 'FALLBACK', pinned: true, backend: 'SQLITE' })
    expect(await w.total('warm')).toEqual({ total: 2, served: 'SQLITE' })
    await w.record('warm', 3)
    expect(await w.admin((redis) => redis.hget('xinyi:positions', w.origin.name))).toBe('4')
    await w.server.kill()
    await w.server.restart()
    await w.record('warm')
    await w.store.pin('auto')
    await w.until((status) => inCharge(status) && !status.pinned)
    await w.expectHealed()
  })

  test('pinned while Redis is away, it stays where it is when Redis comes back', async () => {
    const w = await world({ threaded: true, proxied: true })
    w.proxy.cut()
    await w.until(inFallback)
    await w.store.pin('sqlite')
    w.proxy.heal()
    await w.record('warm', 3)
    // A try may have been under way.
    await eventually(() => w.proxy.connections === 0)
    await w.record('warm')
    expect(w.proxy.connections).toBe(0)
    expect(w.store.backend).toBe('SQLITE')
    await w.store.pin('auto')
    await w.expectHealed()
  })
})
