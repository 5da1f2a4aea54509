import type { Random } from '../../../src/demo/random.ts'
import type { Instance } from '../instance.ts'
import type { FaultyLink } from '../proxy.ts'
import { hold, type World } from '../world.ts'

type Fault = (world: World, random: Random) => Promise<void>

/** Faults of the way to Redis, of one instance or of all. */
const link =
  (most: number, spoil: (proxy: FaultyLink, random: Random) => void): Fault =>
  async ({ proxies }, random) => {
    const chosen = random.chance(0.4) ? proxies : [anyOf(proxies, random)]
    for (const proxy of chosen) spoil(proxy, random)
    await hold(random, 50, most)
    for (const proxy of chosen) proxy.heal()
  }

export const linkFaults = {
  'proxy-hang': link(2_000, (proxy) => proxy.hang()),
  'proxy-cut': link(1_200, (proxy) => proxy.cut()),
  'proxy-slow': link(1_500, (proxy, random) => proxy.slow(random.integer(5, 400))),
  'proxy-drop': link(800, (proxy, random) => proxy.dropReplies(random.integer(0, 100))),
} satisfies Record<string, Fault>

/** Faults of the instances themselves. */

const killWriter: Fault = async ({ instances, ledger }, random) => {
  const instance = anyOf(instances, random)
  await instance.disturb(async () => {
    await instance.kill()
    await hold(random, 0, 800)
    await started(instance, ledger)
  })
}

const freezeWriter: Fault = async ({ instances }, random) => {
  const instance = anyOf(instances, random)
  await instance.disturb(async () => {
    instance.signal('SIGSTOP')
    await hold(random, 100, 2_500)
    instance.signal('SIGCONT')
  })
}

/** Everything down at once, and up again in any order. */
const restartAll: Fault = async ({ redis, instances, ledger }, random) => {
  await Promise.all(
    instances
      .map((instance) =>
        instance.disturb(async () => {
          await instance.kill()
          await hold(random, 0, 1_000)
          await started(instance, ledger)
        }),
      )
      .concat([
        (async () => {
          await redis.server.kill()
          await hold(random, 0, 1_500)
          await redis.restart()
        })(),
      ]),
  )
}

export const writerFaults = {
  'writer-kill': killWriter,
  'writer-freeze': freezeWriter,
  'restart-all': restartAll,
} satisfies Record<string, Fault>

function anyOf<T>(values: readonly T[], random: Random): T {
  const value = values[random.integer(0, values.length - 1)]
  if (value === undefined) throw new Error('There is none')
  return value
}

/** An instance has to start whatever Redis does. */
async function started(instance: Instance, ledger: World['ledger']): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await instance.start()
    } catch (error) {
      ledger.violated('start failed', `${instance.name}: ${error instanceof Error ? error.message : error}`)
      if (attempt === 5) throw error
    }
  }
}
