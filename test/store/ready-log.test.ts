import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { RISK_LEVELS } from '../../src/model.ts'
import { readyLog } from '../../src/store/failover/ready-log.ts'
import { packLog } from '../../src/store/redis/pack-log.ts'
import { writeEntry } from '../../src/store/sqlite/log.ts'
import { openDatabase } from '../../src/store/sqlite/open.ts'
import { seedLog } from '../../src/store/sqlite/replica/seed.ts'
import type { Event, LogEntry } from '../../src/store/store.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { newDataFile } from '../helpers/joined.ts'

const origin = new Origin('origin')
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', '"', '\\', '\u0000', '\ud800', '心忆', '{"a":1}', '\r\n'),
)
const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((each) => each.isWellFormed())
const time = fc.integer({ min: 1, max: 2 * NOW })

const recorded = fc
  .record({
    ...{
      user: name,
      id: name,
      acceptedAt: time,
      occurredAt: time,
      query: text,
      response: text,
      riskLevel: fc.constantFrom(...RISK_LEVELS),
    },
    emotionScore: fc.option(fc.double({ min: -1, max: 1, noNaN: true })),
    references: fc.nat(),
    topics: fc.array(text, { maxLength: 3 }),
    raisesLate: fc.constantFrom(true as const, undefined),
    source: fc.option(name, { nil: undefined }),
    countsOnly: fc.constantFrom(true as const, undefined),
  })
  .map((said) => origin.recorded(said))
const event: fc.Arbitrary<Event | null> = fc.oneof(
  { weight: 4, arbitrary: recorded },
  fc.constant(null),
  fc.record({ user: name, at: time }).map(({ user, at }) => origin.cleared(user, at)),
  fc.record({ user: name, at: time }).map(({ user, at }) => origin.erased(user, at)),
  fc.record({ user: name, at: time }).map(({ user, at }) => origin.adopted(user, {}, at)),
  fc.constant(null).map(() => origin.policy({ conversations: 3 })),
)
const entry = fc.record({
  event,
  outcome: fc.constantFrom<LogEntry['outcome']>('applied', 'applied', 'duplicate', 'conflict', 'dead', 'erased'),
  formerly: fc.option(name, { nil: undefined }),
  isAlert: fc.boolean(),
})

type Entry = typeof entry extends fc.Arbitrary<infer T> ? T : never

function fileOf(entries: readonly Entry[]) {
  const { db, sql } = openDatabase(newDataFile())
  onTestFinished(() => {
    db.close()
  })
  for (const [i, { event, outcome, formerly, isAlert }] of entries.entries()) {
    const alertEvents = isAlert
      ? [{ id: `e${i}`, alertId: 'a', kind: 'RAISED' as const, at: NOW, level: 'HIGH' as const, actor: null, note: null, before: null }]
      : []
    const given = event && formerly ? { ...event, formerly } : event
    writeEntry(sql, {
      n: i + 1,
      origin: given?.origin ?? 'other',
      seq: given?.seq ?? i,
      chain: `c${i}`,
      event: given,
      outcome,
      alertEvents,
    })
  }
  db.prepare('UPDATE meta SET n = ?').run(entries.length)
  return { db, sql }
}

function textsIn(packed: Uint8Array): string[] {
  const bytes = Buffer.from(packed)
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1)
    texts.push(bytes.toString('utf8', at + 5, at + 5 + length))
    at += 5 + length
  }
  return texts
}

/** What seedlog.lua takes of each entry. */
function textsOf(entries: Parameters<typeof packLog>[0]): unknown[][] {
  const texts = packLog(entries).flatMap(({ texts }) => textsIn(texts))
  // In an object it is no matter what comes first.
  return Array.from({ length: texts.length / 14 }, (_, i) =>
    texts.slice(14 * i, 14 * (i + 1)).map((text, i): unknown => (i === 12 ? JSON.parse(text) : text)),
  )
}

const fileOfSeed = (entries: readonly Entry[]) => readyLog(fileOf(entries).sql, 0, entries.length).entries

test('SQLite makes of the log what is made of its entries, whatever was said', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
      const { db, sql } = fileOf(entries)
      const ready = readyLog(sql, 0, entries.length)
      expect(textsOf(ready.entries)).toEqual(textsOf(seedLog(sql, 0, entries.length)))
      expect(ready.last).toBe(entries.length || null)
      db.close()
    }),
    { numRuns: 60 },
  )
})

