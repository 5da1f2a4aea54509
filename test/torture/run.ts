import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../../src/demo/random.ts'
import { verifyAudit } from '../../src/store/audit/verify.ts'
import { AlertWatch } from './alerts.ts'
import { rage } from './chaos.ts'
import { checkAgainst, checkNotes, compareDumps, type Dump, dumpOfRedis, dumpOfSqlite } from './check.ts'
import { GraphQLClient } from './graphql.ts'
import { checkInside, type Inside, insideRedis } from './inside.ts'
import { Instance } from './instance.ts'
import { Latencies } from './latency.ts'
import { Ledger } from './ledger.ts'
import { LoadClient } from './load.ts'
import { RECORD } from './operations.ts'
import type { Options } from './options.ts'
import { MARK } from './payload.ts'
import { startLink } from './proxy.ts'
import { TorturedRedis } from './redis.ts'
import type { Result } from './report.ts'
import { Subscribers } from './subscribers.ts'
import { healed, storageOf, type World, withRedis } from './world.ts'

/** Nothing comes of the passing of time while the stores are compared: whatever is IMMINENT is escalated at once, and then never again. */
const QUIET = {
  ...{ ESCALATE_IMMINENT_MINUTES: '0', ESCALATE_HIGH_MINUTES: 'never', ESCALATE_MEDIUM_MINUTES: 'never' },
  ...{ ACKNOWLEDGED_IMMINENT_MINUTES: '1000', ACKNOWLEDGED_HIGH_MINUTES: '1000', ACKNOWLEDGED_MEDIUM_MINUTES: '1000' },
}
const SHARED_USERS = 4
const HEAL_LIMIT_MS = 60_000
/** From `primary` until what others have just written has arrived in every replica. */
const QUIET_MS = 2_000
const FALLBACK_LIMIT_MS = 5_000

/** A whole run: start, load and faults, heal, check, end. Everything that was started has ended when it resolves. */
export async function torture(options: Options, dir: string): Promise<Result> {
  const { seconds, seed, writers, clients, batch, subscribers: count, faults } = options
  const ledger = new Ledger(join(dir, 'trace.log'))
  const latencies = new Latencies()
  const redis = await TorturedRedis.start()
  const proxies = await Promise.all(Array.from({ length: writers }, () => startLink(redis.server.socket)))
  const instances = proxies.map((proxy, i) => new Instance({ name: `w${i}`, redisUrl: proxy.url, dir, env: QUIET }))
  const world: World = { redis, instances, proxies, ledger, latencies, batch }
  await Promise.all(instances.map((instance) => instance.start()))
  const watches = new Map(instances.map((instance) => [instance.name, new AlertWatch(instance, world)]))
  await warmUp(world, watches)

  const subscribers = new Subscribers(world, count, new Random(seed))
  const load = new AbortController()
  const shared = Array.from({ length: SHARED_USERS }, (_, i) => ledger.add(`tu-shared-${i}`, 'shared'))
  const callers = Array.from({ length: clients }, (_, i) => new LoadClient(world, `c${i}`, seed * 1_000 + i + 1, shared, watches))
  const running = callers.map((caller) => caller.run(load.signal))
  const began = performance.now()
  const chaos = await Promise.race([rage(world, faults, seed, seconds), failing(running)])
  load.abort()
  await Promise.all(running)
  const lasted = (performance.now() - began) / 1000

  const { inside, ...sums } = await verify(world, watches, subscribers)
  for (const watch of watches.values()) await watch.close()
  for (const instance of instances) {
    const code = await instance.stop()
    const log = readFileSync(instance.logFile, 'utf8')
    if (code !== 0) ledger.violated('did not end', `${instance.name} ended with ${code} at SIGTERM: ${log.slice(-500)}`)
    for (const crash of instance.crashes) ledger.violated('crashed', crash)
    subscribers.check(checkInside(ledger, instance, inside))
    // Somebody who is away may hold them; nobody else does where there is one.
    if (writers === 1 && log.includes('events that nobody holds')) ledger.violated('gave events up', instance.logFile)
    for (const fault of verifyAudit(instance.auditFiles).faults) ledger.violated('audit log damaged', `${instance.name}: ${fault}`)
    if (log.includes('different entries of one chain')) ledger.violated('audit logs differ', instance.logFile)
    if (log.includes(MARK) || /tu-(own|cold|shared|passing|roaming)-/.test(log))
      ledger.violated('told the log', `${instance.logFile} holds texts or user ids`)
  }
  await Promise.all(proxies.map((proxy) => proxy.close()))
  await redis.remove()
  return { ledger, latencies, chaos, instances, watches: [...watches.values()], subscribers, seconds: lasted, ...sums }
}

/** Never resolves; rejects when a client does. */
const failing = (running: readonly Promise<void>[]): Promise<never> => new Promise((_, reject) => void Promise.all(running).catch(reject))

