import type { ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { StorageMode } from '../model.ts'
import type { Store } from '../store/store.ts'
import { sendJson } from './respond.ts'

const PATIENCE_MS = 2_000

/** The process runs and answers. */
export const live = (res: ServerResponse): void => sendJson(res, 200, { status: 'live' })

/** The store answers too, in whatever mode; 503 when not, so that a balancer sends requests elsewhere. */
export async function ready(store: Store, res: ServerResponse): Promise<void> {
  const mode = await modeOf(store)
  const answering = mode !== null
  sendJson(res, answering ? 200 : 503, {
    status: answering ? 'ready' : 'unavailable',
    store: { backend: store.backend, mode, answering },
  })
}

/** Null where it does not answer reads. */
async function modeOf(store: Store): Promise<StorageMode | null> {
  const patience = new AbortController()
  try {
    const late = setTimeout(PATIENCE_MS, null, { signal: patience.signal })
    const asked = Promise.all([store.status(), store.read([{ kind: 'user', userId: '' }], Date.now())])
    return (await Promise.race([asked.then(([{ mode }]) => mode), late])) ?? null
  } catch {
    return null
  } finally {
    patience.abort()
  }
}
