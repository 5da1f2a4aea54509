import { createSecretKey } from 'node:crypto'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { seededEpoch, type UserCopy } from '../../src/store/copy.ts'
import { judge } from '../../src/store/failover/compare.ts'
import { markOf } from '../../src/store/rules.ts'
import { Replica } from '../../src/store/sqlite/replica/replica.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Event, Store } from '../../src/store/store.ts'
import { HOUR, NOW, Origin, type Said } from '../helpers/events.ts'
import { tempDir } from '../helpers/temp.ts'

const USERS = ['a', 'b', 'c']
const ALL = 10_000

/** A store that orders the log, as Redis does, and a replica of it. */
class Pair {
  readonly there: Store
  readonly dir: string
  here: Replica
  readonly ours = new Origin('ours')
  readonly theirs = new Origin('theirs')

  constructor(there: Store, dir: string) {
    this.there = there
    this.dir = dir
    this.here = this.open('here')
  }

  open(name: string): Replica {
    const replica = new Replica(join(this.dir, `${name}.db`))
    onTestFinished(() => replica.close())
    return replica
  }

  /** Takes over what the log has more than the replica. */
  async follow(replica = this.here): Promise<void> {
    const { n } = replica.facts()
    const { epoch } = await this.there.status()
    const { entries } = await this.there.log({ epoch, n }, ALL)
    expect(replica.applyEntries(entries)).toBe(entries.length)
  }

  /** What a replica that has seen nothing but the log makes of it. */
  async expected(): Promise<UserCopy[]> {
    const fresh = this.open(`fresh ${Math.random()}`)
    fresh.adoptEpoch({ epoch: this.here.facts().epoch, lineage: [] })
    await this.follow(fresh)
    return fresh.copies(USERS).map(({ user, state }) => ({ user, state, erasedAt: null, expiredAt: null }))
  }

  state(): UserCopy[] {
    return this.here.copies(USERS).map(({ user, state }) => ({ user, state, erasedAt: null, expiredAt: null }))
  }

  /** What Redis does with what is pushed. */
  async push(): Promise<void> {
    await this.there.append(this.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event }) => event))
  }

  async pull(users = this.here.dirtyUsers(ALL)): Promise<boolean> {
    const fresh = this.open(`pulled ${Math.random()}`)
    await this.follow(fresh)
    const { n } = fresh.facts()
    return this.here.replaceUsers({ copies: fresh.copies(users), epoch: this.here.facts().epoch, n, positions: fresh.positions() }) !== null
  }
}

async function pair(): Promise<Pair> {
  const dir = tempDir()
  const there = await openSqliteStore({ path: join(dir.path, 'there.db') })
  onTestFinished(async () => {
    await there.close()
    dir.remove()
  })
  return new Pair(there, dir.path)
}

const risky: Said = { user: 'a', riskLevel: 'HIGH', topics: ['sleep', 'work'] }

test('a replica that follows the log is what the log makes of it', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded(risky), p.theirs.recorded({ user: 'b' }), p.theirs.erased('b'), p.theirs.recorded({ user: 'c' })])
  await p.follow()
  expect(p.here.facts()).toMatchObject({ n: 4, dirty: 0, ahead: 0 })
  expect(p.state()).toEqual(await p.expected())
})

test('what is journaled and not applied changes nothing, and is gone from the journal once the log has it', async () => {
  const p = await pair()
  const event = p.ours.recorded(risky)
  p.here.journal([event])
  expect(p.here.facts()).toMatchObject({ journalSize: 1, ahead: 0, users: 0 })
  await p.there.append([event])
  await p.follow()
  expect(p.here.facts()).toMatchObject({ journalSize: 0, ahead: 0, users: 1, dirty: 0 })
})

