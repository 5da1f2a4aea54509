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

describe('a script fails half-way', () => {
  test('what it was about is recorded once, in both stores, and nothing that came with it is lost', async () => {
    const w = await world()
    await w.settled()
    await fails(w, 'cold', { nth: 1 })
    await Promise.all(['warm', 'cold', 'warm', 'cold'].map((user) => w.record(user, 2, { riskLevel: 'HIGH' })))
    await w.until(inCharge)
    await isOver(w)
    await w.expectHealed()
  })

  test.each([1, 2, 3])('so it is of somebody who was not known before, at their conversation %i', async (nth) => {
    const w = await world()
    await w.settled()
    await fails(w, 'new', { nth })
    await Promise.all(['warm', 'new', 'warm'].map((user) => w.record(user, 3)))
    await w.until(inCharge)
    await isOver(w)
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
