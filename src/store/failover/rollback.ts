import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { type Fork, newestRollback } from '../copy.ts'
import type { Found } from '../redis/inspect.ts'
import type { RedisStore } from '../redis/store.ts'
import type { Event } from '../store.ts'
import type { Joint } from './joint.ts'
import { seed } from './seed.ts'

/** A data set that is rolled back on purpose. What came after the backup is nobody's any more, but for erasures; it is set aside in a file. */

const PAGE = 200

type Ready = Extract<Found, { state: 'ready' }>
type Replaced = Extract<Found, { state: 'ready' | 'seeding' }>

/** The data set here is one to which Redis is to be rolled back. */
export async function rollBack(redis: Redis, primary: RedisStore, joint: Joint, found: Ready): Promise<void> {
  const { tombstones } = await primary.head()
  // Whoever was erased since the backup stays so.
  await joint.local.replica.eraseMarked(tombstones)
  await rollBackOver(redis, joint, found)
}

/** The same, where that, or another filling of Redis, was broken off. */
export async function rollBackOver(redis: Redis, joint: Joint, found: Replaced): Promise<void> {
  const aside = new Aside(joint)
  const take = async (events: readonly Event[]) => {
    await joint.local.replica.eraseAs(events)
    await aside.add(events)
  }
  await seed(redis, joint, found, { take })
  aside.end()
}

/** Redis was rolled back, to before what is here: everything is taken over from there. */
export async function giveWay(primary: RedisStore, joint: Joint, lineage: readonly Fork[]): Promise<void> {
  const { local, exclusively, closeOrigins } = joint
  const { replica } = local
  await exclusively(async () => {
    // Erasures that wait for Redis are known by their marks then.
    await local.whole()
    const positions = await primary.positions()
    for (const from of ['log', 'kept'] as const) await replica.recall(from, positions)
    const origins = new Set(Object.keys(await replica.positions()))
    const aside = new Aside(joint)
    try {
      for (let place = Number.MIN_SAFE_INTEGER; ; ) {
        const rows = await replica.journalAfter({ after: place, limit: PAGE, positions })
        await aside.add(rows.map(({ event }) => event))
        for (const { event } of rows) origins.add(event.origin)
        const last = rows.at(-1)
        if (!last) break
        place = last.place
      }
      // Redis knows less of them than there was: what comes next would be beyond a gap for ever.
      closeOrigins(origins)
      await replica.startOver({ epoch: primary.epoch, lineage })
    } catch (error) {
      // All of it is still here, and is set aside anew with each try: on a disk that is full the files of those before would take what is left.
      const facts = await replica.facts().catch(() => null)
      if (facts && newestRollback(facts.lineage) !== newestRollback(lineage)) await aside.discard()
      throw error
    }
    aside.end()
  })
}

class Aside {
  readonly #joint: Joint
  readonly #path: string
  #events = 0

  constructor(joint: Joint) {
    this.#joint = joint
    this.#path = join(joint.dir, `set-aside-${new Date().toISOString().replaceAll(':', '-')}.jsonl`)
  }

  async add(events: readonly Event[]): Promise<void> {
    const lines = events.flatMap((event) => (event.kind === 'void' || event.kind === 'erased' ? [] : [`${JSON.stringify(rowOf(event))}\n`]))
    if (lines.length === 0) return
    const file = await open(this.#path, 'a', 0o600)
    try {
      await file.writeFile(lines.join(''))
      await file.sync()
    } finally {
      await file.close()
    }
    this.#events += lines.length
  }

  readonly discard = (): Promise<void> => rm(this.#path, { force: true })

  end(): void {
    const { logger } = this.#joint
    logger.warn(
      { events: this.#events, file: this.#events > 0 ? this.#path : null },
      'the data set was rolled back to a backup; what came after that is set aside in a file',
    )
  }
}

/** What was said is a row that can be imported; all of it as it was. */
function rowOf(event: Event): object {
  if (event.kind !== 'recorded' || event.payload.countsOnly) return event
  const { payload, ...rest } = event
  const { query, response, riskLevel, emotionScore, topics } = payload
  const timestamp = new Date(event.occurredAt).toISOString()
  return {
    ...rest,
    query,
    response,
    timestamp,
    risk: riskLevel,
    emotionScore,
    topic: topics[0] ?? null,
    payload: { ...payload, query: '', response: '' },
  }
}
