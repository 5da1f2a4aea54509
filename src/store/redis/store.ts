import type { Redis } from 'ioredis'
import { z } from 'zod'
import { cursorExpired, storeUnavailable, XinyiError } from '../../errors.ts'
import type { RetentionLimits } from '../../model.ts'
import { LOG_RETENTION_MS } from '../rules.ts'
import {
  type Answers,
  type Event,
  type LogEntry,
  MAX_CANDIDATES,
  type Outcome,
  type ReadKind,
  type ReadRequest,
  type Store,
  type StoreStatus,
  type SweepReport,
} from '../store.ts'
import { BLOCK_MS, connect, type DataSet, waitingConnection } from './connect.ts'
import { parse } from './decode.ts'
import { encodeEvent, encodeRequest } from './encode.ts'
import { decodeEntries, decodeOutcome, limitsSchema } from './log.ts'
import { DECODERS } from './reads.ts'
import { runScript, type ScriptName } from './script.ts'

const USERS_PER_SWEEP_STEP = 100

/**
 * A store in Redis. `url` is redis://… or the path of a unix socket; `localTimeZone` is the zone of the naive times that are
 * written for the predecessor. Rejects with StartError when Redis can't be reached or is not ours.
 */
export async function openRedisStore(options: { url: string; localTimeZone?: string }): Promise<Store> {
  const { redis, dataSet } = await connect(options.url)
  return new RedisStore(redis, dataSet, options.localTimeZone ?? 'Asia/Shanghai')
}

class RedisStore implements Store {
  readonly backend = 'REDIS'
  readonly #redis: Redis
  readonly #dataSet: DataSet
  readonly #timeZone: string
  /** A connection that waits can do nothing else: those that are free, and those that wait now. */
  readonly #waiting: Redis[] = []
  readonly #blocked = new Set<Redis>()
  #lastError: string | null = null

  constructor(redis: Redis, dataSet: DataSet, timeZone: string) {
    this.#redis = redis
    this.#dataSet = dataSet
    this.#timeZone = timeZone
    redis.on('error', (error: Error) => {
      this.#lastError = describeError(error)
    })
  }

