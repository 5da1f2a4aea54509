import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { chainOf } from '../../src/store/rules.ts'
import { NOW } from '../helpers/events.ts'
import { pair } from './pair.ts'

/** What holds for everybody: the log says under which index, also of what was applied ahead of it. */

test('a policy has its index of the log, be it applied ahead before; and keeps that where it comes again', async () => {
  const p = await pair()
  const [older, newer] = [p.ours.policy({ conversations: 1 }, NOW - 5), p.ours.policy({ conversations: 9 }, NOW)]
  p.here.journalAndApply([older])
  await p.there.append([p.theirs.recorded({ user: 'b' }), p.theirs.recorded({ user: 'b' })])
  await p.follow()
  await p.push()
  await p.there.append([newer, { ...older, origin: 'elsewhere', seq: 1 }])
  await p.follow()
  const policies = p.here.policies()
  expect(policies.map(({ n, limits: { conversations } }) => [n, conversations])).toEqual([
    [3, 1],
    [4, 9],
  ])
  // As from a Redis that was filled without it.
  p.here.recall('log', { theirs: 2 })
  const { n, chain } = p.here.facts()
  const at = { n: n + 1, origin: 'ours', seq: 1, chain: chainOf(chain, 'ours', 1) }
  expect(p.here.applyEntries([{ ...at, event: older, outcome: 'applied', alertEvents: [], settled: true }])).toBe(1)
  expect(p.here.policies()).toEqual(policies)
})

test('a policy that a server of before this was noted had applied ahead gets its index of the log', async () => {
  const p = await pair()
  p.here.journalAndApply([p.ours.policy({ conversations: 7 })])
  await p.there.append([1, 2, 3].map(() => p.theirs.recorded({ user: 'b' })))
  await p.follow()
  p.here.close()
  const db = new Database(join(p.dir, 'here.db'))
  for (const name of db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").pluck().all()) db.exec(`DROP TRIGGER ${name}`)
  db.exec('DROP TABLE packs; ALTER TABLE policies DROP COLUMN ahead; PRAGMA user_version = 12')
  db.close()
  p.here = p.open('here')
  await p.push()
  await p.follow()
  expect(p.here.policies().map(({ n }) => n)).toEqual([4])
})

test('a policy gets another index where the log goes another way from before it', async () => {
  const p = await pair()
  const policy = p.theirs.policy({ conversations: 1 })
  await p.there.append([policy])
  await p.follow()
  p.here.rewind(0)
  const [first, second] = [chainOf('', 'other', 1), chainOf(chainOf('', 'other', 1), 'theirs', 1)]
  const entry = { outcome: 'applied', alertEvents: [], settled: true } as const
  p.here.applyEntries([
    { ...entry, n: 1, origin: 'other', seq: 1, chain: first, event: { ...p.ours.recorded({ user: 'b' }), origin: 'other', seq: 1 } },
    { ...entry, n: 2, origin: 'theirs', seq: 1, chain: second, event: policy },
  ])
  expect(p.here.policies().map(({ n }) => n)).toEqual([2])
})

test('a policy that is applied ahead is not taken for one that the log tells at its index', async () => {
  const p = await pair()
  const [theirs, ours] = [p.theirs.policy({ conversations: 1 }, NOW - 5), p.ours.policy({ conversations: 9 })]
  await p.there.append([theirs])
  await p.follow()
  p.here.journalAndApply([ours])
  await p.there.append([{ ...theirs, origin: 'again', seq: 1 }])
  await p.follow()
  await p.push()
  await p.follow()
  expect(p.here.policies().map(({ n }) => n)).toEqual([1, 3])
})

test('what holds for everybody, and waits for Redis, holds here while everybody is taken over anew', async () => {
  const p = await pair()
  const [policy, member] = [p.ours.policy({ conversations: 7 }), p.ours.joined({ sub: 's', name: 'S', role: 'COUNSELOR' })]
  p.here.journalAndApply([policy, member])
  p.here.beginRebuild({ ...p.open('elsewhere').seedHead('', 0), n: 5, trimmed: 5, positions: {} })
  const { positions, policies, staff } = p.here.seedHead('filled', 10)
  expect(positions).toEqual({ ours: 2 })
  expect(policies.map(({ n, limits }) => [n, limits.conversations])).toEqual([[6, 7]])
  expect(staff.map(({ sub }) => sub)).toEqual(['s'])
})
