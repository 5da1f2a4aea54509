/** Wakes whoever waits for something to have changed. */
export class Changes {
  #next = Promise.withResolvers<void>()

  announce(): void {
    const now = this.#next
    this.#next = Promise.withResolvers<void>()
    now.resolve()
  }

  /** The next change; resolves early when the signal aborts. */
  async next(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = () => resolve()
    signal?.addEventListener('abort', wake, { once: true })
    await Promise.race([this.#next.promise, promise])
    signal?.removeEventListener('abort', wake)
  }
}
