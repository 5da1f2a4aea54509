import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { patienceMs } from '../../src/store/failover/verify.ts'
import { chainOf } from '../../src/store/rules.ts'
import type { Event, LogEntry } from '../../src/store/store.ts'
import { MINUTE, NOW, type Said } from '../helpers/events.ts'
import { ALL, type Pair, pair, risky } from './pair.ts'

/** A log of these events alone, whatever came before them in their origin. */
function logOf(events: readonly Event[]): LogEntry[] {
  let chain = ''
  return events.map((event, i) => {
    const { origin, seq } = event
    chain = chainOf(chain, origin, seq)
    return { n: i + 1, origin, seq, chain, event, outcome: 'applied', alertEvents: [], settled: true }
  })
}

const journaled = (p: Pair) =>
  p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event: { origin, seq, kind } }) => [origin, seq, kind])

/** What the log here, and then what is kept of it, holds of `theirs` when it is swept at this time. */
async function sweptAt(now: number, events: readonly Said[]): Promise<{ log: number[]; kept: number[] }> {
  const p = await pair()
  await p.there.append(events.map((said) => p.theirs.recorded(said)))
  await p.follow()
  const { epoch, n } = p.here.facts()
  p.here.sweepLog(ALL, now)
  const log = p.here.log(p.here.facts().trimmed, ALL).map(({ seq }) => seq)
  const other = p.open('other')
  await p.follow(other)
  const head = { ...p.open('elsewhere').seedHead('', 0), epoch, n, trimmed: n }
  other.beginRebuild(head)
  while (other.sweepLog(ALL, now) > 0);
  other.recall('kept', {})
  return { log, kept: other.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event.seq) }
}

const same: Said = { user: 'a', id: 'the same', query: 'q', response: 'r' }
const OLD = NOW - 31 * DAY_MS
/** After `same` it changes nothing, and tells no time. */
const again = (acceptedAt: number): Said => ({ ...same, query: 'other', acceptedAt })

test.each([
  ['at the beginning', NOW, [again(OLD), again(NOW), { user: 'b', acceptedAt: NOW }], [2, 3]],
  ['behind something old', NOW, [again(OLD), again(NOW), again(NOW), { user: 'b', acceptedAt: NOW }], [2, 3, 4]],
  ['before something old', NOW, [again(OLD), again(OLD), { user: 'b', acceptedAt: OLD }, { user: 'c', acceptedAt: NOW }], [4]],
])('what changed nothing, %s, is swept with what is known to be old and comes after it', async (_, now, events, left) => {
  expect(await sweptAt(now, events)).toEqual({ log: left, kept: left })
})

test('a log that goes on behind events which it lacks is not taken to have them, and they stay in the journal', async () => {
  const p = await pair()
  const [first, second, ...later] = [1, 2, 3, 4].map(() => p.ours.recorded({ user: 'a' }))
  if (!first || !second) throw new Error('there are four')
  p.here.journal([first, second])
  expect(p.here.applyEntries(logOf(later))).toBe(2)
  expect(p.here.positions()).toEqual({ ours: 0 })
  expect(p.here.seedHead('', 0).positions, 'a Redis that is filled from here lacks them').toEqual({ ours: 0 })
  expect(journaled(p)).toEqual([
    ['ours', 1, 'recorded'],
    ['ours', 2, 'recorded'],
  ])
})

test('whoever is taken over from a Redis that lacks events is complete up to where it has them, also if they were here before', async () => {
  const p = await pair()
  await p.there.append([1, 2, 3].map(() => p.theirs.recorded({ user: 'a' })))
  const elsewhere = p.open('elsewhere')
  const { epoch, entries } = await p.there.log({ epoch: (await p.there.status()).epoch, n: 0 }, ALL)
  elsewhere.applyEntries(entries.slice(0, 1))
  const lacking = elsewhere.copies(['a'])
  await p.follow(elsewhere)
  const whole = elsewhere.copies(['a'])
  const head = { ...elsewhere.seedHead('', 0), epoch }
  p.here.beginRebuild({ ...head, positions: { theirs: 3 } })
  expect(p.here.replaceUsers({ copies: whole, epoch, n: 3, positions: { theirs: 3 } })).toEqual([])
  p.here.noteRevs({ epoch, after: '', last: null, revs: [['a', `3 ${NOW} 3`]] })
  p.here.letGo()
  expect(p.here.seedHead('', 0).positions).toEqual({ theirs: 3 })
  p.here.beginRebuild({ ...head, lineage: [], positions: { theirs: 1 } })
  expect(p.here.seedHead('', 0).positions, 'nobody has been taken over yet').toEqual({ theirs: 3 })
  expect(p.here.replaceUsers({ copies: lacking, epoch, n: 3, positions: { theirs: 1 } })).toEqual([])
  expect(p.here.seedHead('', 0).positions).toEqual({ theirs: 1 })
})

