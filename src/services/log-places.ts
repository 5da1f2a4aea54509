import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { cursorExpired, isExpired, storeUnavailable } from '../errors.ts'
import type { Place, Store, StoreStatus, Trail } from '../store/store.ts'
import { marksUpTo } from '../store/trail.ts'
import type { Given } from './given.ts'
import { REMEMBERED, type Standing } from './reader.ts'

/** How often the log may change its epoch while a place in it is looked for. */
const MAX_TRIES = 50
const END_RETRY_MS = 20
/** How long a subscription waits for Redis where its cursor can't be placed without. */
const PATIENCE_MS = 500

export interface Beginning {
  at: Place
  given: Given
}

/** Where in the log as it is now somebody is, who was at a place in the log as it was. */
export class LogPlaces {
  readonly #store: Store
  readonly #logger: Logger

  constructor(store: Store, logger: Logger) {
    this.#store = store
    this.#logger = logger
  }

  /** How the log stands. Its newest entry may be one that was not told yet. */
  async present(): Promise<StoreStatus> {
    const status = await this.#store.status()
    if (status.backend === 'REDIS' && !status.redis?.reachable) throw storeUnavailable()
    return status
  }

  /** Where somebody is in the log as it is now who left this trail: further back, if the log has gone another way. */
  async standing(trail: Trail): Promise<Standing> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const present = await this.present()
      const page = await this.#store.told(await this.#store.placeOf(trail), 1)
      // With nothing after the place, it is the end.
      const at = page.entries[0] ? page.entries[0].n - 1 : present.n
      const { dataSetId, settled } = present
      if (page.epoch === present.epoch) return { dataSetId, epoch: page.epoch, n: at, settledEpoch: settled.epoch }
    }
    throw storeUnavailable(new Error('the log changes its epoch all the time'))
  }

  /** Where one goes on who has been given so much. */
  async begin(given: Given, { atLeastOnce = false }: { atLeastOnce?: boolean | undefined }): Promise<Beginning> {
    try {
      return await this.#goBackTo(given, AbortSignal.timeout(PATIENCE_MS))
    } catch (error) {
      if (!isExpired(error)) throw error
      if (!atLeastOnce) throw cursorExpired('after')
      return await this.#goFarBack(given)
    }
  }

  /** What is not known away from Redis may be known when it is back, if that is soon: nothing is told meanwhile. */
  async #goBackTo(given: Given, late: AbortSignal): Promise<Beginning> {
    const changed = this.#store.statusChanged(late)
    try {
      return await this.#findPlace(given)
    } catch (error) {
      if (!isExpired(error)) throw error
      if (knowsAll(await this.#store.status())) return await this.#findPlace(given)
      if (late.aborted) throw error
      await changed
      return await this.#goBackTo(given, late)
    }
  }

  /** As far as is remembered of what was told, and the log reaches. */
  async #goFarBack(given: Given): Promise<Beginning> {
    // What SQLite does not have, Redis may.
    if (!knowsAll(await this.#store.status())) throw storeUnavailable(new Error('a place in the log may be known when Redis is back'))
    this.#logger.warn('a place in the log is not known any more: what the log still tells is told again, as far as that may be new')
    const { epoch, settled } = await this.present()
    return await this.#findPlace({ ...given, upTo: await farthest(this.#store, { epoch, n: settled.n }, REMEMBERED), marks: [] })
  }

  async #findPlace(given: Given): Promise<Beginning> {
    const { settledEpoch, epoch, n } = await this.standing({ ...given.upTo, marks: given.marks })
    return { at: { epoch, n }, given: { ...given, upTo: { epoch: settledEpoch, n }, marks: marksUpTo(n, given.marks) } }
  }
}

/** The place in the log from which it still tells everything up to this one, at most so many entries before it. */
export async function farthest(store: Pick<Store, 'told'>, { epoch, n }: Place, entries: number): Promise<Place> {
  let [untold, told] = [Math.max(0, n - entries) - 1, n]
  // Mostly it reaches back further.
  for (let at = untold + 1; told - untold > 1; at = Math.floor((untold + told) / 2)) {
    const reaches = await store.told({ epoch, n: at }, 1).then(yes, no)
    if (reaches) told = at
    else untold = at
  }
  return { epoch, n: told }
}

const yes = (): boolean => true

function no(error: unknown): boolean {
  if (isExpired(error)) return false
  throw error
}

const knowsAll = ({ mode }: StoreStatus): boolean => mode === 'PRIMARY' || mode === 'EMBEDDED'

/** Redis may go away, or the log be another, between two questions about its end: they are asked again. */
export async function persistently<T>(ask: () => Promise<T>, patienceMs: number): Promise<T> {
  const until = performance.now() + patienceMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (performance.now() > until) throw error
      await setTimeout(END_RETRY_MS)
    }
  }
}
