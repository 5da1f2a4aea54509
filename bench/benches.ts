import { globSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import * as z from 'zod'
import { DATABASE_NAME } from '../src/settings/names.ts'
import { MAX_CANDIDATES } from '../src/store/store.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { percentiles } from '../test/torture/latency.ts'
import { BENCH_REDIS, type Bench, bareServer, fill, runClients, settled, withBench } from './bench.ts'
import { dashboardCosts } from './dashboard.ts'
import { crashNoticed, hangNoticed } from './detection.ts'
import { durations, type Figure, failures, ms } from './figure.ts'
import { moving } from './migrate.ts'
import { idle, returning, sharing, subscribers } from './news.ts'
import { checkingTokens } from './tokens.ts'

const COMMAND_TIMEOUT_MS = 500
const Delay = z.object({ p50: z.number(), p99: z.number(), max: z.number() })

/** 64 clients, each with the next request when it has the answer to the last; the delay of the server's event loop meanwhile. */
async function oneByOne(): Promise<Figure[]> {
  return withBench(async ({ clients, server, loopFile }) => {
    const job = { send: 'record', connections: 64, rate: null, users: 2_000 } as const
    const running = clients({ ...job, warmUpSeconds: 5, seconds: 10 })
    await sleep(5_000)
    server.signal('SIGUSR2')
    const { requests, seconds } = await running
    server.signal('SIGUSR2')
    await sleep(200)
    const delay = Delay.parse(JSON.parse(readFileSync(loopFile, 'utf8')))
    const { p50, p99 } = percentiles(durations(requests))
    return [
      {
        what: 'recorded one by one by 64 clients',
        value: (requests.length - failures(requests)) / seconds,
        unit: 'conversations/s',
        target: 2_500,
        atLeast: true,
        more: `p50 ${ms(p50)}, p99 ${ms(p99)}, ${failures(requests)} failed`,
      },
      {
        what: 'event-loop delay meanwhile, p99',
        value: delay.p99,
        unit: 'ms',
        target: 20,
        more: `p50 ${ms(delay.p50)}, max ${ms(delay.max)}`,
      },
    ]
  })
}

const PER_USER = 5

/**
 * Batches of 100 conversations, of 20 users each; and, to compare, of 100 users, and what a server comes to that does nothing but keep them in
 * the same two stores.
 */
async function batches(): Promise<Figure[]> {
  const job = { send: 'batch', connections: 64, rate: null, users: 5_000 } as const
  const measured = async (clients: Bench['clients'], perUser = PER_USER) => {
    const { requests, seconds } = await clients({ ...job, perUser, warmUpSeconds: 5, seconds: 10 })
    return { value: ((requests.length - failures(requests)) * 100) / seconds, failed: failures(requests) }
  }
  const ours = await withBench(({ clients }) => measured(clients))
  const apart = await withBench(({ clients }) => measured(clients, 1))
  const redis = await startRedis({ persistence: 'aof', args: BENCH_REDIS })
  const server = await bareServer(redis.url)
  try {
    const bare = await measured((job) => runClients({ ...job, url: server.url }))
    const others = `of 100 users each, ${perSecond(apart.value)} (${apart.failed} failed); a server that does nothing but keep them came to ${perSecond(bare.value)} (${bare.failed} failed)`
    return [
      {
        ...{ what: 'recorded in batches of 100, of 20 users each', unit: 'conversations/s', target: 10_000, atLeast: true },
        value: ours.value,
        more: `${ours.failed} failed; ${others}`,
      },
    ]
  } finally {
    await server.stop()
    await redis.remove()
  }
}

const perSecond = (value: number): string => Math.round(value).toLocaleString('en')

async function context(): Promise<Figure[]> {
  return withBench(async (bench) => {
    await fill(bench, 2_000)
    const job = { send: 'context', connections: 64, rate: 500, users: 2_000 } as const
    const { requests } = await bench.clients({ ...job, warmUpSeconds: 5, seconds: 10 })
    const { p50, p99 } = percentiles(durations(requests))
    return [
      {
        what: 'context of 3 conversations at 500/s, p99',
        value: p99,
        unit: 'ms',
        target: 15,
        more: `p50 ${ms(p50)}, ${failures(requests)} failed`,
      },
    ]
  })
}

/** Redis is killed under 500 recordings a second, and comes back some time later; what the clients notice of it, and when it is healed. */
async function outage(): Promise<Figure[]> {
  return withBench(async (bench) => {
    const { clients, server, redis } = bench
    const job = { send: 'record', connections: 128, rate: 500, users: 2_000 } as const
    const running = clients({ ...job, warmUpSeconds: 5, seconds: 20 })
    await sleep(10_000)
    const killedAt = Date.now()
    await redis.kill()
    await sleep(10_000)
    await redis.restart()
    const healedAfter = await settled(server)
    const { requests, epoch } = await running
    const at = killedAt - epoch
    const before = percentiles(durations(requests.filter(([due]) => due > 1_000 && due < at - 500)))
    const around = percentiles(durations(requests.filter(([due]) => due >= at - 500 && due < at + 2_000)))
    const all = percentiles(durations(requests))
    return [
      {
        what: 'longest recording at 500/s, Redis killed and back',
        value: all.max,
        unit: 'ms',
        target: COMMAND_TIMEOUT_MS + 150,
        more: `${failures(requests)} failed of ${requests.length}`,
      },
      {
        what: 'added to p99 when Redis is killed',
        value: Math.max(0, around.p99 - before.p99),
        unit: 'ms',
        target: 50,
        more: `p99 before ${ms(before.p99)}, around ${ms(around.p99)}`,
      },
      { what: 'requests failed in an outage of 10 s', value: failures(requests), unit: 'requests', target: 0 },
      { what: 'healed after an outage of 10 s at 500/s', value: healedAfter, unit: 'ms', target: 1_000, more: 'from when Redis answers' },
    ]
  })
}

const DETECTIONS = 10

async function detection(): Promise<Figure[]> {
  return withBench(async (bench) => {
    const several = async (once: (bench: Bench) => Promise<number>): Promise<number[]> => {
      const took: number[] = []
      for (let i = 0; i < DETECTIONS; i += 1) took.push(await once(bench))
      return took
    }
    const figure = (what: string, took: number[], target: number): Figure => {
      const { p50, max } = percentiles(took)
      return { what, value: max, unit: 'ms', target, more: `p50 ${ms(p50)}, ${DETECTIONS} times` }
    }
    return [
      figure('a crash of Redis is noticed, at the latest', await several(crashNoticed), 10),
      figure('a recording that finds Redis hanging is acknowledged, at the latest', await several(hangNoticed), COMMAND_TIMEOUT_MS + 100),
    ]
  })
}

const SEEDED_USERS = 20_000
const PACKING_LIMIT_MS = 600_000

/** An instance finds Redis empty and brings everything back: users with 5 conversations of 300 characters, whom Redis had packed, or not yet. */
async function reseed(): Promise<Figure[]> {
  return withBench(
    async (bench: Bench) => {
      await fill(bench, SEEDED_USERS)
      const filledAt = performance.now()
      const bytesBefore = statSync(join(bench.server.dataDir, DATABASE_NAME)).size
      await everybodyPacked(bench, statSync(bench.server.logFile).size)
      const packedIn = performance.now() - filledAt
      const bytes = statSync(join(bench.server.dataDir, DATABASE_NAME)).size - bytesBefore
      await bench.redis.stop()
      await sleep(1_000)
      bench.emptyRedis()
      await bench.redis.restart()
      const began = Date.now()
      const { packed, milliseconds, took } = await filling(bench, began)
      await settled(bench.server)
      await bench.server.stop()
      const alone = await sentAlone(bench)
      const users = SEEDED_USERS.toLocaleString('en')
      return [
        {
          what: 'an empty Redis re-seeded',
          value: SEEDED_USERS / (took / 1000),
          unit: 'users/s',
          target: 20_000,
          atLeast: true,
          more: `${users} users in ${ms(took)}, of which ${milliseconds} ms from the lease on, ${packed} as packed (within ${ms(packedIn)}, in ${(bytes / 1e6).toFixed(0)} MB); Redis alone, sent the same as plain commands, takes ${ms(alone)}`,
        },
      ]
    },
    { LOG_LEVEL: 'debug' },
  )
}

const Filled = z.object({ msg: z.literal('Redis is filled'), packed: z.int(), milliseconds: z.int() })
const InCharge = z.object({ msg: z.literal('Redis is in charge'), time: z.iso.datetime() })

/** What the server says of a filling that it begins now, and how long (ms) it is from `began` until Redis is in charge. It is not asked meanwhile: that would be work for it, too. */
async function filling({ server }: Bench, began: number): Promise<{ packed: number; milliseconds: number; took: number }> {
  for (let polls = 0; polls < 600; polls += 1) {
    await sleep(100)
    // The last may have only begun.
    const whole = readFileSync(server.logFile, 'utf8').split('\n').slice(0, -1)
    const lines = whole.filter((line) => line.includes('"Redis is ')).map((line): unknown => JSON.parse(line))
    const filled = lines.flatMap((line) => Filled.safeParse(line).data ?? []).at(-1)
    const inCharge = lines.flatMap((line) => InCharge.safeParse(line).data ?? []).at(-1)
    const took = Date.parse(inCharge?.time ?? '') - began
    if (filled && took > 0) return { ...filled, took }
  }
  throw new Error('Redis was not filled')
}

/** Waits until a round of packing has found nobody any more. `from`: where in the log to begin, as packing goes on while the users are made. */
async function everybodyPacked({ server }: Bench, from: number): Promise<void> {
  const isDone = () =>
    readFileSync(server.logFile)
      .subarray(from)
      .toString()
      .split('\n')
      .some((line) => line.includes('"packed":0,"left":0'))
  const end = performance.now() + PACKING_LIMIT_MS
  while (!isDone()) {
    if (performance.now() > end) throw new Error('not everybody was packed')
    await sleep(250)
  }
}

/** How long Redis takes (ms) to be sent what it holds over its socket, as few plain commands as can be, and to keep it, with nobody else there. */
async function sentAlone({ redis: server, emptyRedis }: Bench): Promise<number> {
  const redis = new Redis(server.socket)
  await redis.config('SET', 'aof-use-rdb-preamble', 'no')
  const rewritten = async (): Promise<void> => {
    while (!/aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/.test(await redis.info('persistence'))) await sleep(100)
  }
  // It may be at it by itself.
  await rewritten()
  await redis.bgrewriteaof()
  await rewritten()
  redis.disconnect()
  await server.stop()
  const [base = ''] = globSync(join(server.dir, 'appendonlydir', '*.base.aof'))
  const commands = readFileSync(base)
  emptyRedis()
  await server.restart()
  const socket = connect(server.socket)
  const began = performance.now()
  socket.end(Buffer.concat([commands, Buffer.from('QUIT\r\n')]))
  for await (const replies of socket) if (String(replies).includes('-ERR')) throw new Error('Redis has refused a command')
  return performance.now() - began
}

async function tokens(): Promise<Figure[]> {
  const { known, unknown } = await checkingTokens()
  return [{ what: 'a known token checked', value: known, unit: 'µs of CPU', target: 5, more: `an unknown one ${unknown.toFixed(0)} µs` }]
}

const DASHBOARD_USERS = 100_000

/** Each question that a dashboard asks of so many users. */
async function dashboard(): Promise<Figure[]> {
  const costs = await dashboardCosts(DASHBOARD_USERS)
  console.log('| question | Redis, ms | users looked at | SQLite, ms | how SQLite goes about it |\n| --- | --- | --- | --- | --- |')
  for (const { question, redisMs, candidates, sqliteMs, plan } of costs)
    console.log(
      `| ${question} | ${redisMs.toFixed(1)} | ${candidates.toLocaleString('en')} | ${sqliteMs.toFixed(1)} | ${plan.join('; ')} |`,
    )
  const most = (of: (cost: (typeof costs)[number]) => number): number => Math.max(...costs.map(of))
  const slowest = most(({ redisMs, sqliteMs }) => Math.max(redisMs, sqliteMs))
  return [
    {
      what: 'most users that a question looks at, of 100,000',
      value: most(({ candidates }) => candidates),
      unit: 'users',
      target: MAX_CANDIDATES,
    },
    { what: 'slowest question of a dashboard, of 100,000 users', value: slowest, unit: 'ms', target: COMMAND_TIMEOUT_MS },
  ]
}

const MIGRATED_USERS = 100_000
/** Of the command that moves them; and how much of it may come after a fifth of the time. */
const MIGRATION_MB = 800
const GROWTH_MB = 250

/** Everybody of a large predecessor moves in, from either of its stores into either of ours. */
async function migrate(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [from, into] of [
    ['sqlite', 'sqlite'],
    ['redis', 'redis'],
  ] as const) {
    const { seconds, cpuSeconds, earlyMb, peakMb } = await moving(MIGRATED_USERS, { from, into })
    const what = `${MIGRATED_USERS.toLocaleString('en')} users with 5 conversations each moved from the predecessor's ${NAMES[from]} into ${NAMES[into]}`
    figures.push(
      { what, value: seconds, unit: 's', target: 180, more: `${cpuSeconds.toFixed(0)} s of CPU` },
      { what: 'memory of that at most', value: peakMb, unit: 'MB', target: MIGRATION_MB },
      { what: 'memory that it took after a fifth of the time', value: peakMb - earlyMb, unit: 'MB', target: GROWTH_MB },
    )
  }
  return figures
}

