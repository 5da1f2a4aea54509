import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { isExpired } from '../../errors.ts'
import { type Fork, isFilledInPart, isPartial, isSeeded, newestRollback } from '../copy.ts'
import { createDataSet, type Found, inspect } from '../redis/inspect.ts'
import { RedisStore } from '../redis/store.ts'
import type { ReplicaFacts } from '../sqlite/replica/facts.ts'
import type { LogEntry } from '../store.ts'
import { Outdated, Refused } from './faults.ts'
import type { Joint } from './joint.ts'
import type { RemoteReplica } from './replica.ts'
import { giveWay, rollBack, rollBackOver } from './rollback.ts'
import { seed } from './seed.ts'

/** A connection to a Redis whose log is known to be the one that is followed here. */
export interface Verified {
  primary: RedisStore
  lineage: readonly Fork[]
  /** The replica has to be made anew from Redis: its log does not meet the one there. */
  rebuild: boolean
}

const LOG_PAGE = 200

type Ready = Extract<Found, { state: 'ready' }>

/**
 * Looks at what a connection leads to before anything uses it, and brings it together with what is held here: an empty Redis
 * is given the data set; where the log there has gone another way than here, or back, the log here follows it from the fork
 * on, and what came after the fork waits in the journal to be pushed. Rejects with Refused when it is somebody else's.
 */
export async function verify(redis: Redis, joint: Joint): Promise<Verified> {
  const { replica } = joint.local
  const facts = await replica.facts()
  const isNew = !facts.joined && facts.n === 0
  const found = await inspect(redis)
  switch (found.state) {
    case 'foreign':
      throw new Refused(found.sentence)
    case 'seeding':
      if (found.dataSetId !== facts.dataSetId && !isNew) throw new Refused(otherDataSet)
      if (found.leaseHeld || isNew) throw new Outdated('Redis is being filled by another instance')
      await fill(redis, joint, facts, found)
      return verify(redis, joint)
    case 'empty':
      if (isNew) await createDataSet(redis, facts)
      else await fill(redis, joint, facts, found)
      return verify(redis, joint)
    case 'ready':
      break
  }
  const primary = new RedisStore(redis, found.identity, joint)
  if (found.identity.dataSetId !== facts.dataSetId || (isNew && found.n > 0)) {
    if (!isNew) throw new Refused(otherDataSet)
    return { primary, lineage: found.lineage, rebuild: true }
  }
  const [here, there] = [newestRollback(facts.lineage), newestRollback(found.lineage)]
  if (here > there) {
    await rollBack(redis, primary, joint, found)
    return verify(redis, joint)
  }
  if (here < there) {
    await giveWay(primary, joint, found.lineage)
    return { primary, lineage: found.lineage, rebuild: true }
  }
  return meet(primary, found, facts, redis, joint)
}

/** How long an instance that does not have everything leaves it to others to fill Redis, who may have more; and up to twice as long, the more it may lack. */
const OTHERS_FIRST_MS = 3_000
const LACKING_PER_MS = 10
/** The same for one who has yet to take some users over. */
const MOMENT_MS = 1_000

export function patienceMs({ partial, lacking, due, rebuiltTo }: Pick<ReplicaFacts, 'partial' | 'lacking' | 'due' | 'rebuiltTo'>): number {
  if (partial) return OTHERS_FIRST_MS + Math.min(lacking / LACKING_PER_MS, OTHERS_FIRST_MS)
  return due || rebuiltTo !== null ? MOMENT_MS : 0
}

async function fill(redis: Redis, joint: Joint, facts: ReplicaFacts, found: Exclude<Found, { state: 'foreign' }>): Promise<void> {
  if (performance.now() - joint.joinedAt < patienceMs(facts))
    throw new Outdated('Redis is empty, and what is here is not complete; another instance may fill it')
  const rollback = newestRollback(facts.lineage)
  // Whoever began to fill it may have been rolling it back: what its log still tells of must not come back by that.
  if (found.state === 'seeding' && found.rollback !== rollback && rollback !== '') await rollBackOver(redis, joint, found)
  else await seed(redis, joint, found, { take: (events) => joint.local.replica.journal(events), rollback })
}