test('what is damaged is no more than a void, and holds nothing up', () => {
  const { db, sql } = fileOf(
    [0, 1, 2, 3].map(() => ({ event: origin.recorded({ user: 'ann' }), outcome: 'applied' as const, formerly: undefined, isAlert: true })),
  )
  db.exec(
    `UPDATE log SET payload = 'no JSON' WHERE n = 1; UPDATE log SET payload = '{}' WHERE n = 2; UPDATE log SET alert_events = '[' WHERE n = 3`,
  )
  expect(textsOf(readyLog(sql, 0, 4).entries)).toEqual(textsOf(seedLog(sql, 0, 4)))
  expect(readyLog(sql, 0, 4).entries.map((each) => 'packed' in each)).toEqual([false, false, false, true])
})

const said = (count: number): Entry[] =>
  Array.from({ length: count }, () => ({
    event: origin.recorded({ user: 'ann' }),
    outcome: 'applied',
    formerly: undefined,
    isAlert: false,
  }))

/** All of the log, in pages of so many. */
function inPages(sql: Parameters<typeof readyLog>[0], limit: number, n: number): unknown[][] {
  const all: unknown[][] = []
  for (let after: number | null = 0; after !== null; ) {
    const page: ReturnType<typeof readyLog> = readyLog(sql, after, Math.min(limit, n - after))
    all.push(...textsOf(page.entries))
    after = page.last
  }
  return all
}

test('what is ahead of the log is its end, however long the pages are', () => {
  const { db, sql } = fileOf(said(7))
  const columns = 'n, origin, seq, kind, accepted_at, occurred_at, outcome, id, user_id, payload'
  db.exec(`INSERT INTO journal (${columns}) SELECT ${columns} FROM log WHERE n > 4; DELETE FROM log WHERE n > 4; UPDATE meta SET n = 4`)
  const expected = textsOf(seedLog(sql, 0, 7))
  expect(expected.map(([n]) => n)).toEqual(['1', '2', '3', '4', '5', '6', '7'])
  for (const limit of [1, 2, 3, 4, 5, 7, 100]) expect(inPages(sql, limit, 7)).toEqual(expected)
})

test('entries that can not be read, and gaps, are not the end of the log', () => {
  const { db, sql } = fileOf(said(9))
  db.exec("UPDATE log SET outcome = 'other' WHERE n IN (2, 3, 4); DELETE FROM log WHERE n IN (5, 6)")
  for (const limit of [1, 2, 3]) expect(inPages(sql, limit, 9).map(([n]) => n)).toEqual(['1', '7', '8', '9'])
})

test('what has only some of its fields is no more than a void', () => {
  const names = ['query', 'response', 'riskLevel', 'emotionScore', 'references', 'topics', 'fingerprint']
  const { db, sql } = fileOf(said(names.length))
  for (const [i, name] of names.entries())
    db.prepare('UPDATE log SET payload = json_remove(payload, ?) WHERE n = ?').run(`$.${name}`, i + 1)
  expect(textsOf(readyLog(sql, 0, names.length).entries)).toEqual(textsOf(seedLog(sql, 0, names.length)))
  expect(textsOf(readyLog(sql, 0, names.length).entries).map((texts) => texts[6])).toEqual(names.map(() => 'void'))
})

test('Redis does not work on much of it at once', () => {
  expect(packLog(fileOfSeed(said(130))).map(({ texts }) => textsIn(texts).length / 14)).toEqual([64, 64, 2])
  const long = said(5).map((each) => ({ ...each, event: origin.recorded({ query: 'x'.repeat(80_000) }) }))
  expect(packLog(fileOfSeed(long)).map(({ texts }) => textsIn(texts).length / 14)).toEqual([2, 2, 1])
})

test('a void before all else is as old as what comes next', () => {
  const { sql } = fileOf([{ event: null, outcome: 'conflict', formerly: undefined, isAlert: false }, ...said(1)])
  expect(textsOf(readyLog(sql, 0, 2).entries).map((texts) => texts[7])).toEqual([String(NOW), String(NOW)])
})

test('from before where the log begins nothing is read', () => {
  const { db, sql } = fileOf(said(3))
  db.exec('DELETE FROM log WHERE n = 1; UPDATE meta SET trimmed = 1')
  expect(() => readyLog(sql, 0, 2)).toThrow(expect.objectContaining({ code: 'CURSOR_EXPIRED' }))
  expect(readyLog(sql, 1, 2).last).toBe(3)
})

test('numbers that are too large to be read spoil nothing but their entry', () => {
  const { db, sql } = fileOf(
    [0, 1, 2, 3].map(() => ({ event: origin.recorded({ user: 'ann' }), outcome: 'applied' as const, formerly: undefined, isAlert: false })),
  )
  db.exec('UPDATE log SET accepted_at = 9007199254740993 WHERE n = 2; UPDATE log SET occurred_at = 9007199254740993 WHERE n = 3')
  expect(textsOf(readyLog(sql, 0, 4).entries)).toEqual(textsOf(seedLog(sql, 0, 4)))
  expect(readyLog(sql, 0, 4).last).toBe(4)
})
