import { expect, test } from 'vitest'
import type { AlertEvent, RiskAlert } from '../../src/model.ts'
import { decodeCursor, encodeCursor } from '../../src/services/cursor.ts'
import { type Given, MAX_BEYOND, type Progress, shortId } from '../../src/services/given.ts'
import { Reader, type Told, UNKNOWN } from '../../src/services/reader.ts'
import { NOW } from '../helpers/events.ts'

const event = (id: string): AlertEvent => ({
  id,
  alertId: 'a',
  kind: 'OCCURRED',
  at: NOW,
  actor: null,
  note: null,
  level: 'HIGH',
  before: null,
})
const alert: RiskAlert = {
  ...{
    id: 'a',
    userId: 'u',
    level: 'HIGH',
    status: 'OPEN',
    occurrences: 1,
    raisedAt: NOW,
    lastSeenAt: NOW,
    conversationId: 'c',
    version: 1,
  },
  ...{ trigger: null, assignee: null, acknowledged: null, resolved: null, escalation: { since: NOW, step: 0, to: [], next: null } },
}
const told = (n: number, settledIn: string | null, seq: number, ...ids: string[]): Told => ({
  ...{ epoch: settledIn ?? 'away', n, settledIn, origin: 'o', seq, chain: '' },
  alertEvents: ids.map((id) => ({ event: event(id), short: shortId(id), alert, known: UNKNOWN })),
})
const BEGINNING: Given = { upTo: { epoch: 'one', n: 10 }, marks: [], steps: new Map(), ahead: new Map(), beyond: new Map(), due: [] }
const reader = (given = BEGINNING) => new Reader({ minLevel: 'MEDIUM', at: given.upTo, present: given.upTo, given })
const idsOf = (messages: readonly { event: AlertEvent }[]) => messages.map((message) => message.event.id)

test('a cursor goes on behind settled entries that were given whole, and names what was given beyond them until the log has come past it', () => {
  const it = reader()
  const [beyond, ahead] = [
    new Map([[shortId('a'), { origin: 'o', seq: 4 }]]),
    new Map([['o', { seq: 4, ordinal: 0, recent: '', since: 4 }]]),
  ]
  expect(it.take(told(11, null, 4, 'a'))).toMatchObject([{ given: { ...BEGINNING, ahead, beyond } }])
  const [b, c] = it.take({ ...told(11, 'one', 3, 'b', 'c'), origin: 'x' })
  const x = (ordinal: number): [string, Progress] => ['x', { seq: 3, ordinal, recent: '', since: 0 }]
  expect(b?.given).toMatchObject({ upTo: { epoch: 'one', n: 10 }, steps: new Map([x(0)]), ahead, beyond })
  expect(c?.given).toMatchObject({ upTo: { epoch: 'one', n: 11 }, steps: new Map([x(1)]), ahead, beyond })
  expect(idsOf(it.take(told(12, 'one', 4, 'a', 'other')))).toEqual(['other'])
  expect(idsOf(it.take(told(13, 'one', 5, 'd')))).toEqual(['d'])
  expect(it.given).toEqual({
    ...BEGINNING,
    upTo: { epoch: 'one', n: 13 },
    steps: new Map([x(1), ['o', { seq: 5, ordinal: 0, recent: '1', since: 0 }]]),
  })
})

test('of what was given ahead that the log settles in another way is told, as long as the cursor names it', () => {
  const it = reader()
  for (let seq = 1; seq <= MAX_BEYOND + 1; seq += 1) it.take(told(10 + seq, null, seq, `${seq}`))
  const later = reader(it.given)
  expect(idsOf(later.take(told(11, 'one', 1, 'another way'))), 'not named any more').toEqual([])
  expect(idsOf(later.take(told(12, 'one', 2, 'another way')))).toEqual(['another way'])
  expect(idsOf(later.take(told(13, 'one', 3, '3')))).toEqual([])
  expect(idsOf(later.take(told(14, null, MAX_BEYOND, `${MAX_BEYOND}`))), 'still ahead').toEqual([])
})

test('what the log has of another instance, which recorded the same, is not told again when it is read ahead', () => {
  const it = reader()
  expect(idsOf(it.take({ ...told(11, 'one', 7, 'a'), origin: 'other' }))).toEqual(['a'])
  const ahead = told(12, null, 4, 'a')
  const known = { ...UNKNOWN, settled: { origin: 'other', seq: 7, ordinal: 0 } }
  expect(idsOf(reader(it.given).take({ ...ahead, alertEvents: ahead.alertEvents.map((each) => ({ ...each, known })) }))).toEqual([])
})

