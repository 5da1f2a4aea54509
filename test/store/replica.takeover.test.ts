import { createSecretKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { seededEpoch } from '../../src/store/copy.ts'
import { judge } from '../../src/store/failover/compare.ts'
import { markOf } from '../../src/store/rules.ts'
import { HOUR, NOW } from '../helpers/events.ts'
import { ALL, pair, risky } from './pair.ts'

test('what was held before a rebuild is pushed again where Redis goes back to before that', async () => {
  const p = await pair()
  const events = [p.ours.recorded({ user: 'a' }), p.ours.recorded({ user: 'b' }), p.theirs.recorded({ user: 'c' })]
  await p.there.append(events)
  await p.follow()
  const head = p.open('elsewhere').seedHead('', 0)
  const { n, epoch, chain } = p.here.facts()
  p.here.beginRebuild({ ...head, epoch, n: n + 2, chain, trimmed: n + 2, positions: { ours: 2, theirs: 3 } })
  expect(p.here.facts()).toMatchObject({ partial: true, rebuiltTo: '', ahead: 0 })
  expect(p.here.seedHead('', 0).positions, 'nobody here has what came between').toEqual({ ours: 2, theirs: 1 })
  p.here.recall('kept', { ours: 1, theirs: 3 })
  expect(p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event.id)).toEqual(['ours 2'])
  expect(p.here.copies(['b'])[0]?.state?.totalChats, 'it counts once').toBe(1)
  const positions = { ours: 2, theirs: 3 }
  const copies = p.here.copies(['a', 'b', 'c'])
  expect(p.here.replaceUsers({ copies, epoch, n: n + 2, positions })).toEqual([])
  p.here.letGo()
  expect(p.here.facts().partial, 'nobody has looked yet who else there is').toBe(true)
  const revs = copies.map(({ user, state }): [string, string] => [user, `${state?.rev} ${state?.acceptedAt} ${state?.totalChats}`])
  expect(p.here.noteRevs({ epoch, after: '', last: null, revs })).toBe(true)
  p.here.letGo()
  expect(p.here.facts().partial).toBe(false)
})

test('whoever was not taken over yet is put back in Redis with everything that this instance holds of them', async () => {
  const p = await pair()
  const said = [1, 2, 3].map(() => p.ours.recorded({ user: 'a' }))
  await p.there.append(said)
  const { epoch } = await p.there.status()
  const { entries } = await p.there.log({ epoch, n: 0 }, ALL)
  // Redis has all of them; by the log only the first has come here before that was trimmed.
  p.here.journal(said)
  p.here.applyEntries(entries.slice(0, 1))
  const head = p.open('elsewhere').seedHead('', 0)
  p.here.beginRebuild({ ...head, epoch, n: 3, chain: entries[2]?.chain ?? '', trimmed: 3, positions: { ours: 3 } })
  await p.there.append([p.ours.recorded({ user: 'a' })])
  p.here.applyEntries((await p.there.log({ epoch, n: 3 }, ALL)).entries)
  const [copy] = p.here.copies(['a'])
  expect(copy?.state).toMatchObject({ rev: 4, totalChats: 4 })
  expect(copy?.state?.conversations).toHaveLength(4)
})

test('what was held and has come by the log again since is pushed in the order in which it happened', async () => {
  const p = await pair()
  const events = [
    p.ours.recorded({ user: 'a' }),
    p.theirs.recorded({ user: 'b' }),
    p.ours.recorded({ user: 'a' }),
    p.ours.recorded({ user: 'c' }),
  ]
  await p.there.append(events)
  await p.follow()
  const { entries } = await p.there.log({ epoch: (await p.there.status()).epoch, n: 0 }, ALL)
  const head = p.open('elsewhere').seedHead('', 0)
  const { epoch } = p.here.facts()
  p.here.beginRebuild({ ...head, epoch, n: 0, chain: '', trimmed: 0, positions: {} })
  p.here.applyEntries(entries.slice(0, 3))
  p.here.rewind(0)
  p.here.recall('kept', {})
  expect(p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event.id)).toEqual(
    events.map(({ id }) => id),
  )
})

