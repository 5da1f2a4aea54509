import { XinyiError } from '../errors.ts'

/** How many entries with alert events wait for a subscriber that reads slowly before it is ended. */
export const MAX_WAITING = 1_000

/** A bounded queue between one that gives and never waits, and one that takes and may be slow. */
export class Inbox<T> {
  readonly #capacity: number
  #items: T[] = []
  #ended = false
  #isAwaited = false
  #error: Error | undefined
  #wake: () => void = () => {}

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Whether whoever takes has taken all there is, and waits for more. */
  get isAwaited(): boolean {
    return this.#isAwaited && this.#items.length === 0 && !this.#ended
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
    this.#isAwaited = true
    while (!this.#ended && this.#items.length === 0) await new Promise<void>((wake) => (this.#wake = wake))
    this.#isAwaited = false
    if (this.#error) throw this.#error
    return this.#items.shift()
  }
}

/** All who listen. One that has no more room is ended, with an error that says so. */
export class Audience<T> {
  readonly #inboxes = new Map<Inbox<T>, (() => void) | undefined>()
  #ended = 0

  get isEmpty(): boolean {
    return this.#inboxes.size === 0
  }

  get size(): number {
    return this.#inboxes.size
  }

  /** How many were ended as they had no more room. */
  get ended(): number {
    return this.#ended
  }

  add(inbox: Inbox<T>, onTooSlow?: () => void): void {
    this.#inboxes.set(inbox, onTooSlow)
  }

  delete(inbox: Inbox<T>): void {
    this.#inboxes.delete(inbox)
  }

  give(item: T): void {
    for (const [inbox, onTooSlow] of this.#inboxes) {
      if (inbox.ended || inbox.give(item)) continue
      inbox.end(tooSlow())
      this.#ended += 1
      onTooSlow?.()
    }
  }

  end(error?: Error): void {
    for (const inbox of this.#inboxes.keys()) inbox.end(error)
  }
}

const tooSlow = (): XinyiError =>
  new XinyiError(
    'RATE_LIMITED',
    `This subscription was ended because it had not read its last ${MAX_WAITING} messages.`,
    'Subscribe again with the cursor of the last message that arrived.',
  )
