import { parentPort } from 'node:worker_threads'
import { z } from 'zod'
import { StartError, XinyiError } from '../../errors.ts'

const Request = z.object({ id: z.number(), method: z.string(), args: z.array(z.unknown()) })
/** What went wrong, as it can cross to the other thread; never anybody's words. */
export type Failure =
  | { kind: 'start' | 'store'; message: string; code: string }
  | { kind: 'xinyi'; code: string; message: string; hint: string }
export type Reply = { id: number; value: unknown } | { id: number; failure: Failure }

export function failureOf(error: unknown): Failure {
  if (error instanceof StartError) return { kind: 'start', message: error.message, code: '' }
  if (error instanceof XinyiError && error.code !== 'STORE_UNAVAILABLE')
    return { kind: 'xinyi', code: error.code, message: error.message, hint: error.hint }
  const cause = error instanceof XinyiError ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : cause instanceof Error ? cause.name : ''
  return { kind: 'store', message: '', code }
}

const gifts = new WeakMap<object, ArrayBuffer[]>()

/** An answer of which these bytes go to the other thread as they are, instead of a copy: they are gone from here then. */
export function givingAway<T extends object>(answer: T, parts: readonly Uint8Array[]): T {
  // Small ones may be part of a pool.
  const large = parts.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize ? [buffer] : []))
  gifts.set(answer, [...new Set(large)])
  return answer
}

const givenAway = (value: unknown): ArrayBuffer[] => (typeof value === 'object' && value !== null && gifts.get(value)) || []

/**
 * Lets what `open` opens live in this thread: what is asked of its methods is done one after the other, in the order in which it comes;
 * of one that answers a promise, only what it does at once.
 */
export function serveThread(open: () => object): void {
  const port = parentPort
  let served: object | undefined
  try {
    served = open()
    port?.postMessage({ id: 0, value: null } satisfies Reply)
  } catch (error) {
    port?.postMessage({ id: 0, failure: failureOf(error) } satisfies Reply)
    port?.close()
  }

  const answer = (reply: Reply): void => port?.postMessage(reply, 'value' in reply ? givenAway(reply.value) : [])
  port?.on('message', (message: unknown) => {
    const { id, method, args } = Request.parse(message)
    try {
      const work: unknown = served && Reflect.get(served, method)
      if (typeof work !== 'function') throw new Error(`no method ${method}`)
      const value: unknown = Reflect.apply(work, served, args)
      if (value instanceof Promise)
        value.then(
          (value) => answer({ id, value }),
          (error) => answer({ id, failure: failureOf(error) }),
        )
      else answer({ id, value })
    } catch (error) {
      answer({ id, failure: failureOf(error) })
    }
    if (method === 'close') port.close()
  })
}
