import Database from 'better-sqlite3'
import { expect } from 'vitest'
import { MINUTE, NOW } from '../helpers/events.ts'
import { inCharge, until } from '../helpers/joined.ts'
import { healed, heldReplica, ownRedis, type Site, site } from './several.ts'

/** An instance of whose users all are packed who can be: not dan, who has an alert. */
export async function packed() {
  const server = await ownRedis()
  const held = heldReplica()
  const a = await site({ url: server.url, path: held.path, seams: { replica: held.replica } })
  await healed(server, [a])
  // So that the lists end by themselves in Redis.
  await a.tell(a.origin.policy({ conversationsDays: 30, emotionsDays: 30 }))
  const acceptedAt = NOW - MINUTE
  await a.record('ann', ['a1', 'a2', 'a3'], { acceptedAt, riskLevel: 'LOW', topics: ['exams', 'sleep'], emotionScore: -0.5 })
  await a.record('bob', ['b1'], { acceptedAt, topics: ['sleep'] })
  await a.record('cem', ['c1'], { acceptedAt, emotionScore: 0.25 })
  await a.record('dan', ['d1'], { acceptedAt, riskLevel: 'HIGH', topics: ['sleep'] })
  await healed(server, [a])
  await untilPacked(held, ['ann', 'bob', 'cem'])
  return { server, held, a }
}

export type Held = ReturnType<typeof heldReplica>

export const OPTIONS = { tombstoneKey: '', timeZone: 'Asia/Shanghai', n: Number.MAX_SAFE_INTEGER, plainly: false }

/** Who would be put as Redis has packed them. */
export async function packedIn({ replica }: Held, options = OPTIONS): Promise<string[]> {
  const { packed } = await replica.packedUsers('', 1_000, options)
  return packed.flatMap(({ users }) => users)
}

export const untilPacked = (held: Held, users: readonly string[]) => expect.poll(() => packedIn(held), { timeout: 25_000 }).toEqual(users)

/** Has an empty Redis filled by an instance. */
export async function filledBy(server: Awaited<ReturnType<typeof ownRedis>>, { store }: Site): Promise<void> {
  await store.pin('sqlite')
  await server.kill()
  await server.restart()
  await store.pin('auto')
  await until(store, inCharge)
}

export const countPacked = ({ instance }: Site): unknown => instance.lines.findLast(({ msg }) => msg === 'Redis is filled')?.packed

/** Does something to the data file of an instance that is closed. */
export function inFile<T>(path: string, work: (db: Database.Database) => T): T {
  const db = new Database(path)
  try {
    db.pragma('foreign_keys = ON')
    return work(db)
  } finally {
    db.close()
  }
}

export const ownersOfPacks = (db: Database.Database) => db.prepare('SELECT user_id FROM packs ORDER BY user_id').pluck().all()

/** The file of an instance that is closed and had packed ann, bob and cem. */
export async function closed() {
  const { server, a } = await packed()
  await a.store.close()
  return { server, path: a.instance.path }
}
