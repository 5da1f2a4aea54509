import { expect, test } from 'vitest'
import { chainOf } from '../../src/store/rules.ts'
import type { Event, LogEntry } from '../../src/store/store.ts'
import { NOW } from '../helpers/events.ts'
import { ALL, type Pair, pair } from './pair.ts'

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
  p.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event: { origin, seq, kind } }) => [origin, seq, kind])

test('entries that changed nothing, at the beginning of what is held, are no older than what follows them', async () => {
  const p = await pair()
  const said = { user: 'a', id: 'the same', query: 'q', response: 'r' }
  await p.there.append([p.theirs.recorded(said), p.theirs.recorded(said), p.theirs.recorded({ user: 'b' })])
  const { epoch, entries } = await p.there.log({ epoch: (await p.there.status()).epoch, n: 0 }, ALL)
  const head = { ...p.open('elsewhere').seedHead('', 0), epoch }
  p.here.beginRebuild({ ...head, n: 1, chain: entries[0]?.chain ?? '', trimmed: 1, positions: { theirs: 1 } })
  p.here.applyEntries(entries.slice(1))
  expect(p.here.sweepLog(ALL, NOW)).toBe(0)
  p.here.beginRebuild({ ...head, n: 0, chain: '', trimmed: 0, positions: {} })
  expect(p.here.sweepLog(ALL, NOW)).toBe(0)
  p.here.recall('kept', {})
  expect(p.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event }) => event.seq)).toEqual([2, 3])
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

test('where Redis was filled in part, nobody here counts as further than it says, be the events held here or not', async () => {
  const p = await pair()
  p.here.beginRebuild({ ...p.open('elsewhere').seedHead('', 0), positions: { theirs: 3 } })
  p.here.recall('log', { theirs: 1 })
  expect(p.here.positions()).toEqual({ theirs: 1 })
  expect(journaled(p)).toEqual([])
})

test('what came after a gap is pushed under another origin from then on, whole even if the log there has a void of it', async () => {
  const p = await pair()
  const [, ...rest] = [1, 2, 3].map(() => p.ours.recorded({ user: 'a' }))
  const elsewhere = p.open('elsewhere').seedHead('', 0)
  p.here.journal(rest)
  p.here.beginRebuild({ ...elsewhere, positions: { ours: 3 } })
  p.here.recall('kept', {})
  p.here.rescue(['ours'], 'another')
  const again = [
    ['another', 1, 'recorded'],
    ['another', 2, 'recorded'],
  ]
  p.here.recall('kept', {})
  expect(journaled(p), 'not under the old one').toEqual(again)
  const voids = p.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event }) => event)
  p.here.applyEntries(logOf(voids).map((entry) => ({ ...entry, event: null, outcome: 'duplicate' })))
  expect(journaled(p)).toEqual([])
  p.here.recall('kept', {})
  expect(journaled(p)).toEqual(again)
})

test('what has got another origin is not pushed under the old one either where the log here tells of it', async () => {
  const p = await pair()
  const [, ...rest] = [1, 2, 3].map(() => p.ours.recorded({ user: 'a' }))
  p.here.applyEntries(logOf(rest))
  p.here.recall('log', {})
  p.here.rescue(['ours'], 'another')
  const again = [
    ['another', 1, 'recorded'],
    ['another', 2, 'recorded'],
  ]
  p.here.recall('log', {})
  expect(journaled(p)).toEqual(again)
  p.here.beginRebuild({ ...p.open('elsewhere').seedHead('', 0), positions: { another: 2 } })
  p.here.recall('kept', {})
  expect(journaled(p)).toEqual(again)
})