const NAMES = { sqlite: 'SQLite', redis: 'Redis' }

/** What recording and reading cost on Redis, with its journal, and on SQLite alone. */
async function stores(): Promise<Figure[]> {
  const measured = async (backend: 'redis' | 'sqlite') =>
    withBench(
      async (bench) => {
        const write = { send: 'record', connections: 64, rate: null, users: 2_000 } as const
        const read = { ...write, send: 'context' } as const
        const rate = async (job: typeof write | typeof read) => {
          const { requests, seconds } = await bench.clients({ ...job, warmUpSeconds: 3, seconds: 6 })
          return { perSecond: (requests.length - failures(requests)) / seconds, p50: percentiles(durations(requests)).p50 }
        }
        return { writes: await rate(write), reads: await rate(read) }
      },
      { MEMORY_STORAGE_BACKEND: backend },
    )
  const [redis, sqlite] = [await measured('redis'), await measured('sqlite')]
  const figure = (what: string, kind: 'writes' | 'reads', target: number): Figure => ({
    what,
    value: redis[kind].perSecond,
    unit: 'requests/s',
    target,
    atLeast: true,
    more: `${Math.round(sqlite[kind].perSecond).toLocaleString('en')} on SQLite alone, so ${(redis[kind].perSecond / sqlite[kind].perSecond).toFixed(2)} times as many; p50 ${ms(redis[kind].p50)} and ${ms(sqlite[kind].p50)}`,
  })
  return [figure('conversations recorded on Redis and journal', 'writes', 1_000), figure('contexts read from Redis', 'reads', 1_000)]
}

export const BENCHES: Record<string, () => Promise<Figure[]>> = {
  'one-by-one': oneByOne,
  batches,
  context,
  outage,
  detection,
  subscribers,
  returning,
  sharing,
  idle,
  dashboard,
  reseed,
  tokens,
  migrate,
  stores,
}