test('what comes between two events that are held is not taken for one that is here', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'a' }), p.theirs.recorded({ user: 'a' }), p.theirs.recorded({ user: 'a' })])
  const { epoch, entries } = await p.there.log({ epoch: (await p.there.status()).epoch, n: 0 }, ALL)
  const head = { ...p.open('elsewhere').seedHead('', 0), epoch }
  p.here.applyEntries(entries.slice(0, 1))
  p.here.beginRebuild({ ...head, n: 2, chain: entries[1]?.chain ?? '', trimmed: 2, positions: { theirs: 2 } })
  p.here.applyEntries(entries.slice(2))
  p.here.beginRebuild({ ...head, n: 0, chain: '', trimmed: 0, positions: {} })
  p.here.recall('kept', {})
  expect(p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event.seq)).toEqual([1, 3])
  expect(p.here.copies(['a'])).toMatchObject([{ state: { totalChats: 2 } }])
  p.here.applyEntries(entries)
  expect(p.here.copies(['a'])).toMatchObject([{ state: { totalChats: 3 } }])
})

test.each(['cleared', 'erased'] as const)(
  'when Redis has gone back, what was %s there comes again, and takes nothing that came after it',
  async (kind) => {
    const p = await pair()
    await p.there.append([p.theirs.recorded(risky), p.theirs[kind]('a'), p.theirs.recorded({ ...risky, acceptedAt: NOW + 1 })])
    const { epoch, entries } = await p.there.log({ epoch: (await p.there.status()).epoch, n: 0 }, ALL)
    await p.follow()
    const before = p.state()
    p.here.beginRebuild({ ...p.open('elsewhere').seedHead('', 0), epoch, n: 0, chain: '', trimmed: 0, positions: {} })
    p.here.applyEntries(entries)
    expect(p.state()).toEqual(before)
    expect(p.here.facts()).toMatchObject({ n: 3 })
  },
)

test.each(['cleared', 'expired'] as const)('what was %s elsewhere goes, and what was recorded here ahead of that stays', async (kind) => {
  const p = await pair()
  const policy = p.theirs.policy({ profileDays: 1 }, NOW - DAY_MS)
  const old = { user: 'a', riskLevel: 'HIGH', topics: ['old'], acceptedAt: NOW - DAY_MS } as const
  await p.there.append([policy, p.theirs.recorded({ ...old, id: 'before' })])
  await p.follow()
  const ahead = p.ours.recorded({ user: 'a', id: 'ahead', acceptedAt: NOW + 1, topics: ['new'], riskLevel: 'MEDIUM' })
  p.here.journalAndApply([ahead])
  await p.there.append([p.theirs[kind]('a', NOW)])
  await p.follow()
  const [held] = p.here.copies(['a'])
  expect(held?.state?.conversations.map(({ id }) => id)).toEqual(['ahead'])
  expect(held?.state?.topics.map(({ name }) => name)).toEqual(['new'])
  expect(held?.state?.totalChats).toBe(2)
  expect(p.here.dirtyUsers(ALL)).toEqual(['a'])
  await p.push()
  await p.follow()
  await p.pull()
  expect(p.state()).toEqual(await p.expected())
})

