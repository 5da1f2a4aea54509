import { randomUUID } from 'node:crypto'
import type { RedisStore } from '../redis/store.ts'
import type { Event } from '../store.ts'
import { Outdated } from './faults.ts'
import type { Joint } from './joint.ts'
import type { RemoteReplica } from './replica.ts'

/** As large as what a writer sends at a time (services/writer.ts). */
const MAX_EVENTS = 100
const MAX_CHARACTERS = 500_000

/** How long it is left to others to bring what Redis lacks before what is here, once nobody else brings anything; and how long in all. */
const OTHERS_FIRST_MS = 2_000
const OTHERS_AT_MOST_MS = 10_000
/** No more counts of one try, nor of the pause between two: in a longer try much was pushed from here, and others may be as long about theirs; in a longer pause Redis was away. */
const MOMENT_MS = 500

interface Pushing {
  mend: (users: readonly string[]) => Promise<void>
  pushed: (events: number) => void
}

type PushJoint = Pick<Joint, 'logger' | 'stuck' | 'closeOrigins'> & { readonly local: Pick<Joint['local'], 'replica'> }

/** Brings Redis everything that the journal holds and its positions lack. */
export async function pushAll(primary: RedisStore, joint: PushJoint, { mend, pushed }: Pushing): Promise<void> {
  const { replica } = joint.local
  const began = performance.now()
  let positions = await primary.positions()
  const before = eventsIn(positions)
  let push: Push
  let taken = 0
  do {
    push = new Push({ primary, replica, positions, mend, pushed })
    while (await push.step());
    taken += push.taken
    if (push.stuck.size > 0) positions = await primary.positions()
    // What comes later in its origin may stand before it here, where it was held apart.
  } while (push.wasAdvanced)
  if (push.stuck.size === 0) {
    joint.stuck = null
    return
  }
  const after = eventsIn(positions)
  if (mayOthersBring(joint, { began, before, after, byOthers: after - before - taken }))
    throw new Outdated('Redis lacks events that another instance may bring')
  joint.logger.warn(
    { origins: push.stuck.size },
    'Redis has lost events that nobody holds; those that came after them are pushed under a new origin',
  )
  await replica.rescue([...push.stuck], randomUUID())
  joint.closeOrigins(push.stuck)
  await pushAll(primary, joint, { mend, pushed })
}

/** How many events Redis had when a try began, and has now; and how many of these others have brought meanwhile. */
interface Tried {
  began: number
  before: number
  after: number
  byOthers: number
}

function mayOthersBring(joint: Pick<Joint, 'stuck'>, { began, before, after, byOthers }: Tried): boolean {
  const now = performance.now()
  // Where Redis has gone back, others begin anew.
  const known = joint.stuck && before >= joint.stuck.events ? joint.stuck : null
  const triedMs = Math.min(now - began, MOMENT_MS)
  const pausedMs = known ? began - known.at : 0
  // What is missing may be brought behind much else. Between two tries only others bring any; where Redis was away, nobody could.
  const quietBeforeMs = known?.events === before && pausedMs <= MOMENT_MS ? known.quietMs + pausedMs : 0
  const quietMs = byOthers > 0 ? 0 : quietBeforeMs + triedMs
  const inAllMs = (known?.inAllMs ?? 0) + Math.min(pausedMs, MOMENT_MS) + triedMs
  joint.stuck = { at: now, events: after, inAllMs, quietMs }
  return quietMs < OTHERS_FIRST_MS && inAllMs < OTHERS_AT_MOST_MS
}

const eventsIn = (positions: Record<string, number>): number => Object.values(positions).reduce((sum, seq) => sum + seq, 0)

/** Brings Redis, in order, what the journal holds and its positions lack. */
class Push {
  readonly #primary: RedisStore
  readonly #replica: RemoteReplica
  readonly #mend: Pushing['mend']
  readonly #pushed: Pushing['pushed']
  readonly #positions: Record<string, number>
  /** How many events Redis took from here. */
  taken = 0
  /** Origins of which Redis lacked earlier events than one that was met. */
  readonly stuck = new Set<string>()
  readonly #advanced = new Set<string>()
  /** The rows that come next: read while those before them are sent. */
  #next: Promise<Awaited<ReturnType<RemoteReplica['journalAfter']>>>
  /** The batch that was sent last, until it is known to be in Redis. */
  #sent: Promise<void> = Promise.resolve()

