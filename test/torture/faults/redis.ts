import { setTimeout } from 'node:timers/promises'
import type { Random } from '../../../src/demo/random.ts'
import { spoilSnapshots } from '../redis.ts'
import { hold, type World, withRedis } from '../world.ts'

type Fault = (world: World, random: Random) => Promise<void>

/** Faults of the Redis server, its data and its settings. Each ends with a server that works again, whatever it then holds. */

async function kill({ redis }: World, random: Random): Promise<void> {
  await redis.server.kill()
  await hold(random, 0, 1_500)
  await redis.restart()
}

async function empty({ redis }: World, random: Random): Promise<void> {
  await redis.server.kill()
  await hold(random, 0, 800)
  await redis.restartEmpty()
}

async function older({ redis }: World, random: Random): Promise<void> {
  await redis.server.kill()
  await hold(random, 0, 800)
  await redis.restartOlder(random)
}

async function freeze({ redis: { server } }: World, random: Random): Promise<void> {
  server.freeze()
  await hold(random, 100, 2_000)
  server.thaw()
}

const flushall: Fault = ({ redis }) => withRedis(redis.server.socket, async (control) => void (await control.flushall()))

/** Some or all keys of one user, whose record in the index of users stays. */
const keys: Fault = ({ redis, ledger }, random) =>
  withRedis(redis.server.socket, async (control) => {
    const users = [...ledger.users.keys()]
    const user = users[random.integer(0, users.length - 1)] ?? ''
    const old = ['profile', 'conversations', 'emotions', 'topics'].map((name) => `user:${user}:${name}`)
    const own = ['tally', 'seen', 'ids', 'alerts'].map((name) => `xinyi:user:${user}:${name}`)
    const one = old[random.integer(0, old.length - 1)] ?? ''
    await control.del(...random.pick([[one], old, [...old, ...own]]))
  })

const trim: Fault = ({ redis, ledger }, random) =>
  withRedis(redis.server.socket, async (control) => {
    ledger.trimmed = true
    await control.xtrim('xinyi:log', 'MAXLEN', random.integer(0, 5))
  })

/** A setting that has writes refused, for a while. */
const setting =
  (name: string, bad: string, good: string): Fault =>
  ({ redis }, random) =>
    withRedis(redis.server.socket, async (control) => {
      await control.config('SET', name, bad)
      await hold(random, 50, 1_200)
      await control.config('SET', name, good)
    })

const readonly: Fault = ({ redis }, random) =>
  withRedis(redis.server.socket, async (control) => {
    await control.replicaof('127.0.0.1', 1)
    await hold(random, 50, 1_200)
    await control.replicaof('NO', 'ONE')
  })

const SAVES = 20

async function misconf({ redis }: World, random: Random): Promise<void> {
  const mend = spoilSnapshots(redis)
  try {
    await redis.save()
    await hold(random, 50, 1_200)
  } finally {
    mend()
    // One that was begun before fails yet, and Redis goes on refusing writes for that.
    for (let tries = 0; tries < SAVES && !(await redis.save()); tries += 1);
  }
}

/** A script that takes its time: after a moment Redis answers BUSY to everybody. */
const busy: Fault = ({ redis }, random) =>
  withRedis(redis.server.socket, async (control) => {
    await control.config('SET', 'lua-time-limit', '50')
    const ms = random.integer(100, 1_200)
    const clock = "local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000"
    await insist(() => control.eval(`local function now() ${clock} end local to = now() + ${ms} while now() < to do end return 1`, 0))
    await insist(() => control.config('SET', 'lua-time-limit', '5000'))
  })

const BUSY_MS = 10_000

/** On a machine that has much to do a script of the servers may be what Redis is busy with. */
async function insist(work: () => Promise<unknown>): Promise<void> {
  const end = performance.now() + BUSY_MS
  for (;;) {
    try {
      await work()
      return
    } catch (error) {
      if (performance.now() > end || !(error instanceof Error && error.message.startsWith('BUSY'))) throw error
      await setTimeout(20)
    }
  }
}

const pause: Fault = ({ redis }, random) =>
  withRedis(redis.server.socket, async (control) => {
    await control.call('CLIENT', 'PAUSE', random.integer(100, 1_500), random.pick(['WRITE', 'ALL']))
    await hold(random, 100, 1_500)
    // `CLIENT UNPAUSE` is answered also while all are paused; below 6.2 the pause ends by itself.
    await control.call('CLIENT', 'UNPAUSE').catch(() => {})
  })

const killClients = async (world: World): Promise<void> =>
  withRedis(world.redis.server.socket, async (control) => void (await control.call('CLIENT', 'KILL', 'TYPE', 'normal')))

/** New connections are refused; sometimes the old ones are cut as well. */
const password: Fault = (world, random) =>
  withRedis(world.redis.server.socket, async (control) => {
    await control.config('SET', 'requirepass', 'another one')
    if (random.chance(0.7)) await control.call('CLIENT', 'KILL', 'TYPE', 'normal')
    await hold(random, 50, 1_200)
    await control.config('SET', 'requirepass', '')
  })

export const redisFaults = {
  'redis-kill': kill,
  'redis-empty': empty,
  'redis-older': older,
  'redis-freeze': freeze,
  flushall,
  keys,
  trim,
  oom: setting('maxmemory', '1', '0'),
  readonly,
  misconf,
  busy,
  pause,
  'client-kill': killClients,
  password,
} satisfies Record<string, Fault>
