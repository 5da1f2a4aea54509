import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { seededEpoch } from '../copy.ts'
import { connectToFill } from '../redis/connect.ts'
import type { Found } from '../redis/inspect.ts'
import { beginSeed, finishSeed, mayPutPacks, prolongSeed, releaseSeed, seedLog } from '../redis/seed.ts'
import type { Event, LogEntry } from '../store.ts'
import { Outdated, wordOf } from './faults.ts'
import { Filling } from './filling.ts'
import type { Joint } from './joint.ts'

const BEFORE = {
  empty: 'is empty',
  seeding: 'was left half-filled',
  ready: 'has gone back further than the log here reaches',
}
const LEASE_MS = 2_000
/** Whoever makes no progress for so long leaves it to others. */
const PATIENCE_MS = 5_000
const USERS_PER_PAGE = 128
const ENTRIES_PER_PAGE = 256
const LOG_ENTRIES = 10_000

/**
 * Fills a Redis that has lost (or never had) the data set with what is here, what is applied ahead of the log included: that
 * becomes the end of the log. One instance does so at a time, under a lease. Writing goes on meanwhile: what comes is pushed afterwards,
 * and changes nothing for users who had it already when they were copied.
 */
export async function seed(verified: Redis, joint: Joint, over: Exclude<Found, { state: 'foreign' }>, options: Taking): Promise<void> {
  const redis = await connectToFill(joint.target)
  const end = () => redis.disconnect()
  verified.once('close', end)
  try {
    await fillOver(redis, joint, { over, ...options })
  } finally {
    verified.off('close', end)
    end()
  }
}

export interface Taking {
  /** What to do with what only this Redis has. */
  take: (events: readonly Event[]) => Promise<void>
  /** Seed.rollback */
  rollback?: string
}

async function fillOver(
  redis: Redis,
  joint: Joint,
  { over, take, ...since }: Taking & { over: Exclude<Found, { state: 'foreign' }> },
): Promise<void> {
  const { local, logger, localTimeZone, seams } = joint
  const { replica } = local
  const { dataSetId, users, partial } = await replica.facts()
  // Everything that is in the journal already is applied before anybody waits for this.
  await local.whole()
  const token = randomUUID()
  const known = await replica.positions()
  const takeNew = (entries: readonly LogEntry[]) => take(entries.filter(({ origin, seq }) => seq > (known[origin] ?? 0)).map(eventOf))
  let lastStep = performance.now()
  const progress = () => {
    lastStep = performance.now()
  }
  // SQLite may take longer over a step than the lease lasts; whoever is frozen or cut off still loses it at once.
  const holding = setInterval(() => {
    if (performance.now() - lastStep < PATIENCE_MS) prolongSeed(redis, token).catch(() => {})
  }, LEASE_MS / 4)
  const begun = await beginSeed(redis, { dataSetId, token, leaseMs: LEASE_MS, over, ...since }, takeNew).catch((error: unknown) => {
    clearInterval(holding)
    throw error
  })
  if (!begun) {
    clearInterval(holding)
    throw new Outdated('Redis is being filled by another instance')
  }
  logger.warn({ users }, `Redis ${BEFORE[over.state]}, and is filled from SQLite`)
  const started = performance.now()
  let packed = 0
  try {
    await local.complete()
    const head = await replica.seedHead(seededEpoch(partial), LOG_ENTRIES)
    const options = { tombstoneKey: head.tombstoneKey, timeZone: localTimeZone, n: head.n }
    const plainly = seams?.withoutPacks === true || !(await mayPutPacks(redis))
    const filling = new Filling({ redis, token, replica, options })
    await inTurn(
      '',
      (after) => replica.packedUsers(after, USERS_PER_PAGE, { ...options, plainly }),
      (page) => filling.write(page),
      progress,
    )
    packed = filling.packed
    await inTurn(
      head.trimmed,
      (after) => replica.packedLog(after, ENTRIES_PER_PAGE, head.n),
      ({ steps }) => seedLog(redis, token, steps),
      progress,
    )
    // Who was erased, or expired, meanwhile: the event comes later, and would find nobody.
    const { tombstones, expiries } = await replica.marks()
    await finishSeed(redis, token, { ...head, tombstones, expiries })
    await replica.settle(head)
  } catch (error) {
    logger.warn({ because: wordOf(error) }, 'Redis could not be filled; it is tried again')
    await releaseSeed(redis, token).catch(() => {})
    throw error
  } finally {
    clearInterval(holding)
  }
  logger.info({ users, packed, milliseconds: Math.round(performance.now() - started) }, 'Redis is filled')
}

/** While one page is written the next is read, and the one before it may still be on its way: Redis never waits for either. */
async function inTurn<After, Page extends { last: After | null }>(
  first: After,
  read: (after: After) => Promise<Page>,
  write: (page: Page) => Promise<void>,
  progress: () => void,
): Promise<void> {
  let [before, writing] = [Promise.resolve(), Promise.resolve()]
  let reading = read(first)
  for (let page = await reading; page.last !== null; page = await reading) {
    reading = read(page.last)
    // Whoever waits for it hears of it; nobody may.
    reading.catch(() => {})
    await before
    progress()
    before = writing
    writing = write(page)
    writing.catch(() => {})
  }
  await Promise.all([before, writing])
}

const eventOf = ({ event, origin, seq }: LogEntry): Event =>
  event ?? { kind: 'void', id: '', user: '', acceptedAt: 0, occurredAt: 0, payload: {}, origin, seq }
