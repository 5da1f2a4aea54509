import { cursorExpired } from '../../errors.ts'

/** Wakes those who wait for the log to grow. This process is the only writer, so it knows. */
export class Growth {
  #n: number
  readonly #waiting = new Map<() => void, number>()

  constructor(n: number) {
    this.#n = n
  }

  grewTo(n: number): void {
    this.#n = n
    for (const [wake, after] of this.#waiting) if (n > after) wake()
  }

  async beyond(after: number, signal: AbortSignal): Promise<void> {
    if (this.#n > after || signal.aborted) return
    if (this.#n < after) throw cursorExpired()
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = () => resolve()
    this.#waiting.set(wake, after)
    signal.addEventListener('abort', wake, { once: true })
    await promise
    signal.removeEventListener('abort', wake)
    this.#waiting.delete(wake)
  }

  /** Lets everyone go. */
  end(): void {
    for (const wake of this.#waiting.keys()) wake()
  }
}
