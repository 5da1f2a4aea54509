import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Event } from '../../src/store/store.ts'
import { NOW } from '../helpers/events.ts'
import { pair } from './pair.ts'

const eventOf = (origin: string, seq: number): Event => ({
  ...{ kind: 'void', id: '', user: '', acceptedAt: NOW, occurredAt: NOW, payload: {} },
  ...{ origin, seq },
})

/** A journal, as it stands; and up to which of each origin Redis has it. */
const journals = fc.record({
  held: fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 12 })), {
    selector: ([origin, seq]) => `${seq} ${origin}`,
    maxLength: 30,
  }),
  positions: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 4 })),
  limit: fc.integer({ min: 1, max: 10 }),
})

test('Redis is brought the journal in its order, each event right behind what comes before it in its origin, and nothing behind a gap', async () => {
  const { here } = await pair()
  fc.assert(
    fc.property(journals, ({ held, positions, limit }) => {
      here.startOver({ epoch: 'new', lineage: [] })
      here.journal(held.map(([origin, seq]) => eventOf(origin, seq)))
      const has = new Map(Object.entries(positions))
      const expected: string[] = []
      const waiting = new Set<string>()
      for (const [origin, seq] of held) {
        waiting.add(`${seq} ${origin}`)
        for (let next = (has.get(origin) ?? 0) + 1; waiting.delete(`${next} ${origin}`); next += 1) {
          has.set(origin, next)
          expected.push(`${next} ${origin}`)
        }
      }
      const reached: Record<string, number> = { ...positions }
      const brought: string[] = []
      for (;;) {
        const { events, stuck } = here.pushable(reached, limit)
        expect(events.length).toBeLessThanOrEqual(limit)
        for (const { origin, seq } of events) {
          brought.push(`${seq} ${origin}`)
          reached[origin] = seq
        }
        if (events.length > 0) continue
        const beyond = held.filter(([origin, seq]) => seq > (reached[origin] ?? 0))
        expect(new Set(stuck)).toEqual(new Set(beyond.map(([origin]) => origin)))
        break
      }
      expect(brought).toEqual(expected)
    }),
  )
})