test.each(['cleared', 'expired'] as const)(
  'a user is taken over who was %s: when the log comes to that, nothing is put back that is there',
  async (kind) => {
    const p = await pair()
    const policy = p.theirs.policy({ profileDays: 1 }, NOW - DAY_MS)
    for (const alerted of [false, true]) {
      const user = alerted ? 'a' : 'b'
      const old = { user, riskLevel: alerted ? 'HIGH' : 'LOW', acceptedAt: NOW - DAY_MS } as const
      await p.there.append([...(alerted ? [] : [policy]), p.theirs.recorded(old)])
      await p.follow()
      p.here.journalAndApply([p.ours.recorded({ user, id: 'ahead', acceptedAt: NOW + 1 })])
      await p.there.append([p.theirs[kind](user, NOW)])
      await p.push()
      await p.there.append([p.theirs.recorded({ user, id: 'later', acceptedAt: NOW + 2 })])
      expect(await p.pull()).toBe(true)
      await p.follow()
      const [held] = p.here.copies([user])
      expect(held?.state?.conversations.map(({ id }) => id)).toEqual(['later', 'ahead'])
      expect(held?.state?.emotions).toHaveLength(2)
      expect(held?.state?.totalChats).toBe(kind === 'expired' && !alerted ? 2 : 3)
      await p.pull()
      expect(p.state()).toEqual(await p.expected())
    }
  },
)

test('an alert that is another one where more is known of an erasure is taken over', async () => {
  const p = await pair()
  await p.there.append([p.theirs.erased('a', NOW - HOUR)])
  p.here.adoptEpoch({ epoch: (await p.there.status()).epoch, lineage: [] })
  await p.there.append([p.theirs.recorded(risky)])
  const { entries } = await p.there.log({ epoch: (await p.there.status()).epoch, n: 0 }, ALL)
  // The erasure itself is not known here.
  const [first, second] = entries
  if (!first || !second) throw new Error('the log is short')
  p.here.applyEntries([{ ...first, event: null, outcome: 'erased' }, second])
  expect(p.here.dirtyUsers(ALL)).toEqual(['a'])
})

test('whoever comes by the log for the first time while users are being taken over is taken over too', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'a' }), p.theirs.recorded({ user: 'b' })])
  const { epoch, entries } = await p.there.log({ epoch: (await p.there.status()).epoch, n: 0 }, ALL)
  p.here.beginRebuild({
    ...p.open('elsewhere').seedHead('', 0),
    epoch,
    n: 1,
    chain: entries[0]?.chain ?? '',
    trimmed: 1,
    positions: { theirs: 1 },
  })
  p.here.applyEntries(entries.slice(1))
  p.here.noteRevs({
    epoch,
    after: '',
    last: null,
    revs: [
      ['a', `1 ${NOW} 1`],
      ['b', `2 ${NOW} 1`],
    ],
  })
  expect(p.here.dirtyUsers(ALL)).toEqual(['a', 'b'])
})

test('what was held is swept when it is as old as what the log lets go of, and not before, without a gap', async () => {
  const p = await pair()
  const said = { user: 'a', id: 'the same', query: 'q', response: 'r' }
  await p.there.append([
    p.theirs.recorded(said),
    p.theirs.recorded({ ...said, query: 'other' }),
    p.theirs.recorded({ user: 'b', acceptedAt: NOW + DAY_MS }),
  ])
  await p.follow()
  const head = p.open('elsewhere').seedHead('', 0)
  p.here.beginRebuild({ ...head, epoch: p.here.facts().epoch, n: 0, chain: '', trimmed: 0, positions: {} })
  const held = (now: number): number => {
    const left = p.here.sweepLog(ALL, now)
    p.here.recall('kept', {})
    return left
  }
  expect(held(NOW)).toBe(0)
  expect(p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event.seq)).toEqual([1, 2, 3])
  expect(held(NOW + 31 * DAY_MS - 1), 'what changed nothing may be younger').toBe(1)
  expect(held(NOW + 31 * DAY_MS + 1)).toBe(2)
})

