import { describe, expect, onTestFinished, test } from 'vitest'
import { editScripts } from '../../src/store/redis/script.ts'
import { inCharge } from '../helpers/joined.ts'
import { type World, world } from './one.ts'

/** The last thing that is done for a conversation before it comes into the log. */
const LAST = "  save_user(event.user, keys, record, was)\n  return { 'applied', kept and 1 or 0, alert }"

/** From now on Redis fails half-way in whatever is recorded of a user: once, or always. */
async function fails(w: World, user: string, often: 'once' | 'always'): Promise<void> {
  const failing = `if event.user == '${user}' and redis.call('${often === 'once' ? 'GETDEL' : 'GET'}', 'test:fails') then error('as asked') end`
  onTestFinished(() => editScripts((text) => text))
  editScripts((text) => text.replace(LAST, () => `  ${failing}\n${LAST}`))
  await w.admin((redis) => redis.set('test:fails', '1'))
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
    await fails(w, 'cold', 'once')
    await Promise.all(['warm', 'cold', 'warm', 'cold'].map((user) => w.record(user, 2, { riskLevel: 'HIGH' })))
    await w.until(inCharge)
    expect(await w.admin((redis) => redis.exists('test:fails')), 'it has failed').toBe(0)
    await w.expectHealed()
  })

  test('so it is of somebody who was not known before', async () => {
    const w = await world()
    await w.settled()
    await fails(w, 'new', 'once')
    await Promise.all(['warm', 'new', 'warm'].map((user) => w.record(user, 2)))
    await w.until(inCharge)
    expect(await w.admin((redis) => redis.exists('test:fails')), 'it has failed').toBe(0)
    await w.expectHealed()
  })

  test('as long as it does so, SQLite serves, and has everything', async () => {
    const w = await world()
    await w.settled()
    await fails(w, 'cold', 'always')
    expect((await w.record('cold', 2)).durability).toBe('JOURNAL')
    expect(w.lines).toContainEqual(expect.objectContaining({ because: 'ERR', msg: 'Redis can not be used: SQLite serves from now on' }))
    expect(await w.total('cold')).toEqual({ total: 4, served: 'SQLITE' })
    await w.admin((redis) => redis.del('test:fails'))
    await w.expectHealed()
  })
})
