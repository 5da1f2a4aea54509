import { deepStrictEqual, equal } from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import { writeBackup } from '../../src/backup/file.ts'
import { drill, restoreBackup } from '../../src/backup/restore.ts'
import { Random } from '../../src/demo/random.ts'
import { RISK_LEVELS } from '../../src/model.ts'
import { openFailoverStore } from '../../src/store/failover/store.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Event, Store } from '../../src/store/store.ts'
import { MINUTE, NOW, Origin } from '../helpers/events.ts'
import { startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { snapshot } from '../store/contract/harness.ts'

const USERS = 12
const BATCH = 8

export interface Round {
  /** Written in all. */
  events: number
  /** Of these, in the log of the backup. */
  n: number
  /** And behind these, in its journal. */
  pending: number
  users: number
}

/**
 * Takes a backup while events are written, with Redis in charge, just dead, or not there at all, and restores it. Throws where what comes out is not
 * what the events up to the point that its manifest names make of an empty store. The seed decides on the events, and when what happens.
 */
export async function backupUnderLoad(seed: number): Promise<Round> {
  const random = numbersFrom(seed)
  const dir = tempDir()
  const [at, restored, oracle] = ['at', 'restored', 'oracle'].map((name) => join(dir.path, name)) as [string, string, string]
  for (const each of [at, oracle]) mkdirSync(each)
  const redis = seed % 3 === 0 ? null : await startRedis()
  try {
    const live = redis ? await joined(at, redis.url) : await openSqliteStore({ path: join(at, 'xinyi.db') })
    const origin = new Origin(`seed ${seed}`)
    const events: Event[] = []
    const load = new AbortController()
    const writing = write(live, origin, events, { random, signal: load.signal })
    const written = async (count: number) => {
      while (events.length < count) await setImmediate()
    }
    await written(100 + random(400))
    // Some wait for Redis then, of which some were applied in it.
    if (redis && seed % 3 === 1) await redis.kill()
    const file = join(dir.path, 'x.backup')
    const copy = join(dir.path, 'copy.db')
    await live.snapshot(copy)
    const manifest = await writeBackup(file, { database: copy })
    await written(events.length + 50)
    load.abort()
    await writing
    await live.close()

    const { n, positions, pendingWrites } = manifest.contents
    // One origin wrote all, so that its events are the log.
    deepStrictEqual(positions, n === 0 ? {} : { [origin.name]: n })
    await drill(file)
    await restoreBackup(file, restored, { force: false, rollback: false, backend: redis ? 'redis' : 'sqlite' })
    const back = redis ? await joined(restored, '/nobody/is/there') : await openSqliteStore({ path: join(restored, 'xinyi.db') })
    const told = await openSqliteStore({ path: join(oracle, 'xinyi.db') })
    await told.append(events.slice(0, n + pendingWrites))
    const [found, wanted] = [await stateOf(back), await stateOf(told)]
    await Promise.all([back.close(), told.close()])
    deepStrictEqual(found, wanted)
    equal(manifest.contents.rows.log, n)
    return { events: events.length, n, pending: pendingWrites, users: wanted.eachUser.length }
  } finally {
    await redis?.kill().catch(() => {})
    dir.remove()
  }
}

const joined = (dir: string, url: string): Promise<Store> =>
  openFailoverStore({
    ...{ target: { url }, path: join(dir, 'xinyi.db'), localTimeZone: 'Asia/Shanghai', clock: () => NOW },
    logger: pino({ level: 'silent' }),
  })

async function write(
  store: Store,
  origin: Origin,
  events: Event[],
  { random, signal }: { random: (below: number) => number; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const batch = Array.from({ length: 1 + random(BATCH) }, () => eventOf(origin, random))
    const { outcomes } = await store.append(batch)
    for (const outcome of outcomes) if (!('n' in outcome)) throw new Error(`not taken: ${JSON.stringify(outcome)}`)
    events.push(...batch)
    await setImmediate()
  }
}

function eventOf(origin: Origin, random: (below: number) => number): Event {
  const user = `user ${random(USERS)}`
  const acceptedAt = NOW - MINUTE * 60 + origin.seq
  const kind = random(100)
  if (kind < 2) return origin.erased(user, acceptedAt)
  if (kind < 5) return origin.cleared(user, acceptedAt)
  if (kind < 8) return origin.assigned(user, ['li', 'wang', null][random(3)] ?? null, acceptedAt)
  if (kind < 10) return origin.adopted(user, { totalChats: random(9), topics: ['sleep'] }, acceptedAt)
  return origin.recorded({
    ...{ user, acceptedAt, occurredAt: acceptedAt - random(5), riskLevel: RISK_LEVELS[random(RISK_LEVELS.length)] ?? 'LOW' },
    ...{ emotionScore: random(10) / 10, topics: random(2) === 0 ? ['exams'] : [], query: `问 ${origin.seq}`.repeat(1 + random(20)) },
  })
}

/** Whole numbers below a bound, the same ones for the same seed. */
function numbersFrom(seed: number): (below: number) => number {
  const random = new Random(seed)
  return (below) => random.integer(0, below - 1)
}

/** Everything that a store answers, but for its log: what waits for Redis has other indexes there. */
const stateOf = (store: Store) =>
  snapshot(
    {
      read: (requests, now, view) => store.read(requests, now, view),
      policy: () => store.policy(),
      staff: () => store.staff(),
      status: () => store.status(),
      log: async ({ epoch }) => ({ epoch, entries: [] }),
    },
    NOW,
  )
