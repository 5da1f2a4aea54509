import { expect, test } from 'vitest'
import { DAY_MS } from '../../../src/model.ts'
import { HOUR, NOW } from '../../helpers/events.ts'
import { given, type Open, snapshot } from './harness.ts'

const never = new AbortController().signal

export function log(open: Open): void {
  test('the log tells every event as it was appended, in order, with what came of it', async () => {
    const it = await given(open)
    const { origin } = it
    const events = [
      origin.policy({ conversations: 50, profileDays: 365 }, NOW - HOUR),
      origin.recorded({
        user: 'a b:c',
        id: 'c1',
        query: '你好 😀',
        topics: ['work'],
        emotionScore: 0.1 + 0.2,
        riskLevel: 'MEDIUM',
        occurredAt: NOW - 1,
      }),
      origin.recorded({ user: 'a b:c', id: 'c2', emotionScore: null, references: 7 }),
      origin.cleared('a b:c', NOW + 1),
    ]
    await it.store.append(events)
    const entries = await it.store.log(0, 100)
    expect(entries.map(({ n }) => n)).toEqual([1, 2, 3, 4])
    expect(entries.map(({ event }) => event)).toEqual(events)
    expect(entries.map(({ outcome }) => outcome)).toEqual(['applied', 'applied', 'applied', 'applied'])
  })

  test('an entry carries the alert events that it brought about', async () => {
    const it = await given(open)
    await it.recordAll([{ riskLevel: 'MEDIUM' }, { riskLevel: 'LOW' }, { riskLevel: 'HIGH' }])
    const [raised, none, worse] = await it.store.log(0, 10)
    const [alert] = await it.alerts()
    expect([...(raised?.alertEvents ?? []), ...(worse?.alertEvents ?? [])]).toEqual(await it.history(alert?.id ?? ''))
    expect(raised?.alertEvents.map(({ kind }) => kind)).toEqual(['RAISED'])
    expect(none?.alertEvents).toEqual([])
    expect(worse?.alertEvents.map(({ kind }) => kind)).toEqual(['OCCURRED', 'LEVEL_RAISED'])
  })

  test('what changed nothing is a void: it has its index and outcome, and no event', async () => {
    const it = await given(open)
    await it.tell(it.origin.erased('gone'))
    await it.recordAll([{ id: 'c' }, { id: 'c' }, { id: 'c', query: 'other' }, { user: 'gone' }])
    await it.tell(it.origin.expired('u'))
    expect((await it.store.log(1, 10)).map(({ n, event, outcome, alertEvents }) => [n, event?.id ?? null, outcome, alertEvents])).toEqual([
      [2, 'c', 'applied', []],
      [3, null, 'duplicate', []],
      [4, null, 'conflict', []],
      [5, null, 'dead', []],
      [6, null, 'conflict', []],
    ])
  })

  test('the log is read after an index and in parts', async () => {
    const it = await given(open)
    await it.recordAll(Array.from({ length: 12 }, (_, i) => ({ id: `c${i + 1}` })))
    const ids = async (after: number, limit: number) => (await it.store.log(after, limit)).map(({ event }) => event?.id)
    expect(await ids(0, 3)).toEqual(['c1', 'c2', 'c3'])
    expect(await ids(3, 3)).toEqual(['c4', 'c5', 'c6'])
    expect(await ids(10, 100)).toEqual(['c11', 'c12'])
    expect(await ids(12, 100)).toEqual([])
  })

  test('a reader who has seen more than the log holds is told so: the store was restored from an earlier time', async () => {
    const it = await given(open)
    await it.recordAll([{}, {}])
    await expect(it.store.log(3, 100)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await expect(it.store.logGrown(3, new AbortController().signal)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
  })

  test('an erasure takes the payloads of the user out of the log; their places stay', async () => {
    const it = await given(open)
    await it.recordAll([
      { user: 'wei', id: 'w1', riskLevel: 'HIGH' },
      { user: 'other', id: 'o1' },
      { user: 'wei', id: 'w2' },
    ])
    await it.tell(it.origin.cleared('wei'))
    await it.tell(it.origin.erased('wei', NOW, 'GDPR'))
    await it.record({ user: 'wei', id: 'w3', acceptedAt: NOW + 1 })
    const entries = await it.store.log(0, 100)
    expect(entries.map(({ n, event, outcome }) => [n, event?.kind ?? null, event?.id ?? null, outcome])).toEqual([
      [1, null, null, 'erased'],
      [2, 'recorded', 'o1', 'applied'],
      [3, null, null, 'erased'],
      [4, null, null, 'erased'],
      [5, 'erased', entries[4]?.event?.id, 'applied'],
      [6, 'recorded', 'w3', 'applied'],
    ])
    expect(entries[0]?.alertEvents).toEqual([])
    expect(await it.store.log(2, 2)).toMatchObject([{ n: 3 }, { n: 4 }])
    expect(await it.store.log(0, 1)).toMatchObject([{ n: 1, outcome: 'erased' }])
  })

  test('an expiry takes the payloads out of the log as well; what decides about later events stays', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ profileDays: 30 }, NOW - 31 * DAY_MS))
    await it.recordAll([{ acceptedAt: NOW - 30 * DAY_MS }, { user: 'alerted', riskLevel: 'HIGH', acceptedAt: NOW - 30 * DAY_MS }])
    await it.store.append([it.origin.expired('u'), it.origin.expired('alerted')])
    const told = async () => (await it.store.log(0, 100)).map(({ event, outcome }) => `${event?.kind ?? 'nothing'} ${outcome}`)
    expect(await told()).toEqual(['policy applied', 'nothing erased', 'recorded applied', 'expired applied', 'expired applied'])
    await it.store.append(['u', 'alerted', 'alerted'].map((user) => it.origin.erased(user)))
    expect(await told()).toEqual([
      'policy applied',
      'nothing erased',
      'nothing erased',
      ...['expired applied', 'expired applied', 'erased applied', 'erased applied', 'erased applied'],
    ])
  })

  test('the newest entries stay in the log even if they were erased', async () => {
    const it = await given(open)
    await it.recordAll([{ user: 'a' }, { user: 'b' }])
    await it.tell(it.origin.erased('a'))
    await it.reopen()
    expect(await it.store.log(0, 10)).toMatchObject([{ n: 1, outcome: 'erased' }, { n: 2 }, { n: 3 }])
    expect(await it.record({})).toMatchObject({ n: 4 })
  })

  test('whoever waits for the log to grow is woken by the next entry', async () => {
    const it = await given(open)
    const waiting = [it.store.logGrown(0, never), it.store.logGrown(0, never)]
    await it.record({})
    await Promise.all(waiting)
    await it.store.logGrown(0, never)
    const next = it.store.logGrown(1, never)
    await it.tell(it.origin.cleared('nobody'))
    await next
    expect(await it.store.log(1, 10)).toMatchObject([{ n: 2, outcome: 'conflict' }])
  })

  test('waiting for the log ends early when it is aborted, and only then', async () => {
    const it = await given(open)
    const abort = new AbortController()
    let over = false
    await it.recordAll([{}, {}])
    const waiting = it.store.logGrown(2, abort.signal).then(() => {
      over = true
    })
    await it.store.log(0, 10)
    expect(over).toBe(false)
    abort.abort()
    await waiting
    await it.store.logGrown(2, abort.signal)
    expect(await it.store.log(0, 10)).toHaveLength(2)
  })

  test('a follower that waits and reads sees every entry once, however they are appended', async () => {
    const it = await given(open)
    const seen: number[] = []
    const follow = async () => {
      while (seen.length < 300) {
        await it.store.logGrown(seen.length, never)
        seen.push(...(await it.store.log(seen.length, 7)).map(({ n }) => n))
      }
    }
    const following = follow()
    for (let i = 0; i < 300; i += 50) await it.recordAll(Array.from({ length: 50 }, () => ({})))
    await following
    expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i + 1))
  })

  test('the sweep trims what was accepted more than 30 days ago; who asks for it hears CURSOR_EXPIRED', async () => {
    const it = await given(open)
    await it.recordAll([
      { acceptedAt: NOW - 30 * DAY_MS - 1 },
      { acceptedAt: NOW - 40 * DAY_MS },
      { acceptedAt: NOW - 30 * DAY_MS },
      { acceptedAt: NOW },
    ])
    expect(await it.store.log(0, 10)).toHaveLength(4)
    expect(await it.store.sweep(NOW)).toMatchObject({ removedLogEntries: 2 })
    expect((await it.store.log(2, 10)).map(({ n }) => n)).toEqual([3, 4])
    await expect(it.store.log(1, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await expect(it.store.log(0, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    expect(await it.user()).toMatchObject({ totalChats: 4 })
    await it.reopen()
    await expect(it.store.log(1, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    expect(await it.record({})).toMatchObject({ n: 5 })
  })

  test('the log can be trimmed to nothing and goes on', async () => {
    const it = await given(open)
    await it.recordAll([{}, {}])
    await it.tell(it.origin.erased('u'))
    await it.store.sweep(NOW + 31 * DAY_MS)
    expect(await it.store.log(3, 10)).toEqual([])
    await expect(it.store.log(2, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await it.reopen()
    expect(await it.store.status()).toMatchObject({ n: 3 })
    expect(await it.record({ acceptedAt: NOW + 31 * DAY_MS })).toMatchObject({ n: 4 })
    expect(await it.store.log(3, 10)).toMatchObject([{ n: 4 }])
  })

  test('an erasure does not stop the trimming', async () => {
    const it = await given(open)
    await it.recordAll([
      { user: 'a', acceptedAt: NOW - 50 * DAY_MS },
      { user: 'b', acceptedAt: NOW - 45 * DAY_MS },
      { user: 'a', acceptedAt: NOW - 20 * DAY_MS },
      { user: 'b', acceptedAt: NOW },
    ])
    await it.tell(it.origin.erased('a'))
    await it.store.sweep(NOW)
    expect((await it.store.log(2, 10)).map(({ n, outcome }) => [n, outcome])).toEqual([
      [3, 'erased'],
      [4, 'applied'],
      [5, 'applied'],
    ])
  })

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
    await it.store.append([
      it.origin.cleared('u1'),
      it.origin.erased('u2'),
      it.origin.expired('u3'),
      it.origin.policy({ conversations: 2 }),
    ])
    const [before, status] = [await snapshot(it.store, NOW), await it.store.status()]
    const store = await it.reopen()
    expect(await snapshot(store, NOW)).toEqual(before)
    expect(await store.status()).toMatchObject({ dataSetId: status.dataSetId, epoch: status.epoch, n: 45 })
    expect(status.dataSetId).not.toBe('')
    expect(await it.record({ user: 'u4' })).toMatchObject({ type: 'applied', n: 46 })
  })

  test('two data sets have two ids', async () => {
    const one = (await (await given(open)).store.status()).dataSetId
    expect((await (await given(open)).store.status()).dataSetId).not.toBe(one)
  })

  test('the store says which it is, and how Redis is doing where it is Redis', async () => {
    const it = await given(open)
    const { redis } = await it.store.status()
    if (it.store.backend === 'SQLITE') expect(redis).toBeNull()
    else
      expect(redis).toMatchObject({
        reachable: true,
        version: expect.stringMatching(/^\d+\./),
        latencyMs: expect.any(Number),
        lastError: null,
      })
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
