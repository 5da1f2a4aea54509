import { expect, test } from 'vitest'
import { chainOf } from '../../src/store/rules.ts'
import type { Event, LogEntry } from '../../src/store/store.ts'
import { ALL, type Pair, pair } from './pair.ts'

/** Events that get another origin, as Redis has lost earlier ones of theirs that nobody holds. */

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

test('what an event was before it got another origin is known however it is held', async () => {
  const p = await pair()
  await p.there.append([{ ...p.theirs.recorded({ user: 'a' }), formerly: '7 elsewhere' }])
  await p.follow()
  const named = () => p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event.formerly)
  p.here.recall('log', {})
  expect(named()).toEqual(['7 elsewhere'])
  p.here.rewind(0)
  expect(named()).toEqual(['7 elsewhere'])
  p.here.beginRebuild({ ...p.open('elsewhere').seedHead('', 0), positions: { theirs: 1 } })
  expect(named()).toEqual([])
  p.here.recall('kept', {})
  expect(named()).toEqual(['7 elsewhere'])
  p.here.rescue({ theirs: 0 }, 'a third')
  p.here.recall('kept', {})
  expect(named()).toEqual(['7 elsewhere'])
})

test('what came after a gap is pushed under another origin from then on, whole even if the log there has a void of it', async () => {
  const p = await pair()
  const [, ...rest] = [1, 2, 3].map(() => p.ours.recorded({ user: 'a' }))
  const elsewhere = p.open('elsewhere').seedHead('', 0)
  p.here.journal(rest)
  p.here.beginRebuild({ ...elsewhere, positions: { ours: 3 } })
  p.here.recall('kept', {})
  p.here.rescue({ ours: 0 }, 'another')
  const again = [
    ['another', 1, 'recorded'],
    ['another', 2, 'recorded'],
  ]
  p.here.recall('kept', {})
  expect(journaled(p), 'not under the old one').toEqual(again)
  const voids = p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event)
  p.here.applyEntries(logOf(voids).map((entry) => ({ ...entry, event: null, outcome: 'duplicate' })))
  expect(journaled(p)).toEqual([])
  p.here.recall('kept', {})
  expect(journaled(p)).toEqual(again)
})

test('what gets another origin names what it was, also once it gets a third one', async () => {
  const p = await pair()
  const [, ...rest] = [1, 2, 3].map(() => p.ours.recorded({ user: 'a' }))
  p.here.journal(rest)
  p.here.rescue({ ours: 0 }, 'another')
  p.here.rescue({ another: 0 }, 'a third')
  const events = p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event)
  expect(events).toMatchObject([
    { origin: 'a third', seq: 1, kind: 'recorded', formerly: '2 ours' },
    { origin: 'a third', seq: 2, kind: 'recorded', formerly: '3 ours' },
  ])
})

test('what has got another origin is not pushed under the old one either where the log here tells of it', async () => {
  const p = await pair()
  const [, ...rest] = [1, 2, 3].map(() => p.ours.recorded({ user: 'a' }))
  p.here.applyEntries(logOf(rest))
  p.here.recall('log', {})
  p.here.rescue({ ours: 0 }, 'another')
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

test('what comes of an origin after that under its own name is held like any other', async () => {
  const p = await pair()
  const [first, second, third] = [1, 2, 3].map(() => p.theirs.recorded({ user: 'a' }))
  if (!first || !second || !third) throw new Error('there are three')
  const elsewhere = p.open('elsewhere').seedHead('', 0)
  p.here.journal([second])
  p.here.beginRebuild({ ...elsewhere, positions: { theirs: 2 } })
  p.here.recall('kept', {})
  p.here.rescue({ theirs: 0 }, 'another')
  p.here.applyEntries(logOf([first, second, third]))
  p.here.beginRebuild({ ...elsewhere, lineage: [], positions: { theirs: 3, another: 1 } })
  p.here.recall('kept', { theirs: 2, another: 1 })
  expect(journaled(p)).toEqual([['theirs', 3, 'recorded']])
})
