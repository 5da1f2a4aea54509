import { pino } from 'pino'
import { z } from 'zod'
import { openReplica, type RemoteReplica } from '../../src/store/failover/replica.ts'
import { openFailoverStore } from '../../src/store/failover/store.ts'
import { NOW, Origin } from '../helpers/events.ts'

/**
 * An instance in a process of its own, for what would be the end of the test's. Takes the name of a user for whom something is
 * recorded, and answers with the durability, or the code of the error. With `killAfter` it kills itself right after its replica has
 * done that.
 */
const { url, path, killAfter } = z
  .object({ url: z.string(), path: z.string(), killAfter: z.string().optional() })
  .parse(JSON.parse(process.argv[2] ?? ''))

let armed = false

function suicidal(replica: RemoteReplica): RemoteReplica {
  return new Proxy(replica, {
    get: (target, method) => {
      const call = Reflect.get(target, method)
      if (method !== killAfter) return call
      return async (...args: unknown[]) => {
        const answer: unknown = await Reflect.apply(call, target, args)
        if (armed) process.kill(process.pid, 'SIGKILL')
        return answer
      }
    },
  })
}

const store = await openFailoverStore({
  target: { url },
  path,
  localTimeZone: 'Asia/Shanghai',
  logger: pino({ level: 'silent' }),
  clock: () => NOW,
  seams: { replica: suicidal(await openReplica(path)) },
})
const origin = new Origin()
process.on('message', async (user) => {
  armed = user !== 'unharmed'
  try {
    const { durability } = await store.append([origin.recorded({ user: String(user) })])
    process.send?.(durability)
  } catch (error) {
    process.send?.(error instanceof Error && 'code' in error ? error.code : String(error))
    // A number that was not taken is given again.
    origin.seq -= 1
  }
})
while ((await store.status()).mode !== 'PRIMARY') await store.statusChanged(AbortSignal.timeout(50))
process.send?.('ready')