test('what was told ahead, and settled by the same recording at another instance, is not told again when it is read ahead once more', () => {
  const it = reader()
  it.take(told(11, null, 4, 'a'))
  expect(idsOf(it.take({ ...told(11, 'one', 7, 'a'), origin: 'other' }))).toEqual([])
  expect(idsOf(it.take({ ...told(12, 'one', 8, 'b'), origin: 'other' }))).toEqual(['b'])
  expect(idsOf(reader(it.given).take(told(13, null, 4, 'a')))).toEqual([])
})

test('what the cursor covers is not given again, under whatever index it comes', () => {
  const it = reader({
    ...BEGINNING,
    steps: new Map([['o', { seq: 5, ordinal: 0, recent: '', since: 0 }]]),
    beyond: new Map([[shortId('x'), { origin: 'o', seq: 6 }]]),
  })
  expect(idsOf(it.take(told(11, 'two', 4, 'm', 'n')))).toEqual([])
  expect(idsOf(it.take(told(12, null, 5, 'p', 'q')))).toEqual(['q'])
  expect(idsOf(it.take(told(12, 'two', 5, 'p', 'q')))).toEqual([])
  expect(idsOf(it.take(told(13, 'two', 6, 'x', 'r')))).toEqual(['r'])
  expect(idsOf(it.take({ ...told(14, 'two', 6, 's'), origin: 'another' }))).toEqual(['s'])
})

test('what was due and is not told yet, as the log has to tell it, is told when that does', () => {
  const it = reader()
  it.take(told(13, 'one', 8, 'x'))
  const from = told(14, null, 5, 'a')
  const escalated = (each: Told): Told => ({
    ...each,
    alertEvents: each.alertEvents.map((one) => ({ ...one, event: { ...one.event, kind: 'ESCALATED' } })),
  })
  it.take(told(12, 'one', 3, 'y'))
  const later = reader({ ...it.given, steps: new Map([['o', { seq: 8, ordinal: 0, recent: '5', since: 0 }]]) })
  expect(idsOf(later.take(escalated(from)))).toEqual([])
  expect(idsOf(later.take(escalated(told(14, 'two', 5, 'a'))))).toEqual(['a'])
})

test('what was due is not told again where another instance says so ahead of the log', () => {
  const it = reader()
  const escalated = (from: Told): Told => ({
    ...from,
    alertEvents: from.alertEvents.map((each) => ({ ...each, event: { ...each.event, kind: 'ESCALATED' } })),
  })
  expect(idsOf(it.take(escalated(told(11, 'one', 3, 'a'))))).toEqual(['a'])
  const there = reader(it.given)
  expect(idsOf(there.take({ ...escalated(told(12, null, 9, 'a')), origin: 'other' }))).toEqual([])
  expect(idsOf(there.take({ ...escalated(told(13, null, 10, 'b')), origin: 'other' }))).toEqual(['b'])
})

test('who listens is told what came of an event in another order of the log, though not what it was told already', () => {
  const it = reader()
  it.listen(7)
  expect(idsOf(it.take(told(11, 'one', 3, 'a')))).toEqual(['a'])
  const again = told(11, 'two', 3, 'a', 'b')
  expect(
    idsOf(
      it.take({ ...again, alertEvents: again.alertEvents.map((each, i) => ({ ...each, known: { ...UNKNOWN, toldAt: i === 0 ? 8 : 0 } })) }),
    ),
  ).toEqual(['b'])
})

test('of an event that had come to nothing is told what comes of it in another order of the log, behind a cursor, too', () => {
  const it = reader()
  for (const seq of [3, 5, 6]) it.take(told(10 + seq, 'one', seq, `${seq}`))
  const later = reader(
    decodeCursor('d', encodeCursor('d', { ...it.given, steps: new Map([[shortId('o'), it.given.steps.get('o') as Progress]]) })),
  )
  const again = (n: number, seq: number, ...ids: string[]) => ({ ...told(n, 'two', seq, ...ids), origin: shortId('o') })
  expect(idsOf(later.take(again(11, 2, 'of the past')))).toEqual([])
  expect(idsOf(later.take(again(12, 4, 'a', 'b')))).toEqual(['a', 'b'])
  expect(idsOf(later.take(again(13, 5, 'in another way')))).toEqual([])
  expect(idsOf(reader(later.given).take(again(14, 4, 'a', 'b')))).toEqual([])
})

test('what an instance tells ahead that the log has come past is told when the log tells it, once', () => {
  const it = reader()
  for (const seq of [3, 8]) it.take(told(10 + seq, 'one', seq, `${seq}`))
  expect(idsOf(it.take(told(30, null, 5, 'a')))).toEqual([])
  expect(idsOf(it.take(told(15, 'two', 5, 'a')))).toEqual(['a'])
  expect(idsOf(reader(it.given).take(told(15, 'three', 5, 'a')))).toEqual([])
})

