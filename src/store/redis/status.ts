import type { Redis } from 'ioredis'
import type { StoreStatus } from '../store.ts'
import { Fault, wordOf } from './faults.ts'

/** How Redis is doing, and how far its log has come. Never rejects. */
export async function statusOf(
  redis: Redis,
  epoch: string,
  connections: number,
  lastError: string | null,
): Promise<Pick<StoreStatus, 'n' | 'redis'>> {
  const started = performance.now()
  let n = 0
  try {
    const [present, index] = await redis.hmget('xinyi:meta', 'epoch', 'n')
    const latencyMs = performance.now() - started
    if (present !== epoch) throw new Fault('STALE')
    n = Number(index)
    // Who may not ask for that is none the worse for it.
    const info = await redis.info().catch(() => '')
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null
    const memory = field('used_memory')
    const usedMemoryBytes = memory === null ? null : Number(memory)
    return { n, redis: { reachable: true, version: field('redis_version'), latencyMs, usedMemoryBytes, connections, lastError } }
  } catch (error) {
    const nothing = { version: null, latencyMs: null, usedMemoryBytes: null, connections: 0 }
    return { n, redis: { reachable: false, ...nothing, lastError: wordOf(error) } }
  }
}