const otherDataSet =
  'Redis holds another data set than the data directory. Point REDIS_URL at the Redis that belongs to it, or DATA_DIR at an empty directory.'

/** Finds the last entry that both logs have, and goes on from there. */
async function meet(primary: RedisStore, found: Ready, facts: ReplicaFacts, redis: Redis, joint: Joint): Promise<Verified> {
  const { replica } = joint.local
  const low = Math.max(found.trimmed, facts.trimmed)
  const high = Math.min(found.n, facts.n)
  const same = async (n: number): Promise<boolean | null> => {
    const [there] = await primary.chainAt([n])
    return there == null ? null : there === (await replica.chainAt([n]))[0]
  }
  let rebuild = false
  let isUnlike = false
  const known = new Set(facts.lineage.map(({ epoch }) => epoch))
  let lineage = [...facts.lineage, ...found.lineage.filter(({ epoch }) => !known.has(epoch))]
  let common = facts.n
  // It has forgotten entries that it had answered for, or that were told of here, and will give their indexes to others.
  const { answered, seen } = joint
  const lost = () => lineage.filter(({ epoch }) => !found.lineage.some((fork) => fork.epoch === epoch))
  const [there, now] = await primary.chainAt([facts.n, seen.n])
  // Others may have filled the indexes of what it has lost before this server has looked.
  const hasReplaced = seen.epoch === primary.epoch && now != null && now !== seen.chain
  const hasGoneBack = hasReplaced || [answered, seen].some(({ epoch, n }) => epoch === primary.epoch && found.n < n)
  if (facts.n <= found.n && (there === null || (there === facts.chain && joint.isInterrupted))) {
    // Redis has trimmed its log past where it is here, so it can't be told whether the two are one: it is, unless Redis lacks something.
    rebuild = true
    isUnlike = hasGoneBack || lost().length > 0
    if (isUnlike || (await lacking(primary, joint)).length > 0) await replica.rewind(facts.trimmed)
  } else if (there !== facts.chain && !joint.seams?.withoutVerification) {
    const shared = await newestShared(low, high, same)
    if (shared === null && !facts.partial && !found.lineage.some(({ epoch }) => isSeeded(epoch) && !known.has(epoch))) {
      // Redis has gone back to before where the log here begins, and others may have gone on from there.
      await fill(redis, joint, facts, found)
      return verify(redis, joint)
    }
    rebuild = shared === null
    const fork = shared ?? facts.trimmed
    // A rebuild that could not begin yet: nobody here has relied on anything in the epoch since.
    const isKnown = rebuild && joint.forked === primary.epoch
    joint.logger[isKnown ? 'debug' : 'warn'](
      { redisIndex: found.n, ourIndex: facts.n, fork: rebuild ? null : fork },
      'Redis has gone back, or another way; what it lacks is pushed again',
    )
    // The file has to take it first: a disk that is full must not keep the others from Redis.
    const epoch = randomUUID()
    await replica.rewind(fork, rebuild ? undefined : epoch)
    if (!rebuild) lineage = [...lineage, { epoch, n: fork }]
    isUnlike = primary.epoch === facts.epoch && !isKnown
    common = fork
  }
  // An older Redis does not know every epoch that was lived through here, and one that begins with this fork.
  if (hasGoneBack || lost().length > 0 || (rebuild && isUnlike)) {
    if (rebuild) common = await heldUpTo(primary, await replica.positions(), known)
    // From here on whoever still speaks to Redis as it was before is told so, and looks again.
    const epoch = randomUUID()
    if (!(await primary.fork(epoch, common, lost()))) throw new Outdated('Redis has changed meanwhile')
    if (rebuild) joint.forked = epoch
    lineage = [...lineage, { epoch, n: common }]
  }
  if (!rebuild) {
    const [here, there] = [await replica.counts(), await primary.counts()]
    // Before anything is pushed that comes from before an erasure.
    if (here.tombstones > there.tombstones) await primary.raise({ tombstones: (await replica.marks()).tombstones })
    const lower = await lacking(primary, joint)
    const isNew = found.lineage.some(({ epoch }) => isPartial(epoch) && !known.has(epoch))
    // Filled from a copy that was not complete, it says so by its positions: also when it goes back to that later.
    if (isNew || (lower.length > 0 && isFilledInPart(found.lineage))) await replica.recall('log', await primary.positions())
    // Else the log there has everything up to where it is here, and if its positions say less, they were damaged.
    else if (lower.length > 0) await primary.raise({ positions: await loggedPositions(primary, replica, { from: common, to: found.n }) })
  }
  await replica.recall('kept', await primary.positions())
  await replica.adoptEpoch({ epoch: primary.epoch, lineage })
  return { primary, lineage, rebuild }
}

