import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { DAY_MS, DEFAULT_TRIAGE } from '../../src/model.ts'
import type { Event } from '../../src/store/store.ts'
import { MINUTE, NOW } from '../helpers/events.ts'
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

const alertId = hash('sha1', 'a\0' + '0\0' + '0')
const raised = ({ theirs }: Pair) => theirs.recorded({ user: 'a', id: 'x', riskLevel: 'HIGH' })
const about = { alertId, actor: 'wang' }

test('what somebody did about an alert is found, but not what the passing of time did', async () => {
  const lapses = NOW + 2 + DEFAULT_TRIAGE.acknowledgedForMinutes.HIGH * MINUTE
  const { p, page } = await forgetting((p) => [
    raised(p),
    p.theirs.acted('a', { ...about, action: 'NOTE', note: 'called' }, NOW + 1, 'noted'),
    p.theirs.acted('a', { ...about, action: 'ACKNOWLEDGE' }, NOW + 2, 'taken'),
    p.theirs.acted('a', { ...about, actor: null, action: 'LAPSE', due: lapses }, lapses, 'lapsed'),
  ])
  expect(p.here.copies(['a'])[0]?.state?.alerts[0]).toMatchObject({ status: 'OPEN', version: 3 })
  const found = p.here.forgottenBy(page, lapses)
  expect(found.map(({ id, payload }) => [id, 'version' in payload && payload.version])).toEqual([
    ['x', false],
    ['noted', null],
    ['taken', null],
  ])
})

test('what somebody decided of an alert is no more than a note after what came of it since', async () => {
  const p = await pair()
  await p.there.append([raised(p), p.theirs.acted('a', { ...about, action: 'NOTE' }, NOW + 1, 'known')])
  await p.follow()
  const elsewhere = p.open('elsewhere')
  const { epoch } = await p.there.status()
  elsewhere.applyEntries((await p.there.log({ epoch, n: 0 }, ALL)).entries)
  const decided = { ...about, note: 'n' }
  await p.there.append([
    p.theirs.acted('a', { ...decided, action: 'NOTE' }, NOW, 'noted'),
    p.theirs.acted('a', { ...decided, action: 'ACKNOWLEDGE', version: 1 }, NOW, 'told what for'),
    p.theirs.acted('a', { ...decided, action: 'RESOLVE' }, NOW, 'before'),
    p.theirs.acted('a', { ...decided, action: 'RESOLVE' }, NOW + 1, 'after'),
  ])
  await p.follow()
  const found = p.here.forgottenBy({ copies: elsewhere.copies(['a']), positions: p.here.positions() }, NOW + 2)
  expect(found.map(({ id, payload }) => [id, 'version' in payload && payload.version])).toEqual([
    ['noted', null],
    ['told what for', 1],
    ['before', 0],
    ['after', null],
  ])
})

test('who was to look after somebody last is found, unless that is known', async () => {
  const { p, page, copy } = await forgetting(({ theirs }) => [theirs.assigned('a', 'li', NOW + 1), theirs.assigned('a', 'wang', NOW + 2)])
  const [last, ...rest] = p.here.forgottenBy(page, NOW + 2)
  expect([last?.payload, rest]).toMatchObject([{ counselor: 'wang' }, []])
  const seen = { id: last?.id ?? '', acceptedAt: NOW + 2, fingerprint: '0', alertId: null, source: '' }
  const knowing = copy.state && { ...copy, state: { ...copy.state, seen: [...copy.state.seen, seen] } }
  expect(p.here.forgottenBy({ ...page, copies: knowing ? [knowing] : [] }, NOW + 2)).toEqual([])
  expect(p.here.forgottenBy(page, NOW + 30 * DAY_MS)).toEqual([])
})

test('what another system had of somebody is found; what was cleared of it since is not', async () => {
  const had = { totalChats: 7, topics: ['t'], points: [{ id: 'p', occurredAt: NOW - 1, score: null, riskLevel: 'LOW' as const }] }
  const kept = await forgetting(({ theirs }) => [theirs.adopted('a', had)])
  expect(kept.p.here.forgottenBy(kept.page, NOW)).toMatchObject([{ payload: had }])
  const gone = await forgetting(({ theirs }) => [theirs.adopted('a', had), theirs.cleared('a', NOW + 1)])
  expect(gone.p.here.forgottenBy(gone.page, NOW + 1)).toMatchObject([{ payload: { totalChats: 7, topics: [], points: [] } }])
})

test('what is recorded again after a clearing is told of as it was counted', async () => {
  const said = { riskLevel: 'HIGH', source: 'sqlite', raisesLate: true } as const
  const { p, page } = await forgetting(({ theirs }) => [theirs.recorded({ user: 'a', id: 'x', ...said }), theirs.cleared('a', NOW + 1)])
  expect(p.here.forgottenBy(page, NOW + 2)).toMatchObject([{ payload: { ...said, countsOnly: true } }])
})

test('what counts only does so however often it is forgotten', async () => {
  const { p, page } = await forgetting(({ theirs }) => [theirs.recorded({ user: 'a', id: 'x', query: '', response: '', countsOnly: true })])
  expect(countsOnly(p.here.forgottenBy(page, NOW))).toEqual([['x', true]])
})

test('what came after a clearing is found whole, though that came again later', async () => {
  const { p, page } = await forgetting(({ theirs, ours }) => {
    const cleared = theirs.cleared('a', NOW + 1)
    const y = theirs.recorded({ user: 'a', id: 'y', acceptedAt: NOW + 2 })
    return [cleared, y, { ...cleared, origin: ours.name, seq: 1 }]
  })
  expect(countsOnly(p.here.forgottenBy(page, NOW + 2))).toEqual([['y', undefined]])
})

test('what expired of somebody whose alerts stay counts only', async () => {
  const { p, page } = await forgetting((p) => [p.theirs.policy({ profileDays: 1 }), raised(p), p.theirs.expired('a', NOW + 2 * DAY_MS)])
  expect(p.here.copies(['a'])[0]?.state).toMatchObject({ totalChats: 2, conversations: [] })
  expect(countsOnly(p.here.forgottenBy(page, NOW + 2 * DAY_MS))).toEqual([['x', true]])
})

test('what counts only is not listed when a clearing comes under it', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'a', id: 'before' })])
  await p.follow()
  p.here.journalAndApply([p.ours.recorded({ user: 'a', id: 'ahead', query: '', response: '', countsOnly: true })])
  await p.there.append([p.theirs.cleared('a')])
  await p.follow()
  expect(p.here.copies(['a'])[0]?.state).toMatchObject({ totalChats: 2, conversations: [], emotions: [], lastPoints: [] })
})
