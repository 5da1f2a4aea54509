import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { DAY_MS } from '../../../src/model.ts'
import type { Mark } from '../../../src/store/store.ts'
import { HOUR, NOW, Origin } from '../../helpers/events.ts'
import { given, type Open, snapshot } from './harness.ts'

const never = new AbortController().signal

/** `trims`: false for a store that is away from Redis, which keeps what Redis does not have yet. */
export function log(open: Open, { trims = true } = {}): void {
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
    await it.append(events)
    const entries = await it.log(0, 100)
    expect(entries.map(({ n }) => n)).toEqual([1, 2, 3, 4])
    expect(entries.map(({ event }) => event)).toEqual(events)
    expect(entries.map(({ outcome }) => outcome)).toEqual(['applied', 'applied', 'applied', 'applied'])
  })

  test('an entry carries the alert events that it brought about', async () => {
    const it = await given(open)
    await it.recordAll([{ riskLevel: 'MEDIUM' }, { riskLevel: 'LOW' }, { riskLevel: 'HIGH' }])
    const [raised, none, worse] = await it.log(0, 10)
    const [alert] = await it.alerts()
    expect([...(raised?.alertEvents ?? []), ...(worse?.alertEvents ?? [])]).toEqual(await it.history(alert?.id ?? ''))
    expect(raised?.alertEvents.map(({ kind }) => kind)).toEqual(['RAISED'])
    expect(none?.alertEvents).toEqual([])
    expect(worse?.alertEvents.map(({ kind }) => kind)).toEqual(['OCCURRED', 'LEVEL_RAISED'])
  })

  test('what changed nothing is a void, but for duplicates: it has its index and outcome, and no event', async () => {
    const it = await given(open)
    await it.tell(it.origin.erased('gone'))
    await it.recordAll([{ id: 'c' }, { id: 'c' }, { id: 'c', query: 'other' }, { user: 'gone' }])
    await it.tell(it.origin.expired('u'))
    expect((await it.log(1, 10)).map(({ n, event, outcome, alertEvents }) => [n, event?.id ?? null, outcome, alertEvents])).toEqual([
      [2, 'c', 'applied', []],
      [3, 'c', 'duplicate', []],
      [4, null, 'conflict', []],
      [5, null, 'dead', []],
      [6, null, 'conflict', []],
    ])
  })

  test('an entry says which event it is and carries a hash over it and all before it, whatever became of them', async () => {
    const it = await given(open)
    const other = new Origin('other')
    await it.append([it.origin.recorded({ user: 'wei' }), other.recorded({ id: 'c' }), other.recorded({ id: 'c' }), it.origin.voided()])
    await it.tell(it.origin.erased('wei'))
    await it.reopen()
    await it.tell(other.cleared('u'))
    const entries = await it.log(0, 10)
    const numbers = [
      [it.origin.name, 1],
      ['other', 1],
      ['other', 2],
      [it.origin.name, 2],
      [it.origin.name, 3],
      ['other', 3],
    ] as const
    expect(entries.map(({ origin, seq }) => [origin, seq])).toEqual(numbers)
    let chain = ''
    for (const [i, [origin, seq]] of numbers.entries()) {
      chain = createHash('sha1').update(`${chain}\0${origin}\0${seq}`).digest('hex')
      // What has no index of its own yet has no hash either.
      if (entries[i]?.settled) expect(entries[i]?.chain).toBe(chain)
    }
    expect((await it.log(4, 1)).map((entry) => entry.chain)).toEqual([entries[4]?.chain])
  })

  test('a void takes its index and the next number of its origin, and changes nothing', async () => {
    const it = await given(open)
    expect(await it.append([it.origin.voided(), it.origin.recorded({ riskLevel: 'HIGH' }), it.origin.voided()])).toMatchObject([
      { type: 'erased', n: 1 },
      { type: 'applied', n: 2 },
      { type: 'erased', n: 3 },
    ])
    const before = await snapshot(it.store, NOW)
    const voided = it.origin.voided()
    expect(await it.append([voided, voided])).toEqual([
      { type: 'erased', n: 4 },
      { type: 'known', position: 4 },
    ])
    const { log, ...after } = await snapshot(it.store, NOW)
    expect({ ...after, log: log.slice(0, 3) }).toEqual(before)
    expect(log.at(-1)).toMatchObject({ n: 4, event: null, outcome: 'erased', alertEvents: [] })
    await it.reopen()
    expect(await it.ask({ kind: 'overview' })).toMatchObject({ users: 1 })
    expect(await it.record({})).toMatchObject({ type: 'applied', n: 5 })
  })

  test('a duplicate is in the log as it came, until its user is erased', async () => {
    const it = await given(open)
    const said = { id: 'the same', query: 'q', response: 'r' }
    const events = [it.origin.recorded(said), new Origin('other').recorded(said)]
    await it.append(events)
    await it.reopen()
    expect((await it.log(0, 10)).map(({ event }) => event)).toEqual(events)
    await it.append([it.origin.erased('u')])
    await it.reopen()
    expect((await it.log(0, 2)).map(({ event }) => event)).toEqual([null, null])
  })

  test('what comes under another origin names what it was', async () => {
    const it = await given(open)
    await it.append([{ ...it.origin.recorded({ riskLevel: 'HIGH' }), formerly: '7 elsewhere' }])
    await it.reopen()
    const { log } = await snapshot(it.store, NOW)
    expect(log).toMatchObject([{ outcome: 'applied', formerly: '7 elsewhere', event: { formerly: '7 elsewhere' } }])
    const { epoch } = await it.store.status()
    const { entries } = await it.store.told({ epoch, n: 0 }, 10)
    expect(entries).toMatchObject([{ from: { origin: it.origin.name, seq: 1, formerly: '7 elsewhere' } }])
  })

  test('the same event under another origin counts once, and tells again what it told', async () => {
    const it = await given(open)
    const said = { id: 'x', riskLevel: 'HIGH' } as const
    const again = { ...new Origin('rescued').recorded(said), formerly: `1 ${it.origin.name}` }
    await it.append([it.origin.recorded(said), again])
    const [first, second] = await it.log(0, 10)
    expect(second).toMatchObject({ outcome: 'applied', event: again, alertEvents: first?.alertEvents })
    expect(await it.ask({ kind: 'user', userId: 'u' })).toMatchObject({ totalChats: 1, totalRiskAlerts: 1 })
  })

  test('a place in an epoch that this log never had is refused', async () => {
    const it = await given(open)
    await it.recordAll([{}, {}])
    const elsewhere = { epoch: '00000000-0000-4000-8000-000000000000', n: 1 }
    await expect(it.store.log(elsewhere, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await expect(it.store.logGrown(elsewhere, never)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    const { epoch } = await it.store.status()
    expect(await it.store.log({ epoch, n: 1 }, 10)).toMatchObject({ epoch, entries: [{ n: 2 }] })
  })

  test.runIf(trims)('whoever comes back goes on behind the newest of the entries they knew that the log has', async () => {
    const it = await given(open)
    await it.recordAll(Array.from({ length: 6 }, () => ({})))
    const known = (await it.log(0, 10)).map(({ n, chain }) => ({ n, chain: chain.slice(0, 10) }))
    const markAt = (n: number) => known[n - 1] ?? { n, chain: 'ffffffffff' }
    const other = (n: number) => ({ n, chain: 'ffffffffff' })
    const { epoch } = await it.store.status()
    const placeOf = async (n: number, marks: Mark[], of = epoch) => {
      const place = await it.store.placeOf({ epoch: of, n, marks })
      expect(place.epoch).toBe(epoch)
      return place.n
    }
    expect(await placeOf(6, [])).toBe(6)
    expect(await placeOf(6, [markAt(6), markAt(2)])).toBe(6)
    expect(await placeOf(6, [other(6), other(4), markAt(3), markAt(2)]), 'Redis has given these indexes to others').toBe(3)
    expect(await placeOf(6, [other(99), markAt(3)], 'unknown'), 'what the log is, is told by its entries').toBe(3)
    expect(await placeOf(2, [other(4)]), 'it says nothing of what was before').toBe(2)
    for (const [n, marks, of] of [
      [6, [other(6), other(2)], epoch],
      [6, [other(4)], epoch],
      [6, [], 'unknown'],
      [6, [other(99)], 'unknown'],
    ] as const)
      await expect(placeOf(n, [...marks], of)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
  })

  test('the log is read after an index and in parts', async () => {
    const it = await given(open)
    await it.recordAll(Array.from({ length: 12 }, (_, i) => ({ id: `c${i + 1}` })))
    const ids = async (after: number, limit: number) => (await it.log(after, limit)).map(({ event }) => event?.id)
    expect(await ids(0, 3)).toEqual(['c1', 'c2', 'c3'])
    expect(await ids(3, 3)).toEqual(['c4', 'c5', 'c6'])
    expect(await ids(10, 100)).toEqual(['c11', 'c12'])
    expect(await ids(12, 100)).toEqual([])
  })

  test('a reader who has seen more than the log holds is told so: the store was restored from an earlier time', async () => {
    const it = await given(open)
    await it.recordAll([{}, {}])
    await expect(it.log(3, 100)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await expect(it.logGrown(3, new AbortController().signal)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
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
    const entries = await it.log(0, 100)
    expect(entries.map(({ n, event, outcome }) => [n, event?.kind ?? null, event?.id ?? null, outcome])).toEqual([
      [1, null, null, 'erased'],
      [2, 'recorded', 'o1', 'applied'],
      [3, null, null, 'erased'],
      [4, null, null, 'erased'],
      [5, 'erased', entries[4]?.event?.id, 'applied'],
      [6, 'recorded', 'w3', 'applied'],
    ])
    expect(entries[0]?.alertEvents).toEqual([])
    expect(await it.log(2, 2)).toMatchObject([{ n: 3 }, { n: 4 }])
    expect(await it.log(0, 1)).toMatchObject([{ n: 1, outcome: 'erased' }])
  })

  test('an expiry takes the payloads out of the log as well; what decides about later events stays', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ profileDays: 30 }, NOW - 31 * DAY_MS))
    await it.recordAll([{ acceptedAt: NOW - 30 * DAY_MS }, { user: 'alerted', riskLevel: 'HIGH', acceptedAt: NOW - 30 * DAY_MS }])
    await it.append([it.origin.expired('u'), it.origin.expired('alerted')])
    const told = async () => (await it.log(0, 100)).map(({ event, outcome }) => `${event?.kind ?? 'nothing'} ${outcome}`)
    expect(await told()).toEqual(['policy applied', 'nothing erased', 'recorded applied', 'expired applied', 'expired applied'])
    await it.append(['u', 'alerted', 'alerted'].map((user) => it.origin.erased(user)))
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
    expect(await it.log(0, 10)).toMatchObject([{ n: 1, outcome: 'erased' }, { n: 2 }, { n: 3 }])
    expect(await it.record({})).toMatchObject({ n: 4 })
  })

  test('whoever waits for the log to grow is woken by the next entry', async () => {
    const it = await given(open)
    const waiting = [it.logGrown(0, never), it.logGrown(0, never)]
    await it.record({})
    await Promise.all(waiting)
    await it.logGrown(0, never)
    const next = it.logGrown(1, never)
    await it.tell(it.origin.cleared('nobody'))
    await next
    expect(await it.log(1, 10)).toMatchObject([{ n: 2, outcome: 'conflict' }])
  })

  test('waiting for the log ends early when it is aborted, and only then', async () => {
    const it = await given(open)
    const abort = new AbortController()
    let over = false
    await it.recordAll([{}, {}])
    const waiting = it.logGrown(2, abort.signal).then(() => {
      over = true
    })
    await it.log(0, 10)
    expect(over).toBe(false)
    abort.abort()
    await waiting
    await it.logGrown(2, abort.signal)
    expect(await it.log(0, 10)).toHaveLength(2)
  })

  test('a follower that waits and reads sees every entry once, however they are appended', async () => {
    const it = await given(open)
    const seen: number[] = []
    const follow = async () => {
      while (seen.length < 300) {
        await it.logGrown(seen.length, never)
        seen.push(...(await it.log(seen.length, 7)).map(({ n }) => n))
      }
    }
    const following = follow()
    for (let i = 0; i < 300; i += 50) await it.recordAll(Array.from({ length: 50 }, () => ({})))
    await following
    expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i + 1))
  })

  test.runIf(trims)('the sweep trims what was accepted more than 30 days ago; who asks for it hears CURSOR_EXPIRED', async () => {
    const it = await given(open)
    await it.recordAll([
      { acceptedAt: NOW - 30 * DAY_MS - 1 },
      { acceptedAt: NOW - 40 * DAY_MS },
      { acceptedAt: NOW - 30 * DAY_MS },
      { acceptedAt: NOW },
    ])
    expect(await it.log(0, 10)).toHaveLength(4)
    expect(await it.store.sweep(NOW)).toMatchObject({ removedLogEntries: 2 })
    expect((await it.log(2, 10)).map(({ n }) => n)).toEqual([3, 4])
    await expect(it.log(1, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await expect(it.log(0, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    expect(await it.user()).toMatchObject({ totalChats: 4 })
    await it.reopen()
    await expect(it.log(1, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    expect(await it.record({})).toMatchObject({ n: 5 })
  })

  test.runIf(trims)('the log can be trimmed to nothing and goes on', async () => {
    const it = await given(open)
    await it.recordAll([{}, {}])
    await it.tell(it.origin.erased('u'))
    await it.store.sweep(NOW + 31 * DAY_MS)
    expect(await it.log(3, 10)).toEqual([])
    await expect(it.log(2, 10)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    await it.reopen()
    expect(await it.store.status()).toMatchObject({ n: 3 })
    expect(await it.record({ acceptedAt: NOW + 31 * DAY_MS })).toMatchObject({ n: 4 })
    expect(await it.log(3, 10)).toMatchObject([{ n: 4 }])
  })

  test.runIf(trims)('an erasure does not stop the trimming', async () => {
    const it = await given(open)
    await it.recordAll([
      { user: 'a', acceptedAt: NOW - 50 * DAY_MS },
      { user: 'b', acceptedAt: NOW - 45 * DAY_MS },
      { user: 'a', acceptedAt: NOW - 20 * DAY_MS },
      { user: 'b', acceptedAt: NOW },
    ])
    await it.tell(it.origin.erased('a'))
    await it.store.sweep(NOW)
    expect((await it.log(2, 10)).map(({ n, outcome }) => [n, outcome])).toEqual([
      [3, 'erased'],
      [4, 'applied'],
      [5, 'applied'],
    ])
  })
}
