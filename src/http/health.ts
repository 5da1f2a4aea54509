import type { ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { Store, StoreStatus } from '../store/store.ts'
import { sendJson } from './respond.ts'

const PATIENCE_MS = 2_000

/** The process runs and answers. */
export const live = (res: ServerResponse): void => sendJson(res, 200, { status: 'live' })

/** The store answers too, in whatever mode, for every user; 503 when not, so that a balancer sends requests elsewhere. */
export async function ready(store: Store, res: ServerResponse): Promise<void> {
  const status = await statusOf(store)
  const [answering, complete] = [status !== null, status?.complete ?? false]
  sendJson(res, answering && complete ? 200 : 503, {
    status: !answering ? 'unavailable' : complete ? 'ready' : 'incomplete',
    store: { backend: store.backend, mode: status?.mode ?? null, answering, complete },
  })
}

const asking = new WeakMap<Store, Promise<StoreStatus | null>>()

/** Asked once at a time, however many want to know: anybody may, and it must not weigh on the store. */
function statusOf(store: Store): Promise<StoreStatus | null> {
  const status = asking.get(store) ?? ask(store).finally(() => asking.delete(store))
  asking.set(store, status)
  return status
}

/** Null where it does not answer reads. */
async function ask(store: Store): Promise<StoreStatus | null> {
  const patience = new AbortController()
  try {
    const late = setTimeout(PATIENCE_MS, null, { signal: patience.signal })
    const asked = Promise.all([store.status(), store.read([{ kind: 'user', userId: '' }], Date.now())])
    return (await Promise.race([asked.then(([status]) => status), late])) ?? null
  } catch {
    return null
  } finally {
    patience.abort()
  }
}