/** Of more entries than this it is not looked up where they begin. */
const MAX_UNKNOWN = 100_000

/**
 * The index in the log there behind which all is that these positions do not cover: whoever goes on from there is told of it, and, by what
 * their cursors name, not again of what they were told. Before the beginning of the log, where that is not known.
 */
async function heldUpTo(primary: RedisStore, positions: Readonly<Record<string, number>>, known: ReadonlySet<string>): Promise<number> {
  const { epoch, n, trimmed, positions: all, lineage } = await primary.head()
  const beforeAll = Math.max(0, trimmed - 1)
  const unknown = Object.entries(all).reduce((sum, [origin, seq]) => sum + Math.max(0, seq - (positions[origin] ?? 0)), 0)
  if (unknown > MAX_UNKNOWN || lineage.some((fork) => isPartial(fork.epoch) && !known.has(fork.epoch))) return beforeAll
  let at = n
  for (let found = 0, end = n; found < unknown; ) {
    const begin = Math.max(trimmed, end - LOG_PAGE)
    if (begin === end) return beforeAll
    for (let after = begin; after < end; ) {
      const { entries } = await primary.log({ epoch, n: after }, end - after).catch(emptyWhereTrimmed)
      // Whoever goes on from there is told that the log does not reach back so far.
      if (entries.length === 0) return begin
      const news = entries.filter(({ origin, seq }) => seq > (positions[origin] ?? 0))
      found += news.length
      at = Math.min(at, (news[0]?.n ?? n + 1) - 1)
      after = entries.at(-1)?.n ?? end
    }
    end = begin
  }
  return at
}

function emptyWhereTrimmed(error: unknown): { entries: LogEntry[] } {
  if (isExpired(error)) return { entries: [] }
  throw error
}

/** Up to where each origin's events are in the log there, which the one here has up to the index `from`. */
async function loggedPositions(
  primary: RedisStore,
  replica: RemoteReplica,
  { from, to }: { from: number; to: number },
): Promise<Record<string, number>> {
  const positions = await replica.positions()
  for (let after = from; after < to; ) {
    const { entries } = await primary.log({ epoch: primary.epoch, n: after }, LOG_PAGE)
    for (const { origin, seq } of entries) if (seq === (positions[origin] ?? 0) + 1) positions[origin] = seq
    after = entries.at(-1)?.n ?? to
  }
  return positions
}

/** Origins of which the log here has more than Redis knows of, and how much. */
async function lacking(primary: RedisStore, { local: { replica } }: Joint): Promise<[origin: string, seq: number][]> {
  const [here, there] = await Promise.all([replica.positions(), primary.positions()])
  return Object.entries(here).filter(([origin, seq]) => seq > (there[origin] ?? 0))
}

/**
 * The greatest n in [low, high] at which the two logs are the same, and so before it; null where none is known to be. `same` answers null
 * where Redis does not tell: somebody has trimmed its log by hand, and what is gone is older than what is there.
 */
async function newestShared(low: number, high: number, same: (n: number) => Promise<boolean | null>): Promise<number | null> {
  let shared: number | null = null
  for (let [from, to] = [low, high]; from <= to; ) {
    const middle = Math.ceil((from + to) / 2)
    const isSame = await same(middle)
    if (isSame) shared = middle
    if (isSame === false) to = middle - 1
    else from = middle + 1
  }
  // Where the log begins is known, whatever was trimmed behind that.
  return shared ?? (low <= high && (await same(low)) ? low : null)
}