  async append(events: readonly Event[]): Promise<Outcome[]> {
    if (events.length === 0) return []
    const encoded = events.map((event) => encodeEvent(event, this.#dataSet.tombstoneKey, this.#timeZone))
    const replies = z.array(z.unknown()).parse(await this.#run('append', { events: encoded }))
    return events.map((event, i) => decodeOutcome(event.kind, replies[i]))
  }

  async read<const R extends readonly ReadRequest[]>(requests: R, now: number): Promise<Answers<R>> {
    const answers = await this.#ask(requests, now, false)
    const again = requests.filter((_, i) => answers[i] === undefined)
    const checked = again.length > 0 ? await this.#ask(again, now, true) : []
    // The answers are those of the requests, one by one; the type system can't follow a map over a tuple.
    return answers.map((answer) => (answer === undefined ? checked.shift() : answer)) as Answers<R>
  }

  async #ask(requests: readonly ReadRequest[], now: number, checked: boolean): Promise<unknown[]> {
    const batch = { now, candidates: MAX_CANDIDATES, requests: requests.map((request) => encodeRequest(request, checked)) }
    const [state, ...replies] = z.array(z.unknown()).parse(await this.#run('read', batch))
    if (state !== 'ok') throw storeUnavailable(faultOf('STALE'))
    return requests.map((request, i) => decodeAs(request.kind, request, replies[i], checked))
  }

  async policy(): Promise<RetentionLimits | null> {
    const text = await this.#try(() => this.#redis.lindex('xinyi:policies', -1))
    return text === null ? null : (parse(z.object({ limits: limitsSchema }), text)?.limits ?? null)
  }

  async log(after: number, limit: number): Promise<LogEntry[]> {
    const [state, last, entries] = z
      .tuple([z.string()])
      .rest(z.unknown())
      .parse(await this.#run('log', { after, limit }))
    if (state === 'expired') throw cursorExpired()
    if (state !== 'ok') throw storeUnavailable(faultOf('STALE'))
    return decodeEntries(after, z.number().parse(last), entries)
  }

  async logGrown(after: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const free = this.#waiting.pop()
    const waiting = free?.status === 'ready' ? free : waitingConnection(this.#redis)
    const stop = () => waiting.disconnect()
    signal.addEventListener('abort', stop)
    this.#blocked.add(waiting)
    try {
      if (waiting.status === 'wait') await waiting.connect()
      while (!signal.aborted) {
        const [epoch, n] = await waiting.hmget('xinyi:meta', 'epoch', 'n')
        if (epoch !== this.#dataSet.epoch) throw faultOf('STALE')
        if (Number(n) < after) throw cursorExpired()
        if (await waiting.xread('COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', 'xinyi:log', `${after}-0`)) break
      }
      if (!signal.aborted) this.#waiting.push(waiting)
    } catch (error) {
      waiting.disconnect()
      if (error instanceof XinyiError) throw error
      if (!signal.aborted) throw storeUnavailable(faultOf(describeError(error)))
    } finally {
      this.#blocked.delete(waiting)
      signal.removeEventListener('abort', stop)
    }
  }

  async sweep(now: number): Promise<SweepReport> {
    const report = { users: 0, removedItems: 0, removedLogEntries: 0, expiredUsers: new Map<string, number>() }
    for (let trimmed = 1; trimmed > 0; report.removedLogEntries += trimmed) {
      trimmed = z.number().parse(await this.#run('trim', { before: now - LOG_RETENTION_MS }))
    }
    let cursor = '0'
    do {
      const reply = await this.#run('sweep', { cursor, count: USERS_PER_SWEEP_STEP, now })
      const [next, users, removed, ...due] = z.tuple([z.string(), z.number(), z.number()]).rest(z.string()).parse(reply)
      for (let i = 0; i < due.length; i += 2) report.expiredUsers.set(due[i] ?? '', Number(due[i + 1]))
      report.users += users
      report.removedItems += removed
      cursor = next
    } while (cursor !== '0')
    return { ...report, expiredUsers: [...report.expiredUsers].map(([userId, deadline]) => ({ userId, deadline })) }
  }

  async status(): Promise<StoreStatus> {
    const started = performance.now()
    const unreachable = { reachable: false, version: null, latencyMs: null, usedMemoryBytes: null, connections: 0 }
    let n = 0
    let redis: StoreStatus['redis']
    try {
      const [epoch, index] = await this.#redis.hmget('xinyi:meta', 'epoch', 'n')
      const latencyMs = performance.now() - started
      if (epoch !== this.#dataSet.epoch) throw faultOf('STALE')
      n = Number(index)
      const info = await this.#redis.info()
      const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null
      redis = {
        reachable: true,
        version: field('redis_version'),
        latencyMs,
        usedMemoryBytes: Number(field('used_memory')),
        connections: 1 + this.#waiting.length + this.#blocked.size,
        lastError: this.#lastError,
      }
    } catch (error) {
      redis = { ...unreachable, lastError: describeError(error) }
    }
    return { dataSetId: this.#dataSet.id, epoch: this.#dataSet.epoch, n, redis }
  }

  async close(): Promise<void> {
    for (const connection of [...this.#waiting, ...this.#blocked, this.#redis]) connection.disconnect()
  }

  #run(name: ScriptName, argument: object): Promise<unknown> {
    return this.#try(() => runScript(this.#redis, name, { epoch: this.#dataSet.epoch, ...argument }))
  }

  async #try<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      this.#lastError = describeError(error)
      throw storeUnavailable(faultOf(this.#lastError))
    }
  }
}

function decodeAs<K extends ReadKind>(kind: K, request: Extract<ReadRequest, { kind: K }>, reply: unknown, checked: boolean) {
  return DECODERS[kind](request, reply, checked)
}

/** The cause of an unavailable store; its code is what the log shows. */
const faultOf = (what: string): Error => Object.assign(new Error(what), { code: what })

/**
 * What went wrong, in a word or two. Nothing else of a client error may go on from here: ioredis puts the whole command, and so
 * conversation text, on the errors it throws.
 */
function describeError(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  if (message.startsWith('STALE')) return 'Redis holds another data set, or none, since it was restarted or emptied'
  return /^[A-Z]{4,}\b/.exec(message)?.[0] ?? (message.includes('timed out') ? 'timed out' : 'not connected')
}
