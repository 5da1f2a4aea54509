import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { uuidv7 } from 'uuidv7'
import { badInput, storeUnavailable, XinyiError } from '../errors.ts'
import type { Durability, Limits } from '../model.ts'
import type { Removed, Store, SweepReport } from '../store/store.ts'
import { checkText, checkUserId } from './text.ts'
import type { LogWriter } from './writer.ts'

const MAX_REASON = 1_000
/** So many expiries at a time queue up, so that no recording waits behind more. */
const EXPIRIES_AT_ONCE = 100

/** Removes what has been kept: at someone's wish, or because its time has come. */
export class History {
  readonly #store: Store
  readonly #writer: LogWriter
  readonly #clock: () => number

  constructor(store: Store, writer: LogWriter, clock: () => number) {
    this.#store = store
    this.#writer = writer
    this.#clock = clock
  }

  /** Removes conversations, points, topics and the alerts' copies of exchanges; counters and alerts stay. */
  async clear(userId: string): Promise<{ removedConversations: number; durability: Durability }> {
    const user = checkUserId(userId)
    const clear = (acceptedAt: number) =>
      this.#writer.submit({ id: uuidv7(), kind: 'cleared', user, acceptedAt, occurredAt: acceptedAt, payload: {} })
    let { outcome, durability } = await clear(this.#clock())
    // The clock was set back behind an erasure; what came after that is there to be cleared all the same.
    if (outcome.type === 'dead') ({ outcome, durability } = await clear(outcome.erasedAt + 1))
    if (outcome.type !== 'applied') {
      throw new XinyiError('NOT_FOUND', 'This user is not known here.', 'There is nothing to clear; check the userId.', { field: 'userId' })
    }
    return { removedConversations: outcome.removed?.conversations ?? 0, durability }
  }

  /** Removes everything about a user, known here or not, and whatever is still to arrive from before. */
  async erase(userId: string, reason: string): Promise<{ removed: Removed; durability: Durability }> {
    const user = checkUserId(userId)
    if (user === 'anonymous')
      throw badInput(
        'anonymous is nobody: each of their conversations has a user of its own.',
        'Name the anon_… id that the recording answered.',
        'userId',
      )
    if (reason.trim() === '')
      throw badInput('reason is empty.', 'Say why this user is erased; the reason is kept in the store for 30 days.', 'reason')
    checkText('reason', reason, { max: MAX_REASON })
    const { outcome, durability } = await this.#writer.submit({ ...this.#fact(), kind: 'erased', user, payload: { reason } })
    if (outcome.type !== 'applied' || !outcome.removed)
      throw storeUnavailable(new Error(`the store answered ${outcome.type} to an erasure`))
    return { removed: outcome.removed, durability }
  }

  /** Makes these limits the data set's own, and returns those they replace; undefined when they were so already. */
  async applyPolicy(limits: Limits): Promise<Limits | null | undefined> {
    const present = await this.#store.policy()
    if (isDeepStrictEqual(present, { ...limits })) return undefined
    await this.#writer.submit({ ...this.#fact(), kind: 'policy', user: '', payload: { limits } })
    return present
  }

  /** Removes for good what has been expired for a day, and lets users expire whose time has come. */
  async sweep(): Promise<SweepReport> {
    const report = await this.#store.sweep(this.#clock())
    for (let i = 0; i < report.expiredUsers.length; i += EXPIRIES_AT_ONCE) {
      const due = report.expiredUsers.slice(i, i + EXPIRIES_AT_ONCE)
      await Promise.all(due.map(({ userId, deadline }) => this.#expire(userId, deadline)))
    }
    return report
  }

  /** Sweeps, and gives the room that nothing needs any more back. BAD_USER_INPUT where others would wait for long, unless they may. */
  async compact(mayHoldUp: boolean): Promise<SweepReport> {
    const report = await this.sweep()
    const tooLarge = await this.#store.compact({ mayHoldUp })
    if (tooLarge === null) return report
    const mebibytes = Math.round(tooLarge / 1_048_576)
    throw badInput(
      `The data file has ${mebibytes} MiB, and nothing could be recorded for some ${Math.ceil(mebibytes / 200)} s while it is written anew. What had expired is removed, and the rest is left.`,
      'Stop the server and run npx xinyi compact without it, or give mayHoldUp in a quiet hour.',
      'mayHoldUp',
    )
  }

  // Follows from the passing of time alone, so whichever instance says it first, it is one fact with one id.
  async #expire(user: string, deadline: number): Promise<void> {
    const id = createHash('sha256').update(`${user}\0expired\0${deadline}`).digest('hex')
    await this.#writer.submit({ id, kind: 'expired', user, acceptedAt: deadline, occurredAt: deadline, payload: {} })
  }

  #fact(): { id: string; acceptedAt: number; occurredAt: number } {
    const now = this.#clock()
    return { id: uuidv7(), acceptedAt: now, occurredAt: now }
  }
}
