import { join } from 'node:path'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { type FailoverOptions, openFailoverStore } from '../../src/store/failover/store.ts'
import type { Store, StoreStatus } from '../../src/store/store.ts'
import { NOW } from './events.ts'
import { tempDir } from './temp.ts'
import { replicaHere } from './this-thread.ts'

export interface Instance {
  readonly store: Store
  readonly path: string
  /** What it logged: level, message, and what goes with it. */
  readonly lines: { level: number; msg: string; [field: string]: unknown }[]
}

export type InstanceOptions = Partial<FailoverOptions> & {
  /** Where Redis is. */
  url: string
  /** Whether SQLite lives in a thread of its own, as it does in a server: it takes its time to start. */
  threaded?: boolean | undefined
}

/** A store joined to this Redis, closed when the present test has finished. */
export async function openInstance({ url, path = newDataFile(), threaded = false, seams, ...options }: InstanceOptions): Promise<Instance> {
  const lines: Instance['lines'] = []
  const logger = pino({ level: 'debug', base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const store = await openFailoverStore({
    ...{ target: { url }, path, localTimeZone: 'Asia/Shanghai', logger, clock: () => NOW },
    ...options,
    seams: { ...seams, ...(!(threaded || seams?.replica) && { replica: replicaHere(path) }) },
  })
  onTestFinished(() => store.close())
  return { store, path, lines }
}

export function newDataFile(): string {
  const dir = tempDir()
  onTestFinished(dir.remove)
  return join(dir.path, 'xinyi.db')
}

/** Waits until the status is as asked for. */
export async function until(store: Store, holds: (status: StoreStatus) => boolean, patienceMs = 10_000): Promise<StoreStatus> {
  const late = AbortSignal.timeout(patienceMs)
  for (;;) {
    // A change that comes while the status is asked for must not be missed.
    const change = store.statusChanged(AbortSignal.any([late, AbortSignal.timeout(50)]))
    const status = await store.status()
    if (holds(status)) return status
    if (late.aborted) throw new Error(`it is still ${JSON.stringify(status)}`)
    await change
  }
}

export const inCharge = (status: StoreStatus): boolean => status.mode === 'PRIMARY'
export const inFallback = (status: StoreStatus): boolean => status.mode === 'FALLBACK'
/** Healed: Redis has everything, and so has the replica. */
export const inAgreement = (status: StoreStatus): boolean => status.mode === 'PRIMARY' && status.reconciliation?.inAgreement === true
