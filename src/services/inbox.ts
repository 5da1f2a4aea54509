import { XinyiError } from '../errors.ts'

/** How many entries with alert events wait for a subscriber that reads slowly before it is ended. */
export const MAX_WAITING = 1_000

/** A bounded queue between one that gives and never waits, and one that takes and may be slow. */
export class Inbox<T> {
  readonly #capacity: number
  #items: T[] = []
  #ended = false
  #error: Error | undefined
  #wake: () => void = () => {}

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get ended(): boolean {
    return this.#ended
  }

  /** False when there is no room. */
  give(item: T): boolean {
    if (this.#items.length >= this.#capacity) return false
    this.#items.push(item)
    this.#wake()
    return true
  }

  /** Nothing more is given or taken; who waits is told. */
  end(error?: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#items = []
    this.#wake()
  }

  /** The next item, as soon as there is one; undefined at the end. */
  async take(): Promise<T | undefined> {
    while (!this.#ended && this.#items.length === 0) await new Promise<void>((wake) => (this.#wake = wake))
    if (this.#error) throw this.#error
    return this.#items.shift()
  }
}

export const tooSlow = (): XinyiError =>
  new XinyiError(
    'RATE_LIMITED',
    `This subscription was ended because it had not read its last ${MAX_WAITING} messages.`,
    'Subscribe again with the cursor of the last message that arrived.',
  )
