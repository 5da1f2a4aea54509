import { randomUUID } from 'node:crypto'
import { Command, type Redis } from 'ioredis'
import type { Head } from '../copy.ts'
import { joinedText } from '../joined.ts'
import type { LogEntry } from '../store.ts'
import { Fault, withoutText } from './faults.ts'
import type { Found } from './inspect.ts'
import { decodeEntries } from './log.ts'
import type { Packed } from './pack.ts'
import { bulk, type PackedUsers } from './packed-users.ts'
import { runScript, type ScriptName } from './script.ts'

/**
 * Filling a Redis that has lost the data set. Whoever does it holds a lease, which every step makes sure of and prolongs; until the last
 * step there is no epoch, so that everybody else's scripts are stale.
 */

const STEP_VALUES = 2_000
const ENTRIES_PER_PAGE = 64

export interface Seed {
  dataSetId: string
  /** Of this attempt alone. */
  token: string
  /** How long the lease holds after a step. */
  leaseMs: number
  /** What `inspect` found; if Redis is not so any more, the seed is not begun. */
  over: Found
  /** The epoch of the rollback since which all is that the log there tells of; absent where that is not so. */
  rollback?: string
}

/**
 * Takes the lease and removes what there is of our keys. From the first step on nobody adds to the log; `take` gets what it holds, in
 * order, before it goes. False: another has the lease, or has changed what there was.
 */
export function beginSeed(redis: Redis, seed: Seed, take?: (entries: readonly LogEntry[]) => Promise<void>): Promise<boolean> {
  return withoutText(async () => {
    const { over, ...rest } = seed
    const expected = over.state === 'ready' ? { state: over.state, epoch: over.identity.epoch } : { state: over.state }
    if ((await runScript(redis, 'begin', { ...rest, over: expected })) !== 1) return false
    for (
      let after = 0, entries = await entriesAfter(redis, after);
      take && entries.length > 0;
      entries = await entriesAfter(redis, after)
    ) {
      await take(entries)
      after = entries.at(-1)?.n ?? after
    }
    let cursor = '0'
    do {
      cursor = String(await runScript(redis, 'wipe', { token: seed.token, cursor }))
      if (cursor === 'lost') throw new Fault('LEASE')
    } while (cursor !== '0')
    return true
  })
}

/** What a log without an epoch still tells. */
async function entriesAfter(redis: Redis, n: number): Promise<LogEntry[]> {
  const rows = await redis.xrange('xinyi:log', `(${n}-0`, '+', 'COUNT', ENTRIES_PER_PAGE)
  return rows.flatMap((row) => {
    const index = Number(row[0].split('-')[0])
    return decodeEntries(index - 1, index, [row], [])
  })
}

/** Keeps the lease while what comes next is made ready. */
export async function prolongSeed(redis: Redis, token: string): Promise<void> {
  await step(redis, 'prolong', { token }, [])
}

/** Lets go of a lease that is still ours: the next try need not wait until it runs out. */
export async function releaseSeed(redis: Redis, token: string): Promise<void> {
  await withoutText(() => runScript(redis, 'release', { token }))
}

/** Puts users, in place of whoever is there under these ids. Rejects when the lease is lost. */
export const seedUsers = (redis: Redis, token: string, steps: readonly Packed[]): Promise<void> => inOrder(redis, 'seedusers', token, steps)

const commandOf = (...words: string[]): string => `*${words.length}\r\n${words.map(bulk).join('')}`

const [META, LEASE, LOST] = ['xinyi:meta', 'xinyi:lease', 'xinyi:lease:lost']

/** If the lease is another's, nothing comes of the transaction that follows: the other key is watched, too. Where Redis refuses to write that, it refuses the transaction as well, unless it has room again in that very moment. */
const GUARD = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then redis.call('SET', KEYS[2], '', 'PX', 1) end"
/** How many keys come to be between these two, in one transaction, which prolongs the lease like every step. */
const COUNT_FROM =
  "redis.call('PEXPIRE', KEYS[2], redis.call('HGET', KEYS[1], 'leaseMs')) redis.call('HSET', KEYS[1], 'keysBefore', redis.call('DBSIZE'))"