test('a duplicate is pushed as it came: where Redis lacks the first of that id, it is the first', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded(same), p.ours.recorded(same)])
  await p.follow()
  p.here.rewind(0)
  const pushed = p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event)
  const another = await pair()
  await another.there.append(pushed.filter(({ origin }) => origin === 'ours'))
  await another.follow()
  expect(another.state()[0]?.state).toMatchObject({ totalChats: 1, conversations: [{ id: same.id }] })
  await another.there.append(pushed.filter(({ origin }) => origin === 'theirs'))
  await another.follow()
  expect(another.state()[0]?.state).toMatchObject({ totalChats: 1, conversations: [{ id: same.id }] })
  expect(another.here.dirtyUsers(ALL)).toEqual([])
})

describe('what a Redis gets again that was filled in part, or has gone back', () => {
  const listed = (p: Pair) => p.here.copies(['a'])[0]?.state?.conversations.map(({ id }) => id)
  const LATER = NOW + MINUTE

  /** The log here, or one before that, has what was said of `a`, and Redis lacks it. */
  async function recalled(from: 'log' | 'kept', ...said: Said[]): Promise<Pair> {
    const p = await pair()
    await p.there.append(said.map((each) => p.theirs.recorded({ user: 'a', ...each })))
    await p.follow()
    const { epoch, n, chain } = p.here.facts()
    if (from === 'kept') p.here.beginRebuild({ ...p.open('elsewhere').seedHead('', 0), epoch, n, chain })
    p.here.recall(from, {})
    expect(journaled(p)).toHaveLength(said.length)
    return p
  }

  async function tells(p: Pair, removal: Event): Promise<void> {
    await p.there.append([removal])
    await p.follow()
  }

  test.each(['log', 'kept'] as const)('stays cleared by what the log tells next and came after it, where the %s has it', async (from) => {
    const p = await recalled(from, { topics: ['sleep'] }, risky)
    p.here.journal([p.ours.recorded({ user: 'a', id: 'here' })])
    p.here.applyAhead(ALL)
    await tells(p, p.theirs.cleared('a', LATER))
    expect(listed(p)).toEqual(['here'])
    expect(p.here.copies(['a'])[0]?.state).toMatchObject({ totalChats: 3, topics: [] })
  })

  test.each(['log', 'kept'] as const)(
    'and is listed behind a clearing of before that a server tells late, where the %s has it',
    async (from) => {
      const p = await recalled(from, { id: 'x', acceptedAt: LATER })
      await tells(p, p.ours.cleared('a', NOW))
      p.here.settle(p.here.seedHead('filled', 10))
      expect(listed(p)).toEqual(['x'])
    },
  )

  test('stays cleared also under another origin', async () => {
    const p = await recalled('log', { id: 'x' })
    p.here.rescue({ theirs: 0 }, 'fresh')
    await tells(p, p.ours.cleared('a', LATER))
    expect(listed(p)).toEqual([])
  })

  test('does not bring back who has expired', async () => {
    const p = await pair()
    await p.there.append([p.theirs.policy({ profileDays: 365 }), p.theirs.recorded({ user: 'a' })])
    await p.follow()
    p.here.recall('log', { theirs: 1 })
    await tells(p, p.theirs.expired('a', NOW + 366 * DAY_MS))
    expect(listed(p)).toBeUndefined()
  })

  test('is there behind an erasure of before, also once Redis is filled from here', async () => {
    const [p, other] = [await pair(), await pair()]
    await p.there.append([
      p.theirs.recorded({ user: 'a', id: 'before', acceptedAt: NOW }),
      p.theirs.recorded({ user: 'a', id: 'after', acceptedAt: LATER }),
    ])
    await p.follow()
    p.here.beginRebuild(p.open('elsewhere').seedHead('', 0))
    p.here.recall('kept', {})
    await other.there.append([p.ours.erased('a', NOW + 1)])
    p.here.applyEntries((await other.there.log({ epoch: (await other.there.status()).epoch, n: 0 }, ALL)).entries)
    expect(listed(p)).toEqual(['after'])
    p.here.settle(p.here.seedHead('filled', 10))
    expect(listed(p)).toEqual(['after'])
  })
})

