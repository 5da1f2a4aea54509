import type { Redis } from 'ioredis'
import { BLOCK_MS, connectWaiting, type RedisTarget } from './connect.ts'
import { withoutText } from './faults.ts'

/** Waits for news of the log. A connection that waits can do nothing else, so that each wait has one, used again later. */
export class Growth {
  readonly #target: RedisTarget
  readonly #free: Redis[] = []
  readonly #blocked = new Set<Redis>()
  readonly #closing = new AbortController()

  constructor(target: RedisTarget) {
    this.#target = target
  }

  get connections(): number {
    return this.#free.length + this.#blocked.size
  }

  /**
   * Waits until the log has an entry after n, `epoch` is not the present one, or the signal aborts. What it sees it sees on a
   * connection that nobody has verified: it wakes, and decides nothing. Answers whether it saw a log that has not come to n.
   */
  async wait(epoch: string, n: number, signal: AbortSignal): Promise<'grown' | 'aborted' | 'behind'> {
    const over = AbortSignal.any([signal, this.#closing.signal])
    if (over.aborted) return 'aborted'
    const free = this.#free.pop()
    const waiting = free?.status === 'ready' ? free : await connectWaiting(this.#target, over).catch((error) => stopped(error, over))
    if (!waiting) return 'aborted'
    const stop = () => waiting.disconnect()
    over.addEventListener('abort', stop)
    this.#blocked.add(waiting)
    try {
      const answer = await withoutText(() => poll(waiting, epoch, n))
      this.#free.push(waiting)
      return answer
    } catch (error) {
      waiting.disconnect()
      if (over.aborted) return 'aborted'
      throw error
    } finally {
      this.#blocked.delete(waiting)
      over.removeEventListener('abort', stop)
    }
  }

  close(): void {
    this.#closing.abort()
    for (const waiting of this.#free) waiting.disconnect()
  }
}

function stopped(error: unknown, signal: AbortSignal): null {
  if (signal.aborted) return null
  throw error
}

async function poll(waiting: Redis, epoch: string, n: number): Promise<'grown' | 'behind'> {
  while (true) {
    const [present, index] = await waiting.hmget('xinyi:meta', 'epoch', 'n')
    if (present !== epoch) return 'grown'
    if (Number(index) < n) return 'behind'
    if (Number(index) > n) return 'grown'
    if (await waiting.xread('COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', 'xinyi:log', `${n}-0`)) return 'grown'
  }
}
