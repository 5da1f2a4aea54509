import { expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import type { Event } from '../../src/store/store.ts'
import { NOW } from '../helpers/events.ts'
import { ALL, type Pair, pair } from './pair.ts'

/** Everything of `a` is here, and Redis has taken it; the copy there knows the first conversation only. */
async function forgetting(rest: (p: Pair) => Event[]) {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'a', id: 'known' }), ...rest(p)])
  await p.follow()
  const elsewhere = p.open('elsewhere')
  const { epoch, entries } = await p.there.log({ epoch: (await p.there.status()).epoch, n: 0 }, ALL)
  elsewhere.applyEntries(entries.slice(0, 1))
  const [copy] = elsewhere.copies(['a'])
  if (!copy) throw new Error('a is there')
  const positions = p.here.positions()
  return { p, epoch, page: { copies: [copy], positions }, copy, positions }
}

const two = ({ theirs }: Pair) => [theirs.recorded({ user: 'a', id: 'x' }), theirs.recorded({ user: 'a', id: 'y' })]
const countsOnly = (events: readonly (Event | undefined)[]) =>
  events.map((event) => [event?.id, event?.kind === 'recorded' && event.payload.countsOnly])
const ids = (events: readonly Event[]) => events.map(({ id }) => id)

test('what is held of somebody, and Redis knows no more although it had taken it, is found', async () => {
  const { p, page } = await forgetting(two)
  expect(ids(p.here.forgottenBy(page, NOW))).toEqual(['x', 'y'])
})

test('so it is while everybody is taken over anew', async () => {
  const { p, page, epoch } = await forgetting(two)
  p.here.beginRebuild({ ...p.open('another').seedHead('', 0), epoch, positions: page.positions })
  expect(ids(p.here.forgottenBy(page, NOW))).toEqual(['x', 'y'])
})

test('what Redis has yet to get is not', async () => {
  const { p, page } = await forgetting(two)
  expect(ids(p.here.forgottenBy({ ...page, positions: { theirs: 2 } }, NOW))).toEqual(['x'])
})

test('what was erased or has expired since is not, nor what need not be remembered', async () => {
  const { p, page, copy } = await forgetting(two)
  expect(p.here.forgottenBy({ ...page, copies: [{ ...copy, erasedAt: NOW }] }, NOW)).toEqual([])
  expect(p.here.forgottenBy({ ...page, copies: [{ ...copy, expiredAt: NOW }] }, NOW)).toEqual([])
  expect(p.here.forgottenBy({ ...page, copies: [{ ...copy, state: null }] }, NOW)).toEqual([])
  expect(p.here.forgottenBy(page, NOW + 29 * DAY_MS)).toEqual([])
})

test('what was cleared since counts only, without its texts, but not what came after that', async () => {
  const { p, page } = await forgetting(({ theirs }) => [
    theirs.recorded({ user: 'a', id: 'x', riskLevel: 'HIGH', emotionScore: 0.5, references: 2, topics: ['t'] }),
    theirs.cleared('a', NOW + 1),
    theirs.recorded({ user: 'a', id: 'y', acceptedAt: NOW + 2, occurredAt: NOW + 2 }),
  ])
  const [x, y, ...rest] = p.here.forgottenBy(page, NOW + 2)
  const texts = { query: '', response: '', topics: [] }
  expect(x).toMatchObject({ id: 'x', payload: { ...texts, emotionScore: null, references: 0, riskLevel: 'HIGH', countsOnly: true } })
  expect(y).toMatchObject({ id: 'y', payload: { query: 'query y' } })
  expect(countsOnly([y, ...rest])).toEqual([['y', undefined]])
})

test('what was cleared is told by the order of the log, not by the clocks of those who wrote it', async () => {
  const { p, page } = await forgetting(({ theirs }) => [
    theirs.recorded({ user: 'a', id: 'x', acceptedAt: NOW + 2_000 }),
    theirs.cleared('a', NOW + 1_000),
    theirs.recorded({ user: 'a', id: 'y', acceptedAt: NOW + 900, occurredAt: NOW + 900 }),
  ])
  expect(countsOnly(p.here.forgottenBy(page, NOW + 2_000))).toEqual([
    ['x', true],
    ['y', undefined],
  ])
})

test('what occurred before somebody expired is not, though it was accepted later', async () => {
  const { p, page, copy } = await forgetting(({ theirs }) => [
    theirs.recorded({ user: 'a', id: 'x', acceptedAt: NOW, occurredAt: NOW - 40 * DAY_MS }),
  ])
  expect(p.here.forgottenBy({ ...page, copies: [{ ...copy, expiredAt: NOW - 10 * DAY_MS }] }, NOW)).toEqual([])
})

test('nor what a sweep may have taken, be it by a clock that was wrong', async () => {
  const p = await pair()
  await p.there.append(Array.from({ length: 1_200 }, (_, i) => p.theirs.recorded({ user: 'a', id: `i${i}`, acceptedAt: NOW + i })))
  await p.follow()
  const [before] = p.here.copies(['a'])
  p.here.sweepUsers('', 100, NOW + 31 * DAY_MS)
  const copies = p.here.copies(['a'])
  expect([before?.state?.seen.length, copies[0]?.state?.seen.length]).toEqual([1_200, 1_000])
  expect(p.here.forgottenBy({ copies, positions: p.here.positions() }, NOW)).toEqual([])
})

test('what came twice is found once', async () => {
  const { p, page } = await forgetting(({ theirs, ours }) => [
    theirs.recorded({ user: 'a', id: 'x' }),
    ours.recorded({ user: 'a', id: 'x' }),
  ])
  expect(ids(p.here.forgottenBy(page, NOW))).toEqual(['x'])
})

test('what was cleared counts only, though a duplicate was sent after that', async () => {
  const p = await pair()
  const x = { user: 'a', id: 'x', query: 'q', response: 'r' }
  await p.there.append([
    p.theirs.recorded({ user: 'a', id: 'known' }),
    p.theirs.recorded(x),
    p.theirs.cleared('a', NOW + 1),
    p.ours.recorded({ ...x, acceptedAt: NOW + 2 }),
  ])
  await p.follow()
  const elsewhere = p.open('elsewhere')
  const { epoch } = await p.there.status()
  elsewhere.applyEntries((await p.there.log({ epoch, n: 0 }, 1)).entries)
  const page = { copies: elsewhere.copies(['a']), positions: p.here.positions() }
  expect(countsOnly(p.here.forgottenBy(page, NOW + 3))).toEqual([['x', true]])
})