test('what Redis had taken of here, and the log had not brought, is in what a Redis is filled with from here while everybody is taken over anew', async () => {
  const p = await pair()
  const events = [p.ours.recorded({ user: 'a' }), p.ours.voided(), p.ours.recorded({ user: 'a' }), p.ours.recorded({ user: 'a' })]
  p.here.journal(events)
  p.here.beginRebuild({ ...p.open('elsewhere').seedHead('', 0), positions: { ours: 3 } })
  p.here.applyAhead(ALL)
  expect(p.here.seedHead('filled', 10).positions).toEqual({ ours: 4 })
  expect(p.here.copies(['a'])[0]?.state).toMatchObject({ totalChats: 3 })
})

test('whoever has everything fills an empty Redis at once; of others the one that lacks less comes first, and each in the end', async () => {
  const p = await pair()
  const head = p.open('elsewhere').seedHead('', 0)
  const whole = p.here.facts()
  expect(patienceMs(whole)).toBe(0)
  p.here.journal([p.ours.recorded({ user: 'a' })])
  p.here.beginRebuild({ ...head, positions: { ours: 1, theirs: 1_000 } })
  expect(p.here.facts()).toMatchObject({ partial: true, lacking: 1_001 })
  const [little, more, most] = [1_001, 20_000, 10_000_000].map((lacking) => patienceMs({ ...p.here.facts(), lacking }))
  expect([patienceMs({ ...whole, due: true }), patienceMs({ ...whole, rebuiltTo: '' })]).toEqual([1_000, 1_000])
  expect([little, more, most]).toEqual([3_100.1, 5_000, 6_000])
})

test('whoever never had everybody has not by filling Redis, nor by beginning anew', async () => {
  const p = await pair()
  const head = { ...p.open('elsewhere').seedHead('', 0), positions: { theirs: 2 } }
  p.here.startOver({ epoch: 'rolled back', lineage: [] })
  p.here.journalAndApply([p.ours.recorded({ user: 'a' })])
  p.here.beginRebuild(head)
  expect(p.here.facts().isFirstCopy).toBe(true)
  p.here.beginRebuild(head)
  p.here.settle(p.here.seedHead('filled', 10))
  expect(p.here.facts().isFirstCopy).toBe(true)
})

test('whoever has filled Redis in part begins from there the next time, and counts what others bring of the rest as they bring it', async () => {
  const p = await pair()
  p.here.beginRebuild({ ...p.open('elsewhere').seedHead('', 0), positions: { theirs: 2 } })
  const events = [1, 2, 3].map(() => p.theirs.recorded({ user: 'a' }))
  p.here.applyEntries(logOf(events.slice(2)))
  const head = p.here.seedHead('filled', 10)
  expect(head.positions).toEqual({})
  p.here.settle(head)
  expect(p.here.facts()).toMatchObject({ partial: true, lacking: 0 })
  expect(p.here.seedHead('again', 10).positions).toEqual({})
  expect(patienceMs(p.here.facts()), 'whoever has everything, and takes over from it, fills the next one first').toBeGreaterThan(
    patienceMs({ ...p.here.facts(), partial: false, due: true }),
  )
  let { n, chain } = p.here.facts()
  for (const event of events) {
    chain = chainOf(chain, event.origin, event.seq)
    n += 1
    p.here.applyEntries([{ n, chain, origin: event.origin, seq: event.seq, event, outcome: 'applied', alertEvents: [], settled: true }])
  }
  expect(p.here.seedHead('again', 10).positions).toEqual({ theirs: 3 })
})

test('where Redis was filled in part, nobody here counts as further than it says, be the events held here or not', async () => {
  const p = await pair()
  p.here.beginRebuild({ ...p.open('elsewhere').seedHead('', 0), positions: { theirs: 3 } })
  p.here.recall('log', { theirs: 1 })
  expect(p.here.positions()).toEqual({ theirs: 1 })
  expect(journaled(p)).toEqual([])
})
