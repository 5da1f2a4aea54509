import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { NOW } from '../helpers/events.ts'
import { ALL, type Pair, pair } from './pair.ts'

/** What Redis has of `a`, as one tells who has followed its log from the beginning. */
async function freshPage(p: Pair, name: 'gone' | 'redis') {
  const fresh = p.open(name)
  await p.follow(fresh)
  return {
    copies: fresh.copies(['a']).map((c) => ({ ...c, expiredAt: name === 'gone' ? NOW + DAY_MS : null })),
    positions: fresh.positions(),
  }
}
const LATE = NOW + 1.5 * DAY_MS

test('what was before an expiry is not found once somebody has come back, though they were not here then', async () => {
  const p = await pair()
  await p.there.append([p.theirs.policy({ profileDays: 1 }), p.theirs.recorded({ user: 'a', id: 'x' })])
  await p.follow()
  const { epoch } = await p.there.status()
  const newcomer = p.open('newcomer')
  // first copy: nobody is here yet
  newcomer.beginRebuild({ ...p.here.seedHead(epoch, 0), epoch: p.here.facts().epoch, positions: p.here.positions() })
  await p.there.append([p.theirs.assigned('a', 'li', LATE), p.theirs.adopted('a', { totalChats: 7 }, LATE)])
  await p.follow(newcomer)
  await p.there.append([p.theirs.expired('a', NOW + DAY_MS), p.theirs.recorded({ user: 'a', id: 'y', acceptedAt: NOW + 3 * DAY_MS })])
  await p.follow(newcomer)
  const page = await freshPage(p, 'gone')
  expect(page.copies[0]?.state?.counselor).toBe(null)
  expect(page.copies[0]?.expiredAt).toBe(NOW + DAY_MS)
  expect(newcomer.forgottenBy(page, NOW + 3 * DAY_MS).map(({ kind, id }) => [kind, id])).toEqual([])
})

test('nor what is kept from before it', async () => {
  const p = await pair()
  await p.there.append([
    p.theirs.policy({ profileDays: 1 }),
    p.theirs.recorded({ user: 'a', id: 'x' }),
    p.theirs.assigned('a', 'li', LATE),
    p.theirs.adopted('a', { totalChats: 7 }, LATE),
  ])
  await p.follow()
  const { epoch } = await p.there.status()
  p.here.beginRebuild({ ...p.here.seedHead(epoch, 0), epoch: p.here.facts().epoch, positions: p.here.positions() })
  await p.pull()
  await p.there.append([p.theirs.expired('a', NOW + DAY_MS), p.theirs.recorded({ user: 'a', id: 'y', acceptedAt: NOW + 3 * DAY_MS })])
  await p.follow()
  const page = await freshPage(p, 'gone')
  expect(page.copies[0]?.state?.counselor).toBe(null)
  expect(page.copies[0]?.state?.totalChats).toBe(1)
  expect(p.here.forgottenBy(page, NOW + 3 * DAY_MS).map(({ kind, id }) => [kind, id])).toEqual([])
})

test('what another system had does not come before what it had later', async () => {
  const p = await pair()
  const x = p.theirs.recorded({ user: 'a', id: 'x' })
  await p.there.append([x, p.theirs.adopted('a', { totalChats: 7 }, NOW + 1, 'v1')])
  await p.follow()
  const other = await pair()
  await other.there.append([{ ...x, origin: 'o', seq: 1 }, other.ours.adopted('a', { totalChats: 9 }, NOW + 2, 'v2')])
  await other.follow()
  const copies = other.here.copies(['a'])
  const again = p.here.forgottenBy({ copies, positions: { theirs: 2 } }, NOW + 3)
  await other.there.append(again.map((event, i) => ({ ...event, origin: 'again', seq: i + 1 })))
  await other.follow()
  expect(other.here.copies(['a'])[0]?.state).toMatchObject({ totalChats: 10 })
})

test('who was to look after somebody is not found where the copy knows of another since', async () => {
  const p = await pair()
  const x = p.theirs.recorded({ user: 'a', id: 'x' })
  await p.there.append([x, p.theirs.assigned('a', 'li', NOW + 1)])
  await p.follow()
  const other = await pair()
  await other.there.append([{ ...x, origin: 'o', seq: 1 }, other.ours.assigned('a', 'wang', NOW + 2)])
  await other.follow()
  const again = p.here.forgottenBy({ copies: other.here.copies(['a']), positions: { theirs: 2 } }, NOW + 3)
  expect(again).toEqual([])
})

