import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished, vi } from 'vitest'
import { XinyiError } from '../../src/errors.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import type { Event, LogEntry, Outcome, Store } from '../../src/store/store.ts'
import { NOW, Origin, type Said } from '../helpers/events.ts'
import { type Instance, type InstanceOptions, inAgreement, inFallback, newDataFile, openInstance, until } from '../helpers/joined.ts'
import { type FaultProxy, startProxy } from '../helpers/proxy.ts'
import { type RedisOptions, type RedisServer, startRedis } from '../helpers/redis.ts'
import { replicaHere } from '../helpers/this-thread.ts'
import { ALL, idsOf, snapshot, wholeLog } from '../store/contract/harness.ts'

/** A redis-server of the test's own, which can be killed and started again. */
export async function ownRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const server = await startRedis({ keepDir: true, ...options })
  onTestFinished(() => server.remove())
  return server
}

export async function proxyTo(server: RedisServer): Promise<FaultProxy> {
  const proxy = await startProxy({ path: server.socket })
  onTestFinished(() => proxy.close())
  return proxy
}

/** Does something to Redis that no instance knows of. */
export async function behindTheirBacks<T>(server: RedisServer, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server.socket)
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

/** An instance, and one who writes through it. */
export class Site {
  readonly instance: Instance
  readonly origin: Origin

  constructor(instance: Instance, origin = new Origin()) {
    this.instance = instance
    this.origin = origin
  }

  get store(): Store {
    return this.instance.store
  }

  async tell(...events: Event[]): Promise<Outcome[]> {
    const { outcomes } = await this.store.append(events)
    for (const outcome of outcomes) if (!('n' in outcome)) throw new Error(`not taken: ${JSON.stringify(outcome)}`)
    return outcomes
  }

  /** Records conversations of these ids, each acknowledged. */
  async record(user: string, ids: readonly string[], said: Said = {}): Promise<void> {
    for (const id of ids) await this.tell(this.origin.recorded({ user, id, ...said }))
  }

  /** Closes it, and opens it again on its own file. */
  async reopen(options: InstanceOptions): Promise<Site> {
    await this.store.close()
    return site({ ...options, path: this.instance.path })
  }
}

export const site = async (options: InstanceOptions): Promise<Site> => new Site(await openInstance(options))

export const chatsOf = async (store: Store, userId: string): Promise<string[]> => {
  const { answers } = await store.read([{ kind: 'conversations', userId, page: ALL }], NOW)
  return idsOf(answers[0]).sort()
}

export const totalOf = async (store: Store, userId: string): Promise<number> =>
  (await store.read([{ kind: 'user', userId }], NOW)).answers[0]?.totalChats ?? 0

const epochOf = (server: RedisServer) => behindTheirBacks(server, (redis) => redis.hget('xinyi:meta', 'epoch'))
export const epochsOf = (server: RedisServer) => behindTheirBacks(server, (redis) => redis.llen('xinyi:lineage'))

/** Waits until all of them follow Redis as it is now, and have found nothing that differs. */
export async function healed(server: RedisServer, sites: readonly Site[], patienceMs = 9_000): Promise<void> {
  const end = performance.now() + patienceMs
  for (let epoch = await epochOf(server); ; epoch = await epochOf(server)) {
    const left = Math.max(0, Math.ceil(end - performance.now()))
    await Promise.all(sites.map(({ store }) => until(store, (status) => inAgreement(status) && status.pendingWrites === 0, left)))
    const statuses = await Promise.all(sites.map(({ store }) => store.status()))
    const present = await epochOf(server)
    if (present !== null && present === epoch && statuses.every((status) => inAgreement(status) && status.epoch === present)) return
    if (left === 0) throw new Error('they are not in one epoch')
  }
}

/** Waits until Redis holds another epoch than this. */
export async function epochAfter(sites: readonly Site[], before: string): Promise<void> {
  await Promise.all(sites.map(({ store }) => until(store, (status) => inAgreement(status) && status.epoch !== before)))
}

/** Everything but the log, which may be trimmed at different places. */
function stateOf(store: Store) {
  const { epoch } = { epoch: '' }
  return snapshot(
    {
      read: (requests, now, view) => store.read(requests, now, view),
      policy: () => store.policy(),
      staff: () => store.staff(),
      status: async () => ({ epoch }),
      log: async () => ({ epoch, entries: [] }),
    },
    NOW,
  )
}

/** What the log says, from its beginning; null where that was trimmed. */
async function logOf(store: Store): Promise<LogEntry[] | null> {
  const { epoch } = await store.status()
  try {
    return await wholeLog(store, epoch)
  } catch (error) {
    if (error instanceof XinyiError && error.code === 'CURSOR_EXPIRED') return null
    throw error
  }
}

/** After healing: Redis, and each replica by itself once Redis is dead, hold the very same. Ends Redis. */
export async function expectAllEqual(server: RedisServer, sites: readonly Site[]): Promise<void> {
  await healed(server, sites)
  const redis = await openRedisStore({ url: server.socket })
  const [there, log] = [await stateOf(redis), await logOf(redis)]
  await redis.close()
  // What Redis has told by now is waited for; what a replica would get later does not count.
  for (const { store } of sites) await store.pin('sqlite')
  await server.kill()
  for (const { store } of sites) {
    await until(store, inFallback)
    expect(await stateOf(store)).toEqual(there)
    const here = await logOf(store)
    if (log && here) expect(here).toEqual(log)
  }
}

/** What Redis has written to its disk at this moment. */
export async function savedCopy(server: RedisServer): Promise<Buffer> {
  await behindTheirBacks(server, (redis) => redis.save())
  return readFile(join(server.dir, 'dump.rdb'))
}

/** Redis is killed, and comes back with an earlier state. */
export async function restartFrom(server: RedisServer, copy: Buffer): Promise<void> {
  await server.kill()
  await writeFile(join(server.dir, 'dump.rdb'), copy)
  await server.restart()
}

/** A replica that can be made to stand still before it does one thing, and with it whoever waits for that. */
export function heldReplica(path = newDataFile()) {
  const replica = replicaHere(path)
  let held: { method: PropertyKey; reached: () => void; goOn: Promise<void> } | undefined
  let goOn = () => {}
  return {
    path,
    replica: new Proxy(replica, {
      get: (_, method) => {
        const call = Reflect.get(replica, method)
        if (typeof call !== 'function' || held?.method !== method) return call
        return async (...args: unknown[]) => {
          held?.reached()
          await held?.goOn
          return Reflect.apply(call, replica, args)
        }
      },
    }),
    /** Holds the next call of this method; resolves when it has come to that. */
    before(method: keyof typeof replica): Promise<void> {
      const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      held = { method, reached: reached.resolve, goOn: gate.promise }
      goOn = () => {
        held = undefined
        gate.resolve()
      }
      return reached.promise
    },
    goOn: () => goOn(),
  }
}

/** From now on the clock that patience goes by is ahead by what is given. */
export function aheadOfTime(): (ms: number) => void {
  const now = performance.now.bind(performance)
  let aheadMs = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs)
  onTestFinished(() => clock.mockRestore())
  return (ms) => {
    aheadMs = ms
  }
}