  constructor(
    options: {
      primary: RedisStore
      replica: RemoteReplica
      positions: Record<string, number>
    } & Pushing,
  ) {
    this.#primary = options.primary
    this.#replica = options.replica
    this.#positions = { ...options.positions }
    this.#mend = options.mend
    this.#pushed = options.pushed
    this.#next = this.#rowsAfter(Number.MIN_SAFE_INTEGER)
  }

  /** Whether Redis has got more of an origin that it lacked something of. */
  get wasAdvanced(): boolean {
    return [...this.stuck].some((origin) => this.#advanced.has(origin))
  }

  /** One step. Answers whether there may be more to send. */
  async step(): Promise<boolean> {
    const rows = await this.#next
    const last = rows.at(-1)
    if (!last) {
      await this.#sent
      return false
    }
    this.#next = this.#rowsAfter(last.place)
    for (const batch of batches(rows.map(({ event }) => event).filter((event) => this.#isNext(event)))) {
      const before = this.#sent
      this.#sent = this.#send(batch, before)
      this.#sent.catch(() => {})
      // Redis works on this batch while the next is made ready.
      await before
    }
    return true
  }

  #rowsAfter(place: number): ReturnType<RemoteReplica['journalAfter']> {
    // Behind a gap there may be very much, which is not to be read with each try.
    const rows = this.#replica.journalAfter({ after: place, limit: MAX_EVENTS, positions: this.#positions, stuck: [...this.stuck] })
    // Whoever waits for them hears of it; nobody may.
    rows.catch(() => {})
    return rows
  }

  /** Whether Redis lacks the event, and takes it behind those that were chosen before. */
  #isNext({ origin, seq }: Event): boolean {
    const position = this.#positions[origin] ?? 0
    if (seq <= position) return false
    if (seq > position + 1) {
      this.stuck.add(origin)
      return false
    }
    this.#positions[origin] = seq
    this.#advanced.add(origin)
    return true
  }

  async #send(batch: readonly Event[], before: Promise<void>, isSecond = false): Promise<void> {
    const answer = this.#primary.append(batch)
    answer.catch(() => {})
    await before
    const { outcomes } = await answer
    this.taken += outcomes.filter((outcome) => 'n' in outcome).length
    if (outcomes.some(({ type }) => type === 'known')) await this.#noteOthers()
    const done = outcomes.findIndex((outcome) => !('n' in outcome) && outcome.type !== 'known')
    const failed = outcomes[done]
    this.#pushed(failed ? done : batch.length)
    if (!failed) return
    const [refused, ...rest] = batch.slice(done)
    if (!refused) return
    if (failed.type === 'damaged' && isSecond && (await this.#isNobody(refused.user))) {
      // Where nobody is here whose keys could be put back, nothing came of it: so much can be said without them.
      await this.#send([{ ...refused, kind: 'void', id: '', user: '', payload: {} }, ...rest], Promise.resolve())
      return
    }
    // Beyond a gap is what was sent before Redis had got what comes before it.
    const isMendable = failed.type === 'damaged' || failed.type === 'gap'
    if (!isMendable || isSecond) throw new Outdated(`Redis answers ${failed.type} to what is pushed`)
    if (failed.type === 'damaged') await this.#mend([refused.user])
    await this.#send([refused, ...rest], Promise.resolve(), done === 0)
  }

  /** Others bring the same: what they were faster with need not be read here any more. */
  async #noteOthers(): Promise<void> {
    for (const [origin, seq] of Object.entries(await this.#primary.positions())) {
      if (seq <= (this.#positions[origin] ?? 0)) continue
      this.#positions[origin] = seq
      this.#advanced.add(origin)
    }
  }

  async #isNobody(user: string): Promise<boolean> {
    const [copy] = await this.#replica.copies([user])
    return !copy?.state
  }
}

function batches(events: readonly Event[]): Event[][] {
  const all: Event[][] = []
  let characters = 0
  for (const event of events) {
    const size = event.kind === 'recorded' ? event.payload.query.length + event.payload.response.length : 0
    const present = all.at(-1)
    if (present && characters + size <= MAX_CHARACTERS) {
      present.push(event)
      characters += size
    } else {
      all.push([event])
      characters = size
    }
  }
  return all
}
