import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import type { RedisStore } from '../redis/store.ts'
import { wordOf } from './faults.ts'
import type { Joint } from './joint.ts'
import type { Tail } from './tail.ts'

/** Whoever is just talking would have to be packed again and again. */
const QUIET_MS = 10_000
const LOOKED_AT_PER_STEP = 500
const PACKED_PER_STEP = 16
const PATIENCE_MS = 2_000
/** After a round in which nobody was packed; twice as long after each that follows in which somebody could not be, or that failed. */
const REST_MS = 2_000
const MOST_REST_MS = 5 * 60_000
/** While users are being taken over, or are known to differ. */
const RETRY_MS = 250
/** How much longer than a step takes the pause is after it: where nobody asks for anything, and where one request in a hundred may have to wait for it. */
const PAUSES = { idle: 7, busy: 100 }
/** So much of its time this thread may be at work while nobody asks for anything. */
const IDLE_UTILIZATION = 0.1

/**
 * While Redis is in charge, and nothing is known to differ: has it pack everybody of whom there is no pack that counts, little by little, so that an empty one is filled with that.
 */
export async function keepPacks(of: {
  primary: RedisStore
  tail: Tail
  joint: Joint
  isWhole: () => boolean
  inCharge: () => boolean
  signal: AbortSignal
}): Promise<void> {
  const { primary, tail, joint, isWhole, inCharge, signal } = of
  const { logger, clock, local, seams } = joint
  const { replica } = local
  let round = { after: '', packed: 0, due: 0 }
  let waiting: string[] = []
  let hadDue = true
  let rest = REST_MS
  let paused = performance.eventLoopUtilization()

  /** Answers how long to wait before the next. */
  const step = async (): Promise<number> => {
    const began = performance.now()
    const { utilization } = performance.eventLoopUtilization(paused)
    if (waiting.length === 0) {
      const { users, last } = await replica.unpackedUsers(round.after, LOOKED_AT_PER_STEP, clock() - QUIET_MS)
      if (last === null) {
        const { packed, due } = round
        // Once more than there was anything to tell of, so that it is known to be all.
        if (hadDue || due > 0) logger.debug({ packed, left: due - packed }, 'users were packed')
        hadDue = due > 0
        round = { after: '', packed: 0, due: 0 }
        rest = packed > 0 || due === 0 ? REST_MS : Math.min(2 * rest, MOST_REST_MS)
        return packed > 0 ? 0 : rest
      }
      round.after = last
      round.due += users.length
      waiting = users
    }
    const users = waiting.splice(0, PACKED_PER_STEP)
    if (users.length > 0) {
      const page = await primary.packs(users)
      // A page that has become too long tells only of the first of them.
      waiting.unshift(...users.slice(page.copies.length + page.damaged.length))
      if (await tail.reached(page.n, PATIENCE_MS)) round.packed += await replica.savePacks({ ...page, epoch: primary.epoch }, clock())
    }
    return (performance.now() - began) * (utilization > IDLE_UTILIZATION ? PAUSES.busy : PAUSES.idle)
  }

  while (inCharge() && !signal.aborted && !seams?.withoutPacking) {
    let wait = RETRY_MS
    try {
      if (isWhole()) wait = await step()
    } catch (error) {
      waiting = []
      wait = rest
      rest = Math.min(2 * rest, MOST_REST_MS)
      logger.debug({ because: wordOf(error) }, 'users could not be packed; it is tried again')
    }
    paused = performance.eventLoopUtilization()
    if (inCharge()) await setTimeout(wait, undefined, { signal, ref: false }).catch(() => {})
  }
}
