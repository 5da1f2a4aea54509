import { expect, test } from 'vitest'
import { DAY_MS } from '../../../src/model.ts'
import { HOUR, NOW } from '../../helpers/events.ts'
import { given, type Open, snapshot } from './harness.ts'

const never = new AbortController().signal

export function life(open: Open): void {
  test('after a restart every answer is the same', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversations: 4, emotionsDays: 9, profileDays: 30 }, NOW - 40 * DAY_MS))
    const levels = ['LOW', 'HIGH', 'MEDIUM', 'UNKNOWN'] as const
    await it.recordAll(
      Array.from({ length: 40 }, (_, i) => ({
        user: `u${i % 5}`,
        id: `c${i % 17}`,
        acceptedAt: NOW - (40 - i) * DAY_MS,
        occurredAt: NOW - (40 - i) * DAY_MS - (i % 3) * HOUR,
        riskLevel: levels[i % 4] ?? 'LOW',
        emotionScore: i / 7,
        topics: [`t${i % 3}`],
      })),
    )
    await it.append([it.origin.cleared('u1'), it.origin.erased('u2'), it.origin.expired('u3'), it.origin.policy({ conversations: 2 })])
    const [before, status] = [await snapshot(it.store, NOW), await it.store.status()]
    const store = await it.reopen()
    expect(await snapshot(store, NOW)).toEqual(before)
    expect(await store.status()).toMatchObject({ dataSetId: status.dataSetId, n: 45, settled: { epoch: status.settled.epoch } })
    expect(status.dataSetId).not.toBe('')
    expect(await it.record({ user: 'u4' })).toMatchObject({ type: 'applied', n: 46 })
  })

  test('two data sets have two ids', async () => {
    const one = (await (await given(open)).store.status()).dataSetId
    expect((await (await given(open)).store.status()).dataSetId).not.toBe(one)
  })

  test('the store says which it is, and how Redis is doing where it is Redis', async () => {
    const it = await given(open)
    const { redis, ...status } = await it.store.status()
    expect(status).toMatchObject({
      backend: it.store.backend,
      since: expect.any(Number),
      pinned: false,
      pendingWrites: it.store.pendingWrites,
    })
    expect((await it.store.read([], NOW)).served).toBe(it.store.backend)
    if (status.mode === 'EMBEDDED') expect(redis).toBeNull()
    else if (status.mode === 'PRIMARY')
      expect(redis).toMatchObject({
        reachable: true,
        version: expect.stringMatching(/^\d+\./),
        latencyMs: expect.any(Number),
        lastError: null,
      })
  })

  test('whoever waits for the status to change is let go when it is aborted, and when the store is closed', async () => {
    const it = await given(open)
    const abort = new AbortController()
    const waiting = [it.store.statusChanged(abort.signal), it.store.statusChanged(never)]
    abort.abort()
    await waiting[0]
    await it.store.statusChanged(abort.signal)
    await it.store.close()
    await waiting[1]
  })

  test('a closed store finishes what was begun and refuses what comes later', async () => {
    const it = await given(open)
    const begun = it.record({ id: 'last' })
    const { store } = it
    await Promise.all([store.close(), expect(begun).resolves.toMatchObject({ type: 'applied' })])
    await expect(store.append([it.origin.recorded()])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await expect(store.read([{ kind: 'overview' }], NOW)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await store.close()
    await it.reopen()
    expect(await it.ids()).toEqual(['last'])
  })
}