test('whoever is in another state in Redis is noticed, though it be of the same revision', async () => {
  const p = await pair()
  await p.there.append(['a', 'b', 'c'].map((user, i) => p.ours.recorded({ user, acceptedAt: NOW + i })))
  await p.follow()
  p.here.adoptEpoch({ epoch: seededEpoch(false), lineage: [{ epoch: p.here.facts().epoch, n: 0 }] })
  const { epoch } = p.here.facts()
  const revs: [string, string][] = [
    ['a', `1 ${NOW} 1`],
    ['b', `2 ${NOW + 1} 2`],
    ['c', `3 ${NOW} 1`],
  ]
  expect(p.here.noteRevs({ epoch, after: '', last: null, revs })).toBe(true)
  expect(p.here.dirtyUsers(ALL)).toEqual(['b', 'c'])
})

test('of two copies of a user of the same revision that one is right which knows more of what was recorded', async () => {
  const p = await pair()
  await p.there.append([p.ours.recorded(risky), p.ours.recorded(risky), p.ours.recorded(risky)])
  await p.follow()
  const [ours] = p.here.copies(['a'])
  if (!ours?.state) throw new Error('nobody is here')
  const less = { ...ours, state: { ...ours.state, totalChats: 2, seen: ours.state.seen.slice(1) } }
  const at = { n: 3, policies: [], now: NOW }
  expect(judge(ours, ours, at)).toBe('equal')
  expect(judge(less, ours, at)).toBe('restore')
  expect(judge(ours, less, at)).toBe('pull')
})

test('the journal and what was applied from it survive a restart', async () => {
  const p = await pair()
  p.here.journalAndApply([p.ours.recorded(risky)])
  p.here.journal([p.ours.recorded(risky)])
  p.here.close()
  p.here = p.open('here')
  expect(p.here.facts()).toMatchObject({ journalSize: 2, ahead: 1 })
  expect(p.here.applyAhead(ALL)).toHaveLength(1)
  expect(p.here.copies(['a'])[0]?.state?.totalChats).toBe(2)
})

test('whoever went from Redis with an erasure that reached further there is not taken for lost, however its mark came here', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'a' })])
  await p.follow()
  p.here.journalAndApply([p.ours.erased('a'), p.ours.recorded({ user: 'a', acceptedAt: NOW + 1 })])
  await p.there.append([p.theirs.recorded({ user: 'a', acceptedAt: NOW + HOUR })])
  await p.push()
  await p.follow()
  expect(p.here.copies(['a'])).toMatchObject([{ state: { totalChats: 1 } }])
  const fresh = p.open('fresh')
  await p.follow(fresh)
  p.here.raiseMarks(fresh.marks())
  const { n } = fresh.facts()
  const from = { epoch: p.here.facts().epoch, n, positions: fresh.positions() }
  expect(p.here.replaceUsers({ copies: fresh.copies(['a']), ...from })).toEqual([])
  expect(p.here.copies(['a'])).toMatchObject([{ state: null, erasedAt: NOW + HOUR }])
})

test('whoever came back after an erasure that is only known now is kept when everybody is taken over', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'a' }), p.theirs.recorded({ user: 'b', acceptedAt: NOW + HOUR })])
  await p.follow()
  const fresh = p.open('fresh')
  await p.follow(fresh)
  const both = ['a', 'b'].map((user): [string, number] => [markOf(createSecretKey(fresh.facts().tombstoneKey, 'hex'), user), NOW])
  p.here.beginRebuild({ ...fresh.seedHead('another', 0), tombstones: both })
  expect(p.here.nextUsers('', ALL)).toEqual(['b'])
})

test('where everybody is as Redis has them, the positions are its, whatever became of what they were', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'a' }), p.theirs.recorded({ user: 'b' })])
  await p.follow()
  const head = p.open('elsewhere').seedHead('', 0)
  const { n, epoch, chain } = p.here.facts()
  p.here.beginRebuild({ ...head, epoch, n, chain, trimmed: n, positions: { theirs: 1 } })
  await p.pull(['a', 'b', 'c'])
  p.here.settleKept(n, { theirs: 2 })
  expect(p.here.positions()).toEqual({ theirs: 2 })
})
