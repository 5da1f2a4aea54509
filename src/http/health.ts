import type { ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { Store } from '../store/store.ts'
import { sendJson } from './respond.ts'

const PATIENCE_MS = 2_000

/** The process runs and answers. */
export const live = (res: ServerResponse): void => sendJson(res, 200, { status: 'live' })

/** The store answers too; 503 when not, so that a balancer sends requests elsewhere. */
export async function ready(store: Store, res: ServerResponse): Promise<void> {
  const { backend } = store
  const answering = await isAnswering(store)
  sendJson(res, answering ? 200 : 503, { status: answering ? 'ready' : 'unavailable', store: { backend, answering } })
}

async function isAnswering(store: Store): Promise<boolean> {
  const patience = new AbortController()
  try {
    const late = setTimeout(PATIENCE_MS, undefined, { signal: patience.signal })
    const status = await Promise.race([store.status(), late])
    return status !== undefined && status.redis?.reachable !== false
  } catch {
    return false
  } finally {
    patience.abort()
  }
}
