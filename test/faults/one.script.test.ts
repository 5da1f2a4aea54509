import { describe, expect, onTestFinished, test } from 'vitest'
import { editScripts } from '../../src/store/redis/script.ts'
import { inCharge } from '../helpers/joined.ts'
import { type World, world } from './one.ts'

/** The last thing that is done for a conversation before it comes into the log. */
const LAST = "  save_user(event.user, keys, record, was)\n  return { 'applied', kept and 1 or 0, alert }"

/** From now on Redis fails half-way in the nth conversation that is recorded of a user; `always`: and in all that follow. */
async function fails(w: World, user: string, { nth, always = false }: { nth: number; always?: boolean }): Promise<void> {
  const isDue = `redis.call('EXISTS', 'test:left') == 1 and redis.call('DECR', 'test:left') ${always ? '<=' : '=='} 0`
  onTestFinished(() => editScripts((text) => text))
  editScripts((text) => text.replace(LAST, () => `  if event.user == '${user}' and ${isDue} then error('as asked') end\n${LAST}`))
  await w.admin((redis) => redis.set('test:left', nth))
}

/** Records a conversation of each, all at once. */
async function together(w: World, users: readonly string[]): Promise<void> {
  const { outcomes } = await w.store.append(users.map((user) => w.said(user, { riskLevel: 'HIGH' })))
  expect(outcomes.map(({ type }) => type)).toEqual(users.map(() => 'applied'))
  for (const user of users) w.told.set(user, (w.told.get(user) ?? 0) + 1)
}

/** It has failed, and does so no more. */
async function isOver(w: World): Promise<void> {
  expect(Number(await w.admin((redis) => redis.getdel('test:left')))).toBeLessThanOrEqual(0)
}

test('an alert with a number that is none keeps no sign of risk from being recorded', async () => {
  const w = await world()
  await w.record('cold', 1, { riskLevel: 'HIGH' })
  await w.settled()
  await w.admin(async (redis) => redis.hset(`xinyi:alert:${await redis.lindex('xinyi:user:cold:alerts', 0)}`, 'occurrences', 'nan'))
  expect((await w.record('cold', 1, { riskLevel: 'IMMINENT' })).durability).toBe('BOTH')
  expect(await w.total('cold')).toEqual({ total: 4, served: 'REDIS' })
})

test('where Redis takes a right away of which a script makes use, what it holds is left as it is', async () => {
  const w = await world()
  await w.settled()
  const before = await w.admin((redis) => redis.hgetall('xinyi:users'))
  await w.admin((redis) => redis.call('ACL', 'SETUSER', 'default', '-hsetnx'))
  expect((await w.record('cold')).durability).toBe('JOURNAL')
  expect(await w.admin((redis) => redis.hgetall('xinyi:users'))).toEqual(before)
  await w.admin((redis) => redis.call('ACL', 'SETUSER', 'default', '+@all'))
  await w.expectHealed()
})

test('where somebody has set the index of the newest entry back, recording goes on, in Redis too', async () => {
  const w = await world()
  await w.settled()
  await w.admin((redis) => redis.hincrby('xinyi:meta', 'n', -2))
  expect((await w.record('cold', 2)).durability).toBe('JOURNAL')
  await w.until(inCharge)
  await w.expectHealed()
})

describe('a script fails half-way', () => {
  test('what it was about is recorded once, in both stores, and nothing that came with it is lost', async () => {
    const w = await world()
    await w.settled()
    await fails(w, 'cold', { nth: 2 })
    await together(w, ['warm', 'cold', 'warm', 'cold', 'cold', 'warm'])
    await w.until(inCharge)
    await isOver(w)
    const listed = await w.admin((redis) => redis.lrange('xinyi:user:cold:entries', 0, -1))
    expect(listed, 'each entry of the log once').toEqual([...new Set(listed)])
    await w.expectHealed()
  })

  test.each([1, 2, 3])('so it is of somebody who was not known before, at their conversation %i', async (nth) => {
    const w = await world()
    await w.settled()
    await fails(w, 'new', { nth })
    await together(w, ['warm', 'new', 'warm', 'new', 'new', 'warm'])
    await w.until(inCharge)
    await isOver(w)
    await w.expectHealed()
  })

  test('a policy that it was about is kept once', async () => {
    const w = await world()
    await w.settled()
    const kept = '    policies, taking.policy = nil, text'
    onTestFinished(() => editScripts((text) => text))
    editScripts((text) => text.replace(kept, () => `${kept}\n    if redis.call('DEL', 'test:left') == 1 then error('as asked') end`))
    await w.admin((redis) => redis.set('test:left', 1))
    await w.store.append([w.origin.policy({ conversations: 7 })])
    await w.until(inCharge)
    await isOver(w)
    expect(
      (await w.admin((redis) => redis.lrange('xinyi:policies', 0, -1))).filter((text) => text.includes('"conversations":7')),
    ).toHaveLength(1)
    await w.expectHealed()
  })

  test('as long as it does so, SQLite serves, and has everything', async () => {
    const w = await world()
    await w.settled()
    await fails(w, 'cold', { nth: 1, always: true })
    expect((await w.record('cold', 2)).durability).toBe('JOURNAL')
    expect(w.lines).toContainEqual(expect.objectContaining({ because: 'ERR', msg: 'Redis can not be used: SQLite serves from now on' }))
    expect(await w.total('cold')).toEqual({ total: 4, served: 'SQLITE' })
    await isOver(w)
    await w.expectHealed()
  })
})