test('what became of an event whose answer was lost is known, be it in the log or ahead of it', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'b' }), p.theirs.recorded({ user: 'd' })])
  await p.follow()
  const said = { ...risky, id: 'the same', query: 'q', response: 'r' }
  const recorded = [p.ours.recorded(said), p.ours.recorded(said), p.ours.recorded({ user: 'c' }), p.ours.cleared('d')]
  const events = [...recorded, p.ours.cleared('nobody'), p.ours.erased('b'), p.ours.recorded({ user: 'b' })]
  expect(p.here.outcomes(events)).toEqual(events.map(() => null))
  const { outcomes } = await p.there.append(events)
  expect(new Set(outcomes.map(({ type }) => type)).size).toBe(4)
  await p.follow()
  expect(p.here.outcomes(events)).toEqual(outcomes)
  const ahead = p.ours.recorded({ user: 'a', riskLevel: 'IMMINENT' })
  const [answered] = p.here.journalAndApply([ahead])
  expect(p.here.outcomes([ahead])).toEqual([answered?.outcome])
})

test('what is applied ahead of the log is there at once, and counts once when the log has it', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'b' })])
  await p.follow()
  const [answered] = p.here.journalAndApply([p.ours.recorded(risky)])
  expect(answered?.outcome).toMatchObject({ type: 'applied', n: 2, kept: true })
  expect(p.here.log(0, ALL).map(({ n, settled }) => [n, settled])).toEqual([
    [1, true],
    [2, false],
  ])
  await p.there.append([p.theirs.recorded({ user: 'a', id: 'before ours', occurredAt: NOW - 5 })])
  await p.push()
  await p.follow()
  expect(p.here.facts()).toMatchObject({ n: 3, ahead: 0, journalSize: 0, dirty: 1 })
  expect(await p.pull()).toBe(true)
  expect(p.here.facts().dirty).toBe(0)
  expect(p.state()).toEqual(await p.expected())
})

test('a user is not taken over while Redis lacks what was applied ahead for anybody', async () => {
  const p = await pair()
  p.here.journalAndApply([p.ours.recorded(risky)])
  expect(await p.pull()).toBe(false)
  expect(p.here.copies(['a'])[0]?.state?.totalChats).toBe(1)
})

test('a user taken over from further on is left alone by the log until it gets there', async () => {
  const p = await pair()
  p.here.markDirty(['a'])
  await p.there.append([p.theirs.recorded(risky), p.theirs.recorded(risky), p.theirs.recorded({ user: 'b' })])
  expect(await p.pull()).toBe(true)
  await p.follow()
  expect(p.state()).toEqual(await p.expected())
  await p.there.append([p.theirs.recorded(risky)])
  await p.follow()
  expect(p.state()).toEqual(await p.expected())
})

test.each(['cleared', 'erased'] as const)(
  'away from Redis, what a user was taken over with is not undone by what was %s before',
  async (kind) => {
    const p = await pair()
    const events = [p.ours.recorded(risky), p.ours[kind]('a'), p.ours.recorded({ ...risky, acceptedAt: NOW + 1 })]
    p.here.journal(events)
    await p.there.append(events)
    p.here.markDirty(['a'])
    expect(await p.pull()).toBe(true)
    const [pulled] = p.here.copies(['a'])
    expect(pulled).toMatchObject({ state: { conversations: [{}] } })
    p.here.renumber()
    expect(p.here.applyAhead(ALL).map(({ outcome }) => outcome.type)).toEqual([
      kind === 'erased' ? 'dead' : 'applied',
      'applied',
      'applied',
    ])
    expect(p.here.copies(['a'])[0]?.state?.conversations).toEqual(pulled?.state?.conversations)
    await p.follow()
    expect(await p.pull()).toBe(true)
    expect(p.state()).toEqual(await p.expected())
  },
)

test('a log taken back keeps what came after in the journal, before all else there, and counts it once when it comes again', async () => {
  const p = await pair()
  const lost: Event[] = [p.theirs.recorded(risky), p.theirs.cleared('a'), p.theirs.recorded({ user: 'b' }), p.theirs.erased('b')]
  await p.there.append([p.theirs.recorded({ user: 'c' })].map((event) => ({ ...event, origin: 'first', seq: 1 })))
  await p.there.append(lost.map((event, i) => ({ ...event, seq: i + 1 })))
  await p.follow()
  p.here.journal([p.ours.recorded({ user: 'c' })])
  p.here.rewind(1)
  expect(p.here.facts()).toMatchObject({ n: 1, ahead: 4, journalSize: 5, dirty: 2 })
  expect(p.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event }) => [event.origin, event.kind])).toEqual([
    ['theirs', 'recorded'],
    ['theirs', 'cleared'],
    ['theirs', 'void'],
    ['theirs', 'erased'],
    ['ours', 'recorded'],
  ])
  expect(p.here.positions()).toMatchObject({ first: 1, theirs: 0 })
})

