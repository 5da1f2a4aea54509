import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished } from 'vitest'
import type { UserCopy } from '../../src/store/copy.ts'
import { visibleOf } from '../../src/store/failover/compare.ts'
import { connectRedis } from '../../src/store/redis/connect.ts'
import type { Copied } from '../../src/store/redis/copies.ts'
import { inspect } from '../../src/store/redis/inspect.ts'
import { RedisStore } from '../../src/store/redis/store.ts'
import { Replica } from '../../src/store/sqlite/replica/replica.ts'
import type { Appended, Event, Store, StoreStatus } from '../../src/store/store.ts'
import { MINUTE, NOW, Origin, type Said } from '../helpers/events.ts'
import { type Instance, type InstanceOptions, inAgreement, inCharge, newDataFile, openInstance, until } from '../helpers/joined.ts'
import { type FaultProxy, startProxy } from '../helpers/proxy.ts'
import { type RedisOptions, type RedisServer, startRedis } from '../helpers/redis.ts'
import { snapshot } from '../store/contract/harness.ts'

/**
 * What a write may take when Redis does not answer: the time-out of a command (500 ms), and what a busy machine takes besides. How long it takes
 * indeed is measured by `npm run bench -- detection`; here it is told from waiting until Redis is back.
 */
export const LATEST_MS = 2_500
/** Whatever takes less did not wait for the time-out of a command, nor for most of it. */
export const AT_ONCE_MS = 400

/** One instance, a Redis of its own, and what the one was told and has acknowledged. */
export class World {
  readonly server: RedisServer
  #path: string
  readonly url: string
  origin = new Origin()
  /** user -> conversations acknowledged. */
  readonly told = new Map<string, number>()
  readonly #threaded: boolean | undefined
  #instance!: Instance

  constructor({ server, path, url, threaded }: { server: RedisServer; path: string; url: string; threaded?: boolean | undefined }) {
    this.server = server
    this.#path = path
    this.url = url
    this.#threaded = threaded
  }

  get path(): string {
    return this.#path
  }

  get store(): Store {
    return this.#instance.store
  }

  get lines(): Instance['lines'] {
    return this.#instance.lines
  }

  /** Opens the instance (again): another process, as far as the stores can tell. */
  async open(options: Partial<InstanceOptions> = {}): Promise<void> {
    this.origin = new Origin()
    this.#instance = await openInstance({ url: this.url, path: this.path, threaded: this.#threaded, ...options })
  }

  /** Opens another instance, on another data file, in place of the one that was closed. */
  moveTo(path: string): Promise<void> {
    this.#path = path
    return this.open()
  }

  said(user: string, said: Said = {}): Event {
    return this.origin.recorded({ user, acceptedAt: NOW - MINUTE + this.origin.seq, topics: ['sleep'], emotionScore: 0.1, ...said })
  }

  /** Records conversations of a user; each has to be applied. */
  async record(user: string, count = 1, said: Said = {}): Promise<Appended> {
    const answer = await this.store.append(Array.from({ length: count }, () => this.said(user, said)))
    expect(answer.outcomes.filter(({ type }) => type !== 'applied')).toEqual([])
    this.told.set(user, (this.told.get(user) ?? 0) + count)
    return answer
  }

  /** How often a user has spoken, as the instance tells it, and which store said so. */
  async total(userId: string): Promise<{ total: number; served: string }> {
    const { answers, served } = await this.store.read([{ kind: 'user', userId }], NOW)
    return { total: answers[0]?.totalChats ?? 0, served }
  }

  until(holds: (status: StoreStatus) => boolean): Promise<StoreStatus> {
    return until(this.store, holds)
  }

  /** Asks the server itself, on a connection of its own. */
  admin<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    return withRedis(this.server.socket, work)
  }

  /** Waits until both stores have everything. (That they agreed at some time says nothing of what came since.) */
  async settled(): Promise<void> {
    await this.store.pin('sqlite')
    await this.store.pin('auto')
    await this.until(inAgreement)
  }

  /** Waits until both stores have everything; then nothing told is missing or counted twice, and they hold the same (but for the log, where Redis was made to lose that). */
  async expectHealed({ log = true }: { log?: boolean } = {}): Promise<void> {
    const look = () => snapshot(log ? this.store : withoutLog(this.store), NOW)
    let there: Awaited<ReturnType<typeof look>>
    // On a busy machine a question can run into its time-out; then SQLite has answered.
    do {
      await this.until((status) => inAgreement(status) && status.pendingWrites === 0)
      there = await look()
    } while (this.store.backend !== 'REDIS')
    const told = Object.fromEntries(this.told)
    expect(Object.fromEntries(there.eachUser.map(({ user }) => [user?.userId, user?.totalChats]))).toEqual(told)
    expect(Object.fromEntries(there.eachUser.map(({ user, conversations }) => [user?.userId, conversations.items.length]))).toEqual(told)
    await this.store.pin('sqlite')
    expect(await look(), 'SQLite answers what Redis does').toEqual(there)
    await this.store.close()
    await expectEqual(this.server.socket, this.path)
  }
}

