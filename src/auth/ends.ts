import type { Caller } from '../model.ts'
import { after } from './after.ts'

/** Who is to be told when what somebody came with ends: at its time, or before, when it is taken back. */
export class Ends {
  readonly #waiting = new Map<string, Set<() => void>>()

  /** Calls back once; answers how to give that up. */
  on({ key = '', expiresAt }: Caller, act: () => void): () => void {
    const waiting = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, waiting)
    const stopTimer = expiresAt === undefined ? () => {} : after(expiresAt, () => end())
    const stop = (): void => {
      stopTimer()
      waiting.delete(end)
      if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key)
    }
    const end = (): void => {
      stop()
      act()
    }
    waiting.add(end)
    return stop
  }

  /** What goes by this key has ended. */
  end(key: string): void {
    for (const end of [...(this.#waiting.get(key) ?? [])]) end()
  }

  endAll(): void {
    for (const key of [...this.#waiting.keys()]) if (key !== '') this.end(key)
  }
}
