import { cursorExpired, storeUnavailable, XinyiError } from '../errors.ts'
import type { Place, Store, StoreStatus } from '../store/store.ts'
import type { Given } from './cursor.ts'
import type { Standing } from './reader.ts'

/** How often the log may change its epoch while a place in it is looked for. */
const MAX_TRIES = 50

/** Where in the log as it is now somebody is, who was at a place in the log as it was. */
export class LogPlaces {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** How the log stands. Its newest entry may be one that was not told yet. */
  async present(): Promise<StoreStatus> {
    const status = await this.#store.status()
    if (status.backend === 'REDIS' && !status.redis?.reachable) throw storeUnavailable()
    return status
  }

  /** Where a place is in the log as it is now: further back, if the log has forked before it. */
  async standing({ epoch, n }: Place): Promise<Standing> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const present = await this.present()
      const page = await this.#store.told({ epoch, n }, 1)
      // With nothing after the place, it is the end.
      const at = page.entries[0] ? page.entries[0].n - 1 : present.n
      if (page.epoch === present.epoch) return { epoch: page.epoch, n: at, settledEpoch: present.settled.epoch }
    }
    throw storeUnavailable(new Error('the log changes its epoch all the time'))
  }

  /** For one who has been given so much. What is not known away from Redis may be known when it is back. */
  async goBackTo(given: Given, late: AbortSignal): Promise<{ at: Place; given: Given }> {
    const changed = this.#store.statusChanged(late)
    try {
      return await this.#findPlace(given)
    } catch (error) {
      if (!(error instanceof XinyiError && error.code === 'CURSOR_EXPIRED')) throw error
      const { mode } = await this.#store.status()
      if (mode === 'PRIMARY' || mode === 'EMBEDDED') return await this.#findPlace(given)
      if (late.aborted) throw storeUnavailable(error)
      await changed
      return await this.goBackTo(given, late)
    }
  }

  async #findPlace(given: Given): Promise<{ at: Place; given: Given }> {
    try {
      const { settledEpoch, ...at } = await this.standing(given.upTo)
      return { at, given: { ...given, upTo: { epoch: settledEpoch, n: at.n } } }
    } catch (error) {
      throw error instanceof XinyiError && error.code === 'CURSOR_EXPIRED' ? cursorExpired('after') : error
    }
  }
}
