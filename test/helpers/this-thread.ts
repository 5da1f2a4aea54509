import { setImmediate } from 'node:timers/promises'
import { Ledger } from '../../src/store/audit/ledger.ts'
import type { openLedger } from '../../src/store/audit/remote.ts'
import { JoinedReplica, type RemoteReplica } from '../../src/store/failover/replica.ts'
import { errorOf, type Remote } from '../../src/store/thread/remote.ts'
import { failureOf } from '../../src/store/thread/worker.ts'

/** As if it lived in a thread of its own, but for the time that one takes to start. */
const inThisThread = <T extends object>(served: T): Remote<T> => {
  const target: object = served
  return new Proxy({} as Remote<T>, {
    get: (_, method) =>
      method === 'then'
        ? undefined
        : async (...args: unknown[]) => {
            const answering = (async () =>
              structuredClone(await Reflect.apply(Reflect.get(target, method), target, structuredClone(args))))()
            const [answer] = await Promise.allSettled([answering])
            // As from another thread it does not come before whatever else waits has had its turn.
            await setImmediate()
            if (answer.status === 'rejected') throw errorOf(failureOf(answer.reason))
            return answer.value
          },
  })
}

export const replicaHere = (path: string): RemoteReplica => inThisThread(new JoinedReplica(path))

export const ledgerHere: typeof openLedger = async (files) => inThisThread(new Ledger(files))
