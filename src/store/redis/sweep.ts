import type { Redis } from 'ioredis'
import { z } from 'zod'
import { LOG_RETENTION_MS } from '../rules.ts'
import type { SweepReport } from '../store.ts'
import { fenced } from './faults.ts'

const USERS_PER_STEP = 100
/** A few milliseconds of Redis each. */
const ENTRIES_PER_STEP = 250
const FORGETTING_STEPS = 10

const Step = z.tuple([z.string(), z.number(), z.number()]).rest(z.string())

/** Removes what has been expired for more than a day, in steps, so that nobody waits for long. */
export async function sweep(run: (name: 'trim' | 'sweep', argument: object) => Promise<unknown>, now: number): Promise<SweepReport> {
  const report = { users: 0, removedItems: 0, removedLogEntries: 0 }
  for (let trimmed = 1; trimmed > 0; report.removedLogEntries += trimmed) {
    trimmed = z.number().parse(await run('trim', { before: now - LOG_RETENTION_MS }))
  }
  const expired = new Map<string, number>()
  let cursor = '0'
  do {
    const [next, users, removed, ...due] = Step.parse(await run('sweep', { cursor, count: USERS_PER_STEP, now }))
    for (let i = 0; i < due.length; i += 2) expired.set(due[i] ?? '', Number(due[i + 1]))
    report.users += users
    report.removedItems += removed
    cursor = next
  } while (cursor !== '0')
  return { ...report, expiredUsers: [...expired].map(([userId, deadline]) => ({ userId, deadline })) }
}

const Forgotten = z.tuple([z.string()]).rest(z.number())

/** Looks for what the log may still have of users who are gone, but not for long. Answers whether all of it has gone. */
export async function forget(run: (argument: object) => Promise<unknown>): Promise<boolean> {
  for (let step = 0; step < FORGETTING_STEPS; step += 1) {
    const [state, left] = Forgotten.parse(await run({ count: ENTRIES_PER_STEP }))
    fenced(state)
    if (left === 0) return true
  }
  return false
}

/** Has Redis give back memory, and write its append-only file anew. Where it may not, or does so already, that is left to Redis. */
export async function giveBack(redis: Redis): Promise<null> {
  await redis.memory('PURGE').catch(() => {})
  await redis.bgrewriteaof().catch(() => {})
  return null
}