test('what one who listens was not told ahead, as the log had come past it, is told when the log tells it, once', () => {
  const it = reader()
  for (const seq of [3, 8]) it.take(told(10 + seq, 'one', seq, `${seq}`))
  it.listen(0)
  const known = (toldAt: number, each: Told): Told => ({
    ...each,
    alertEvents: each.alertEvents.map((one) => ({ ...one, known: { ...UNKNOWN, toldAt } })),
  })
  expect(idsOf(it.take(told(30, null, 5, 'a')))).toEqual([])
  expect(idsOf(it.take(known(1, told(31, null, 5, 'a'))))).toEqual([])
  expect(idsOf(it.take(known(2, told(15, 'two', 5, 'a'))))).toEqual(['a'])
  expect(idsOf(it.take(known(3, told(31, null, 5, 'a'))))).toEqual([])
  expect(idsOf(it.take(known(4, told(15, 'three', 5, 'a'))))).toEqual([])
})

test('what one who listens is told ahead that the log has come past meanwhile is not told again when the log tells it', () => {
  const it = reader()
  it.take(told(11, 'one', 3, 'x'))
  it.listen(0)
  it.take(told(12, 'one', 9, 'y'))
  expect(idsOf(it.take(told(30, null, 5, 'a')))).toEqual(['a'])
  expect(idsOf(reader(it.given).take(told(15, 'one', 5, 'a', 'other')))).toEqual(['other'])
})

test('what was told ahead, and came to nothing when it was settled, is not told again where another order brings it about', () => {
  const it = reader()
  it.take(told(11, 'one', 3, 'x'))
  for (const seq of [4, 5]) it.take(told(10 + seq, null, seq, `${seq}`))
  it.take(told(14, 'one', 6, 'y'))
  expect(it.given.ahead.size).toBe(0)
  const later = reader(it.given)
  expect(idsOf([4, 5].flatMap((seq) => later.take(told(8 + seq, 'two', seq, `${seq}`))))).toEqual([])
})

test('what was told ahead is not told again where its event has got another origin since, though the cursor can not name all of it', () => {
  const it = reader()
  for (let seq = 1; seq <= MAX_BEYOND + 25; seq += 1) it.take(told(10 + seq, null, seq, `${seq}`))
  const rescued = (seq: number, ...ids: string[]): Told => {
    const again = { ...told(10 + seq, 'one', seq, ...ids), origin: 'fresh' }
    const known = (ordinal: number) => ({ ...UNKNOWN, ahead: { origin: 'o', seq, ordinal } })
    return { ...again, alertEvents: again.alertEvents.map((each, ordinal) => ({ ...each, known: known(ordinal) })) }
  }
  const seqs = Array.from({ length: MAX_BEYOND + 25 }, (_, i) => i + 1)
  const later = reader(it.given)
  expect(idsOf(seqs.flatMap((seq) => later.take(rescued(seq, `${seq}`))))).toEqual([])
  const never = rescued(MAX_BEYOND + 26, 'new')
  expect(idsOf(later.take(never)), 'what was told ahead after the reader had left').toEqual(['new'])
})

test('what the log told is not told again where it comes under another origin, and names what it was', () => {
  const it = reader()
  for (const seq of [4, 6]) it.take(told(10 + seq, 'one', seq, `${seq}`))
  const rescued = (n: number, former: number, ...ids: string[]): Told => {
    return { ...told(n, 'two', n, ...ids), origin: 'fresh', former: { origin: 'o', seq: former } }
  }
  const later = reader(it.given)
  expect(idsOf(later.take(rescued(1, 4, '4')))).toEqual([])
  expect(idsOf(later.take(rescued(2, 5, '5'))), 'had come to nothing').toEqual(['5'])
  expect(idsOf(later.take(rescued(3, 6, '6', 'more of it')))).toEqual(['more of it'])
  expect(idsOf(later.take(rescued(4, 7, '7'))), 'was told to others').toEqual(['7'])
  expect(idsOf(reader(later.given).take({ ...told(2, 'two', 2, '5'), origin: 'fresh' }))).toEqual([])
})

test('another alert that it brings about under that origin is told', () => {
  const it = reader()
  it.take(told(11, null, 4, 'a'))
  const rescued = { ...told(1, 'two', 1, 'another way'), origin: 'fresh', former: { origin: 'o', seq: 4 } }
  expect(idsOf(reader(it.given).take(rescued))).toEqual(['another way'])
  expect(idsOf(reader(it.given).take({ ...rescued, alertEvents: told(1, 'two', 1, 'a').alertEvents }))).toEqual([])
})

