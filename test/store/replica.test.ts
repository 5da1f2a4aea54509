import { expect, test } from 'vitest'
import type { Event } from '../../src/store/store.ts'
import { NOW } from '../helpers/events.ts'
import { ALL, pair, risky } from './pair.ts'

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
  expect(p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => [event.origin, event.kind])).toEqual([
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
  expect(p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => [event.kind, event.seq])).toEqual([
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
    expect(p.here.journalAfter({ after: Number.MIN_SAFE_INTEGER, limit: ALL }).map(({ event }) => event.id)).toContain(fresh.id)
    await p.push()
    await p.follow()
    expect(await p.pull()).toBe(true)
    expect(p.here.copies(['a'])[0]?.state?.conversations.map(({ id }) => id)).toContain(fresh.id)
    expect(p.state()).toEqual(await p.expected())
  }
})