export type WorldOptions = RedisOptions & {
  /** Redis is reached through something that can misbehave. */
  proxied?: boolean
  threaded?: InstanceOptions['threaded']
  /** Nobody has spoken yet. */
  silent?: boolean
  instance?: Partial<InstanceOptions>
}

/** An instance that Redis is in charge of, with a user `warm` who has spoken twice and a user `cold` who is not touched again. */
export async function world(options: WorldOptions & { proxied: true }): Promise<World & { proxy: FaultProxy }>
export async function world(options?: WorldOptions): Promise<World>
export async function world({ proxied, threaded, silent, instance, ...redis }: WorldOptions = {}): Promise<World & { proxy?: FaultProxy }> {
  const server = await startRedis({ keepDir: true, ...redis })
  onTestFinished(() => server.remove())
  const proxy = proxied ? await startProxy({ path: server.socket }) : undefined
  if (proxy) onTestFinished(() => proxy.close())
  const made = new World({ server, path: newDataFile(), url: proxy?.url ?? server.url, threaded })
  await made.open(instance)
  await made.until(inCharge)
  if (!silent) {
    await made.record('cold', 2, { riskLevel: 'HIGH' })
    await made.record('warm', 2, { riskLevel: 'MEDIUM' })
  }
  return Object.assign(made, proxy && { proxy })
}

export async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { retryStrategy: () => null, enableReadyCheck: false, replyMapping: 'legacy' })
  redis.on('error', () => {})
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

/** The copy that Redis would have been backed up as. */
export async function backUp(w: World, name: string): Promise<void> {
  await w.admin((redis) => redis.save())
  copyFileSync(join(w.server.dir, 'dump.rdb'), join(w.server.dir, name))
}

export async function restartFrom(w: World, name: string): Promise<void> {
  await w.server.kill()
  copyFileSync(join(w.server.dir, name), join(w.server.dir, 'dump.rdb'))
  await w.server.restart()
}

/** Waits until something is so. */
export async function eventually(holds: () => boolean | Promise<boolean>, patienceMs = 8_000): Promise<void> {
  const end = performance.now() + patienceMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('It has not come to be so')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const withoutLog = (store: Store): Pick<Store, 'read' | 'policy' | 'staff' | 'status' | 'log'> => ({
  read: (requests, now, view) => store.read(requests, now, view),
  policy: () => store.policy(),
  staff: () => store.staff(),
  status: () => store.status(),
  log: async ({ epoch }) => ({ epoch, entries: [] }),
})

/** Milliseconds that it took, and what came of it. */
export async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const started = performance.now()
  const value = await work()
  return { ms: performance.now() - started, value }
}

/** The data file of an instance that is closed holds what Redis holds: every user with everything, and the place in the log. */
async function expectEqual(url: string, path: string): Promise<void> {
  const redis = await connectRedis({ url })
  const found = await inspect(redis)
  if (found.state !== 'ready') throw new Error(found.state)
  const store = new RedisStore(redis, found.identity, { localTimeZone: 'Asia/Shanghai', target: { url } })
  const replica = new Replica(path)
  try {
    const { n, epoch, chain, positions, policies, staff, tombstones } = await store.head()
    const facts = replica.facts()
    const here = replica.seedHead('', 0)
    expect({ ...facts, positions: replica.positions() }).toMatchObject({ n, epoch, chain, positions, ahead: 0, journalSize: 0, dirty: 0 })
    expect({ policies: here.policies, tombstones: sorted(here.tombstones) }).toEqual({ policies, tombstones: sorted(tombstones) })
    expect(new Set(here.staff)).toEqual(new Set(staff))
    const visible = (copies: readonly UserCopy[]) =>
      copies.map((copy) => ({ ...copy, state: copy.state && visibleOf(copy.state, policies, NOW) }))
    const copies: UserCopy[] = []
    for (let after: string | null = ''; after !== null; ) {
      const page: Copied = await store.copies({ after, limit: 1_000 })
      expect(page.damaged).toEqual([])
      copies.push(...page.copies)
      after = page.last
    }
    expect(visible(replica.copies(replica.nextUsers('', 1_000)))).toEqual(visible(copies))
  } finally {
    replica.close()
    await store.close()
  }
}

const sorted = (marks: readonly (readonly [mark: string, at: number])[]) => [...marks].sort(([a], [b]) => (a < b ? -1 : 1))
