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

/** What seedlog.lua takes of each entry. */
function textsOf(entries: Parameters<typeof packLog>[0]): unknown[][] {
  const bytes = Buffer.concat(packLog(entries).map(({ texts }) => texts))
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1)
    texts.push(bytes.toString('utf8', at + 5, at + 5 + length))
    at += 5 + length
  }
  // In an object it is no matter what comes first.
  return Array.from({ length: texts.length / 14 }, (_, i) =>
    texts.slice(14 * i, 14 * (i + 1)).map((text, i): unknown => (i === 12 ? JSON.parse(text) : text)),
  )
}

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