test('nothing that Redis knows is found, whatever was cleared, stripped, swept, or taken over anew', async () => {
  const p = await pair()
  const id = hash('sha1', 'a\0' + '0\0' + '0')
  const about = { alertId: id, actor: 'wang' }
  await p.there.append([
    p.theirs.policy({ profileDays: 1, alertsDays: 1 }),
    p.theirs.recorded({ user: 'a', id: 'x', riskLevel: 'HIGH' }),
    p.theirs.acted('a', { ...about, action: 'NOTE' }, NOW + 1),
    p.theirs.acted('a', { ...about, action: 'ACKNOWLEDGE' }, NOW + 2),
    p.theirs.acted('a', { ...about, action: 'ACKNOWLEDGE', version: 77 }, NOW + 2),
    p.theirs.acted('a', { ...about, action: 'ESCALATE', to: ['li'] }, NOW + 3),
    p.theirs.acted('a', { ...about, action: 'RESOLVE' }, NOW + 4),
    p.theirs.assigned('a', 'li', NOW + 5),
    p.theirs.assigned('a', null, NOW + 6),
    p.theirs.adopted('a', { totalChats: 1, topics: ['t'] }, NOW + 7),
    p.theirs.adopted('a', { totalChats: 2 }, NOW + 8, 'twice'),
    p.ours.adopted('a', { totalChats: 2 }, NOW + 8, 'twice'),
    p.theirs.cleared('a', NOW + 9),
    p.theirs.expired('a', NOW + DAY_MS),
    p.theirs.acted('a', { ...about, actor: null, action: 'EXPIRE', due: NOW + 4 + DAY_MS }, NOW + 4 + DAY_MS),
    p.theirs.acted('a', { ...about, action: 'NOTE' }, NOW + 2 * DAY_MS, 'late'),
  ])
  await p.follow()
  const page = await freshPage(p, 'redis')
  expect(page.copies[0]?.state).not.toBe(null)
  expect(p.here.forgottenBy(page, NOW + 2 * DAY_MS)).toEqual([])
  p.here.sweepUsers('', 100, NOW + 40 * DAY_MS)
  expect(p.here.forgottenBy({ ...page, copies: p.here.copies(['a']) }, NOW + 2 * DAY_MS)).toEqual([])
  const { epoch } = await p.there.status()
  p.here.beginRebuild({ ...p.here.seedHead(epoch, 0), epoch: p.here.facts().epoch, positions: p.here.positions() })
  expect(p.here.forgottenBy(page, NOW + 2 * DAY_MS)).toEqual([])
})

test('nor what came to something here alone, before somebody came back', async () => {
  const p = await pair()
  await p.there.append([p.theirs.policy({ profileDays: 1 }), p.theirs.recorded({ user: 'a', id: 'x' })])
  await p.follow()
  p.here.journalAndApply([p.ours.assigned('a', 'li', LATE)])
  await p.there.append([p.theirs.expired('a', NOW + DAY_MS)])
  await p.push()
  const last = await p.there.log({ epoch: (await p.there.status()).epoch, n: 0 }, ALL)
  expect(last.entries.at(-1)?.outcome).toBe('conflict')
  const { epoch, n } = await p.there.status()
  const chain = last.entries.at(-1)?.chain ?? ''
  p.here.beginRebuild({
    ...p.here.seedHead(epoch, 0),
    n,
    chain,
    trimmed: n,
    trimmedChain: chain,
    epoch: p.here.facts().epoch,
    positions: { theirs: p.theirs.seq, ours: 1 },
  })
  await p.there.append([p.theirs.recorded({ user: 'a', id: 'y', acceptedAt: NOW + 3 * DAY_MS })])
  await p.follow()
  const page = await freshPage(p, 'gone')
  expect(page.copies[0]?.state?.counselor).toBe(null)
  expect(p.here.forgottenBy(page, NOW + 3 * DAY_MS).map(({ kind, id }) => [kind, id])).toEqual([])
})
test('whoever was stripped, and then went by the same deadline, is gone', async () => {
  const p = await pair()
  const alertId = hash('sha1', 'a\0' + '0\0' + '0')
  const about = { alertId, actor: 'wang' }
  await p.there.append([
    p.theirs.policy({ profileDays: 1, alertsDays: 1 }),
    p.theirs.recorded({ user: 'a', id: 'x', riskLevel: 'HIGH' }),
    p.theirs.acted('a', { ...about, action: 'RESOLVE' }, NOW + 4),
  ])
  await p.follow()
  const { epoch } = await p.there.status()
  const newcomer = p.open('newcomer')
  newcomer.beginRebuild({ ...p.here.seedHead(epoch, 0), epoch: p.here.facts().epoch, positions: p.here.positions() })
  const expired = p.theirs.expired('a', NOW + DAY_MS)
  await p.there.append([
    expired,
    p.theirs.acted('a', { ...about, actor: null, action: 'EXPIRE', due: NOW + 4 + DAY_MS }, NOW + 4 + DAY_MS),
    p.theirs.assigned('a', 'li', LATE),
  ])
  await p.follow(newcomer)
  const again = { ...p.theirs.expired('a', NOW + DAY_MS), id: expired.id }
  const { outcomes } = await p.there.append([again, p.theirs.recorded({ user: 'a', id: 'y', acceptedAt: NOW + 3 * DAY_MS })])
  expect(outcomes[0]?.type).toBe('applied')
  await p.follow(newcomer)
  const page = await freshPage(p, 'gone')
  const {
    copies: [c],
  } = page
  // as a copy that lacks y's time would have it: only the order tells
  const copies = c?.state ? [{ ...c, state: { ...c.state, oldestAt: 0 } }] : []
  expect(newcomer.forgottenBy({ ...page, copies }, NOW + 3 * DAY_MS).map(({ kind, id }) => [kind, id])).toEqual([])
})