/** An alert at each instance, so that every subscriber has a cursor to come back with. */
async function warmUp({ instances, ledger }: World, watches: ReadonlyMap<string, AlertWatch>): Promise<void> {
  for (const instance of instances) {
    const client = new GraphQLClient(() => instance.url)
    const user = ledger.add(`tu-cold-first-${instance.name}`, 'cold')
    for (let i = 0; i < 100 && watches.get(instance.name)?.told === 0; i++) {
      const key = `first-${i}`
      const input = { userId: user.id, query: MARK, response: '', riskLevel: 'HIGH', idempotencyKey: key }
      const outcome = await client.ask(RECORD, { input })
      if (outcome.type === 'answer' && outcome.errors.length === 0) user.acknowledge(key, 'HIGH', instance.name)
      else user.doubt(key, 'HIGH')
      await sleep(100)
    }
    if (watches.get(instance.name)?.told === 0) ledger.violated('alert not told', `${instance.name}: none at all`)
    client.close()
  }
}

/** Everything is mended: compares all stores with each other and with what was acknowledged. Redis is gone afterwards. */
async function verify(
  world: World,
  watches: ReadonlyMap<string, AlertWatch>,
  subscribers: Subscribers,
): Promise<{ lost: number; doubled: number; inside: Inside }> {
  const { redis, instances, ledger } = world
  const heal = async (whole: boolean): Promise<void> => {
    const result = await healed(instances, HEAL_LIMIT_MS, whole)
    if ('sick' in result) ledger.violated('not healed', `${HEAL_LIMIT_MS} ms after the last fault: ${result.sick.join('; ')}`)
    else console.log(`${whole ? 'in agreement' : 'healed'} within ${Math.round(result.ms)} ms`)
  }
  const dumps = () =>
    Promise.all(
      instances.map(async (instance) => ({ name: `${instance.name} (Redis)`, users: await dumpOfRedis(instance, ledger, HEAL_LIMIT_MS) })),
    )
  const sums = { lost: 0, doubled: 0 }
  const check = (users: Dump, where: string): void => {
    const { lost, doubled } = checkAgainst(ledger, users, where)
    sums.lost = Math.max(sums.lost, lost)
    sums.doubled = Math.max(sums.doubled, doubled)
  }
  await heal(false)
  await sleep(QUIET_MS)
  for (const { name, users } of await dumps()) check(users, `${name}, at first`)
  // What was not acknowledged may be on its way until the stores agree.
  await heal(true)
  await sleep(QUIET_MS)

  const [first, ...others] = await dumps()
  if (!first) throw new Error('There is no instance')
  check(first.users, first.name)
  for (const other of others) compareDumps(ledger, first.users, first.name, other.users, other.name)
  await checkKeys(world)
  for (const instance of instances) await checkNotes(ledger, instance, `${instance.name} (Redis)`)
  for (const [name, watch] of watches) {
    const missing = await watch.missing(3_000)
    for (const key of missing) ledger.violated('alert not told', `${name}: the event of ${key}`)
  }

  await subscribers.settle(QUIET_MS, HEAL_LIMIT_MS)
  await subscribers.close()

  const again = await healed(instances, HEAL_LIMIT_MS, true)
  if ('sick' in again) ledger.violated('not healed', `after everything was read: ${again.sick.join('; ')}`)
  await sleep(QUIET_MS)
  const inside = await insideRedis(redis.server.socket)
  await redis.server.kill()
  for (const instance of instances) {
    await fallenBack(instance, ledger)
    const users = await dumpOfSqlite(instance, ledger)
    compareDumps(ledger, first.users, first.name, users, `${instance.name} (SQLite)`)
    check(users, `${instance.name} (SQLite)`)
    await checkNotes(ledger, instance, `${instance.name} (SQLite)`)
  }
  return { ...sums, inside }
}

/** Of somebody who was erased no key is left. */
async function checkKeys({ redis, ledger }: World): Promise<void> {
  const erased = [...ledger.users.values()].filter((user) => user.erased && user.bounds().most === 0)
  await withRedis(redis.server.socket, async (control) => {
    for (const { id } of erased) {
      const own = ['tally', 'seen', 'ids', 'entries', 'alerts'].map((name) => `xinyi:user:${id}:${name}`)
      const keys = ['profile', 'conversations', 'emotions', 'topics'].map((name) => `user:${id}:${name}`)
      const found: string[] = []
      for (const key of [...keys, ...own]) if (await control.exists(key)) found.push(key)
      if (await control.hexists('xinyi:users', id)) found.push('xinyi:users')
      if (found.length > 0) ledger.violated('not erased', `Redis still has of ${id}: ${found.join(' ')}`)
    }
  })
}

async function fallenBack(instance: Instance, ledger: Ledger): Promise<void> {
  const client = new GraphQLClient(() => instance.url)
  const until = performance.now() + FALLBACK_LIMIT_MS
  while ((await storageOf(client))?.backend !== 'SQLITE') {
    if (performance.now() > until) {
      ledger.violated('not in fallback', `${instance.name} ${FALLBACK_LIMIT_MS} ms after Redis was killed`)
      break
    }
    await sleep(20)
  }
  client.close()
}
