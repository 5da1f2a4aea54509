import { createSecretKey } from 'node:crypto'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import type { Head } from '../../src/store/copy.ts'
import { markOf } from '../../src/store/rules.ts'
import { HOUR, MINUTE, NOW, type Said } from '../helpers/events.ts'
import { ALL, type Pair, pair } from './pair.ts'

/** Whoever was erased, or has expired, elsewhere is known here by a mark, when everybody is taken over anew. */

const mark = (p: Pair, at: number): [string, number] => [markOf(createSecretKey(p.here.seedHead('', 0).tombstoneKey, 'hex'), 'a'), at]

/** A user who is known to both, and of whom this was recorded here while Redis was away. */
async function knownBefore(...said: Said[]): Promise<Pair> {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'a', acceptedAt: NOW - DAY_MS })])
  await p.follow()
  p.here.journalAndApply(said.map((each) => p.ours.recorded({ user: 'a', ...each })))
  return p
}

/** The log of Redis goes on where the one here does not reach. */
const rebuild = (p: Pair, head: Pick<Head, 'positions'> & Partial<Head>): void => {
  p.here.beginRebuild({ ...p.here.seedHead('', 0), n: 5, chain: 'x', trimmed: 5, lineage: [], ...head })
}

/** Kinds of what is held of the user besides the log. */
function keptOf(p: Pair): unknown[] {
  p.here.close()
  const db = new Database(join(p.dir, 'here.db'), { readonly: true })
  const kinds = db.prepare("SELECT kind FROM kept WHERE user_id = 'a' ORDER BY place").pluck().all()
  db.close()
  return kinds
}

const at = (time: number, occurredAt = time): Said => ({ acceptedAt: time, occurredAt })

describe.each([
  ['and Redis had taken', { ours: 2 }],
  ['and waits for Redis', {}],
])('what was recorded here, %s,', (_, taken) => {
  const positions = { theirs: 1, others: 1, ...taken }

  test('after an erasure is here, and what comes from before it is not', async () => {
    const p = await knownBefore(at(NOW), at(NOW + 2 * MINUTE))
    rebuild(p, { positions, tombstones: [mark(p, NOW + MINUTE)] })
    expect([p.here.seedHead('filled', 10).positions.ours, p.here.copies(['a'])[0]?.state?.totalChats]).toEqual([2, 1])
    expect(p.here.dirtyUsers(ALL)).toEqual(['a'])
  })

  test('and was in no log before an expiry, comes after it, whenever it was accepted, or happened', async () => {
    const p = await knownBefore(at(NOW), at(NOW + 3 * MINUTE, NOW))
    rebuild(p, { positions, expiries: [mark(p, NOW + MINUTE)] })
    expect([p.here.seedHead('filled', 10).positions.ours, p.here.copies(['a'])[0]?.state?.totalChats]).toEqual([2, 2])
    p.here.recall('kept', { theirs: 1, others: 1 })
    expect(p.here.pushable({ theirs: 1, others: 1 }, ALL).events.map(({ kind }) => kind)).toEqual(['recorded', 'recorded'])
  })
})

test('what was recorded since an erasure is kept by the limits of now, not by all there ever were', async () => {
  const p = await pair()
  const policies = [p.theirs.policy({ conversations: 1 }, NOW - HOUR), p.theirs.policy({ conversations: 50 })]
  await p.there.append([...policies, p.theirs.recorded({ user: 'a' })])
  await p.there.append([2, 3, 4].map((minutes) => p.ours.recorded({ user: 'a', acceptedAt: NOW + minutes * MINUTE })))
  await p.follow()
  rebuild(p, { n: 8, trimmed: 8, positions: { theirs: 3, others: 1, ours: 3 }, tombstones: [mark(p, NOW + MINUTE)] })
  const state = p.here.copies(['a'])[0]?.state
  expect([state?.totalChats, state?.conversations.length, state?.emotions.length]).toEqual([3, 3, 3])
})

test('whoever had expired before they were erased is erased', async () => {
  const p = await knownBefore(at(NOW + 2 * MINUTE))
  const marks = { expiries: [mark(p, NOW + MINUTE)], tombstones: [mark(p, NOW + 3 * MINUTE)] }
  rebuild(p, { positions: { theirs: 1, others: 2, ours: 1 }, ...marks })
  expect(p.here.copies(['a'])[0]?.state).toBe(null)
  expect(keptOf(p)).toEqual([])
})

test('what waits for Redis and comes from before an erasure is in no log that Redis is filled with', async () => {
  const p = await knownBefore(at(NOW))
  rebuild(p, { positions: { theirs: 1, others: 2 }, tombstones: [mark(p, NOW + MINUTE)] })
  expect(p.here.seedHead('filled', 10).n).toBe(6)
  expect(p.here.seedLog(5, 10).map(({ event, outcome }) => [event, outcome])).toEqual([[null, 'erased']])
})

describe('nothing is held of who had expired here, and is erased elsewhere,', () => {
  const expired = async () => {
    const p = await knownBefore()
    rebuild(p, { positions: { theirs: 1 } })
    const { epoch } = p.here.facts()
    p.here.replaceUsers({
      copies: [{ user: 'a', state: null, erasedAt: null, expiredAt: NOW }],
      ...{ epoch, n: 5, positions: { theirs: 1 } },
    })
    return p
  }

  test('when everybody is taken over anew', async () => {
    const p = await expired()
    rebuild(p, { n: 9, trimmed: 9, positions: { theirs: 1, others: 1 }, tombstones: [mark(p, NOW + MINUTE)] })
    expect(keptOf(p)).toEqual([])
  })

  test('when marks are compared', async () => {
    const p = await expired()
    expect(p.here.raiseMarks({ tombstones: [mark(p, NOW + MINUTE)], expiries: [] })).toMatchObject({ taken: 1 })
    expect(keptOf(p)).toEqual([])
  })
})

test('nothing is held of who is found to have been erased when they are taken over', async () => {
  const p = await knownBefore()
  rebuild(p, { positions: { theirs: 1 } })
  const { epoch } = p.here.facts()
  p.here.replaceUsers({
    copies: [{ user: 'a', state: null, erasedAt: NOW, expiredAt: null }],
    ...{ epoch, n: 5, positions: { theirs: 1 } },
  })
  expect(keptOf(p)).toEqual([])
})