const COUNT_TO =
  "redis.call('HSET', KEYS[1], 'keysPut', ARGV[1] .. ' ' .. redis.call('DBSIZE') - redis.call('HGET', KEYS[1], 'keysBefore'))"

/** Whether this Redis lets be done what packs need. */
export async function mayPutPacks(redis: Redis): Promise<boolean> {
  try {
    await redis.watch(LEASE, LOST)
    await redis.multi().client('REPLY', 'ON').exec()
    return true
  } catch {
    return false
  }
}

const BEFORE = commandOf('CLIENT', 'REPLY', 'OFF') + commandOf('MULTI') + commandOf('EVAL', COUNT_FROM, '2', META, LEASE)
const AFTER = commandOf('EXEC') + commandOf('CLIENT', 'REPLY', 'ON')

/** One transaction that puts users; that Redis answers again is all that it answers. */
class PutUsers extends Command {
  readonly #id: string
  readonly #users: PackedUsers

  constructor(id: string, users: PackedUsers) {
    super('client', ['reply', 'on'])
    this.#id = id
    this.#users = users
  }

  override toWritable(stream: NodeJS.WritableStream): string {
    stream.write(BEFORE)
    stream.write(this.#users.restoring)
    stream.write(commandOf('EVAL', COUNT_TO, '1', META, this.#id))
    stream.write(this.#users.listing)
    return AFTER
  }
}

/**
 * Puts users as Redis has packed them, who are not there. That goes through no script, which would take half as long again: the lease is watched instead. All of it is sent at once,
 * so that nothing comes between. Answers whether all are there then; else, or where the lease is lost, all of them are to be put in the other way.
 */
export const seedPacked = (redis: Redis, token: string, packed: PackedUsers): Promise<boolean> =>
  withoutText(async () => {
    const id = randomUUID()
    const [, , , put] = await Promise.all([
      redis.watch(LEASE, LOST),
      redis.eval(GUARD, 2, LEASE, LOST, token),
      redis.sendCommand(new PutUsers(id, packed)),
      redis.hget(META, 'keysPut'),
    ])
    return put === `${id} ${packed.keys}`
  })

/** Adds entries to the log, under their indexes; they come in order. Rejects when the lease is lost. */
export const seedLog = (redis: Redis, token: string, steps: readonly Packed[]): Promise<void> => inOrder(redis, 'seedlog', token, steps)

/** While Redis works on one step, the next is on its way. */
const inOrder = async (redis: Redis, name: ScriptName, token: string, steps: readonly Packed[]): Promise<void> =>
  withoutText(async () => {
    await Promise.all(
      steps.map(({ about, texts }) => step(redis, name, { token, ...about }, [Buffer.from(texts.buffer, texts.byteOffset, texts.length)])),
    )
  })

/** Writes what surrounds users and log, and ends the seed: from then on this is the data set. Rejects when the lease is lost. */
export async function finishSeed(redis: Redis, token: string, head: Head): Promise<void> {
  await withoutText(async () => {
    const parts = {
      positions: Object.entries(head.positions).flatMap(([origin, seq]) => [origin, String(seq)]),
      tombstones: head.tombstones.flatMap(([mark, at]) => [mark, String(at)]),
      expiries: head.expiries.flatMap(([mark, at]) => [mark, String(at)]),
      policies: head.policies.map((policy) => JSON.stringify(policy)),
      staff: head.staff.flatMap((member) => [member.sub, joinedText(member)]),
      lineage: head.lineage.map((fork) => JSON.stringify(fork)),
    }
    for (const [part, values] of Object.entries(parts)) {
      for (let i = 0; i === 0 || i < values.length; i += STEP_VALUES) {
        await step(redis, 'seedhead', { token, part, first: i === 0 }, values.slice(i, i + STEP_VALUES))
      }
    }
    const { epoch, tombstoneKey, n, chain, trimmed, trimmedChain } = head
    await step(redis, 'finish', { token }, [epoch, tombstoneKey, String(n), chain, String(trimmed), trimmedChain])
  })
}

async function step(redis: Redis, name: ScriptName, argument: object, texts: readonly (string | Buffer)[]): Promise<void> {
  if ((await runScript(redis, name, argument, texts)) === 'lost') throw new Fault('LEASE')
}