test('the seed of an empty Redis has what was applied ahead as the end of its log', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'b' })])
  await p.follow()
  p.here.journalAndApply([p.ours.recorded(risky), p.ours.erased('b')])
  const head = p.here.seedHead('next', ALL)
  const entries = p.here.seedLog(head.trimmed, ALL)
  expect(head).toMatchObject({ n: 3, trimmed: 0, epoch: 'next', positions: { theirs: 1, ours: 2 } })
  expect(entries.map(({ n, outcome }) => [n, outcome])).toEqual([
    [1, 'erased'],
    [2, 'applied'],
    [3, 'applied'],
  ])
  p.here.settle(head)
  expect(p.here.facts()).toMatchObject({ n: 3, chain: head.chain, ahead: 0, journalSize: 0, dirty: 0, joined: true, epoch: 'next' })
  expect(p.here.log(0, ALL)).toEqual(entries)
})

test('an erasure leaves nothing of the user in the journal but the places of its events', async () => {
  const p = await pair()
  p.here.journalAndApply([p.ours.recorded(risky), p.ours.erased('a')])
  expect(p.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event }) => [event.kind, event.seq])).toEqual([
    ['void', 1],
    ['erased', 2],
  ])
})

test("what was acknowledged here after another instance's erasure or clearing of the user stays, and is there for Redis", async () => {
  for (const kind of ['erased', 'cleared'] as const) {
    const p = await pair()
    const before = p.theirs.recorded({ ...risky, acceptedAt: NOW - 100 })
    await p.there.append([before])
    await p.follow()
    const [old, fresh] = [p.ours.recorded({ user: 'a', acceptedAt: NOW - 60 }), p.ours.recorded({ user: 'a', acceptedAt: NOW })]
    p.here.journalAndApply([old, fresh])
    await p.there.append([p.theirs[kind]('a', NOW - 50)])
    await p.follow()
    expect(p.here.copies(['a'])[0]?.state?.conversations.map(({ id }) => id)).toContain(fresh.id)
    expect(p.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event }) => event.id)).toContain(fresh.id)
    await p.push()
    await p.follow()
    expect(await p.pull()).toBe(true)
    expect(p.here.copies(['a'])[0]?.state?.conversations.map(({ id }) => id)).toContain(fresh.id)
    expect(p.state()).toEqual(await p.expected())
  }
})

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
  expect(p.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event }) => event.id)).toEqual(['ours 2'])
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
  expect(p.here.copies(['a'])[0]?.state).toMatchObject({ rev: 4, totalChats: 2 })
  expect(p.here.wholeCopies(['a'])[0]?.state).toMatchObject({ rev: 4, totalChats: 4 })
  expect(p.here.wholeCopies(['a'])[0]?.state?.conversations).toHaveLength(4)
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
  expect(p.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event }) => event.id)).toEqual(events.map(({ id }) => id))
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
  expect(p.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event }) => event.seq)).toEqual([1, 3])
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
  await p.there.append([p.theirs.recorded(said), p.theirs.recorded(said), p.theirs.recorded({ user: 'b', acceptedAt: NOW + DAY_MS })])
  await p.follow()
  const head = p.open('elsewhere').seedHead('', 0)
  p.here.beginRebuild({ ...head, epoch: p.here.facts().epoch, n: 0, chain: '', trimmed: 0, positions: {} })
  const held = (now: number): number => {
    const left = p.here.sweepLog(ALL, now)
    p.here.recall('kept', {})
    return left
  }
  expect(held(NOW)).toBe(0)
  expect(p.here.journalAfter(Number.MIN_SAFE_INTEGER, ALL).map(({ event }) => event.seq)).toEqual([1, 2, 3])
  expect(held(NOW + 31 * DAY_MS - 1)).toBe(2)
  expect(held(NOW + 31 * DAY_MS + 1)).toBe(1)
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
