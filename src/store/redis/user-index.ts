import { z } from 'zod'
import { Fault, fenced, unavailable } from './faults.ts'

const USERS_PER_STEP = 100

/** The keys that list users in their orders: they follow from what is kept of each, and are made anew where somebody has deleted them. */
export class UserIndex {
  readonly #reindex: (argument: object) => Promise<unknown>
  #reindexing: Promise<void> | undefined

  /** `reindex`: the script, for the users after a cursor. */
  constructor(reindex: (argument: object) => Promise<unknown>) {
    this.#reindex = reindex
  }

  /** Asks again, once they are made anew, where the answer is that they are lost (null). */
  async kept<T>(ask: (mended: boolean) => Promise<T | null>): Promise<T> {
    const answer = await ask(false)
    if (answer !== null) return answer
    // Whoever else meets it meanwhile waits for the same.
    this.#reindexing ??= this.#makeAnew().finally(() => {
      this.#reindexing = undefined
    })
    await this.#reindexing
    const second = await ask(true)
    if (second === null) throw unavailable(new Fault('DAMAGED'))
    return second
  }

  async #makeAnew(): Promise<void> {
    let cursor = '0'
    do {
      cursor = z.string().parse(await this.#reindex({ cursor, count: USERS_PER_STEP }))
      if (cursor === 'stale') fenced(cursor)
    } while (cursor !== '0')
  }
}
