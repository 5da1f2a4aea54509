import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { cursorExpired, StartError, storeUnavailable } from '../../errors.ts'
import type { Failure, Reply } from './worker.ts'

// Were it loaded by other threads alone, Node would unmap SQLite's library at the end of one, beneath what still
// refers to it, which ends the process now and then: https://github.com/WiseLibs/better-sqlite3/issues/1476
new Database(':memory:').close()

/** What lives in a thread of its own, so that no commit, and no long query, holds up the event loop. */
export type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never
}

/** What a failure there is thrown as here. */
export function errorOf(failure: Failure): Error {
  if (failure.kind === 'start') return new StartError(failure.message)
  if (failure.kind === 'xinyi') return cursorExpired()
  return storeUnavailable(Object.assign(new Error('SQLite failed'), { code: failure.code }))
}

/** Starts a thread with this module, which calls `serveThread`. Rejects with a StartError that says why what is to live there can't be opened. */
export async function openThread<T>(module: URL, workerData: object): Promise<Remote<T>> {
  const worker = new Worker(module, { workerData })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let last = 0
  let ended = false
  let opened = false
  const expect = (id: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject })
    })
  worker.on('message', (reply: Reply) => {
    const caller = waiting.get(reply.id)
    waiting.delete(reply.id)
    if ('failure' in reply) caller?.reject(errorOf(reply.failure))
    else caller?.resolve(reply.value)
  })
  let closing = false
  const end = (error: unknown) => {
    // Nothing can be kept any more: a process that ends is started again, one that goes on refuses everything.
    if (!ended && !closing && opened) setImmediate(() => Promise.reject(new Error('The SQLite thread has ended.', { cause: error })))
    ended = true
    for (const { reject } of waiting.values()) reject(storeUnavailable(new Error('The store was closed.')))
    waiting.clear()
  }
  worker.on('error', end)
  worker.on('exit', end)
  try {
    await expect(0)
    opened = true
  } catch (error) {
    // Of itself: a thread that is cut off within SQLite takes the process with it.
    if (!ended) await once(worker, 'exit')
    throw error
  }
  const call = async (method: string, args: unknown[]): Promise<unknown> => {
    if (ended) throw storeUnavailable(new Error('The store was closed.'))
    closing ||= method === 'close'
    last += 1
    const answered = expect(last)
    worker.postMessage({ id: last, method, args })
    const answer = await answered
    if (method === 'close' && !ended) await once(worker, 'exit')
    return answer
  }
  // Both ends of the line are this program: what the type says of a method is what its other end answers.
  return new Proxy({} as Remote<T>, {
    get: (_, method) => (typeof method === 'string' && method !== 'then' ? (...args: unknown[]) => call(method, args) : undefined),
  })
}