test('what was told ahead in one order of the log and in another is told no third time when that is settled', () => {
  const it = reader()
  it.listen(0)
  expect(idsOf(it.take(told(11, null, 4, 'a')))).toEqual(['a'])
  expect(idsOf(it.take(told(12, null, 4, 'b', 'c')))).toEqual(['b', 'c'])
  expect(idsOf(reader(it.given).take(told(11, 'one', 4, 'b', 'c', 'd')))).toEqual(['d'])
  expect(idsOf(reader(it.given).take(told(11, 'one', 4, 'a')))).toEqual([])
})

test('what came before that which was told ahead is told when the log tells it', () => {
  const it = reader()
  for (const seq of [3, 20]) it.take(told(10 + seq, 'one', seq, `${seq}`))
  for (const [seq, id] of [
    [12, 'a'],
    [25, 'b'],
  ] as const)
    it.take(told(30 + seq, null, seq, id))
  const later = reader(it.given)
  expect(idsOf(later.take(told(12, 'two', 12, 'a')))).toEqual(['a'])
  expect(idsOf(later.take(told(25, 'two', 25, 'b')))).toEqual([])
})

test('what comes before all that is taken for granted is told, and nothing of that is told again', () => {
  const ahead = new Map([['o', { seq: 500, ordinal: 0, recent: '', since: 100 }]])
  const it = reader({ ...BEGINNING, ahead })
  expect(idsOf(it.take(told(11, null, 90, 'a')))).toEqual(['a'])
  expect(idsOf(it.take(told(12, null, 95, 'b')))).toEqual(['b'])
  // The cursor may have named others since.
  const later = { ...it.given, beyond: new Map() }
  for (const seq of [90, 95, 100, 300, 499]) expect(idsOf(reader(later).take(told(seq, null, seq, `${seq}`)))).toEqual([])
  expect(idsOf(reader(later).take(told(13, null, 97, 'c')))).toEqual(['c'])
  const past = reader(later)
  expect(idsOf(past.take(told(14, 'two', 600, 'd')))).toEqual(['d'])
  for (const seq of [100, 300, 499]) expect(idsOf(past.take(told(seq, 'two', seq, `${seq}`)))).toEqual([])
})

test('of what comes before all that is taken for granted nothing is told twice, however much it is, behind a cursor, too', () => {
  const first = reader()
  const tell = (it: Reader, ...of: Parameters<typeof told>) => it.take({ ...told(...of), origin: shortId('o') })
  for (let seq = 500; seq <= 800; seq += 1) tell(first, seq, null, seq, `${seq}`)
  const old = Array.from({ length: 400 }, (_, i) => `old ${i + 1}`)
  const take = (it: Reader, ids: string[], n: number, settledIn: string | null) =>
    ids.flatMap((id) => idsOf(tell(it, n, settledIn, old.indexOf(id) + 1, id)))
  const half = old.slice(0, 300)
  expect(take(first, half, 801, null)).toEqual(half)
  const it = reader(decodeCursor('d', encodeCursor('d', first.given)))
  expect(take(it, old, 802, null), 'in another epoch').toEqual(old.slice(300))
  it.listen(1)
  expect(take(it, old, 803, 'one'), 'settled').toEqual([])
})

test('who is told nothing needs no more room, however often it is noted how far they are', () => {
  const it = reader()
  it.listen(1)
  const [place, marks] = [{ epoch: 'one', n: 20, chain: 'c20' }, [{ n: 20, chain: 'c20' }]]
  it.reach(place, marks)
  const { given } = it
  expect(given.upTo.n).toBe(20)
  it.reach(place, marks)
  expect(it.given).toBe(given)
})

test('of what an event brought about a cursor names all, or nothing', () => {
  const it = reader()
  it.take(told(11, null, 1, 'a', 'b'))
  for (let seq = 2; seq <= MAX_BEYOND; seq += 1) it.take(told(10 + seq, null, seq, `${seq}`))
  expect(idsOf(reader(it.given).take(told(11, 'one', 1, 'a', 'b')))).toEqual([])
  expect(idsOf(reader(it.given).take(told(12, 'one', 2, 'other')))).toEqual(['other'])
})

test('a cursor never names more than so many, and then the newest', () => {
  const it = reader()
  let last: ReturnType<Reader['take']> = []
  for (let i = 0; i < MAX_BEYOND + 5; i += 1) last = it.take(told(11 + i, null, i + 1, `${i}`))
  const beyond = [...(last[0]?.given.beyond.keys() ?? [])]
  expect(beyond).toHaveLength(MAX_BEYOND)
  expect([beyond[0], beyond.at(-1)]).toEqual([shortId('5'), shortId(`${MAX_BEYOND + 4}`)])
})
