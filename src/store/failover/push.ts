import { randomUUID } from 'node:crypto'
import type { RedisStore } from '../redis/store.ts'
import type { Event } from '../store.ts'
import { Outdated } from './faults.ts'
import type { Joint } from './joint.ts'
import type { RemoteReplica } from './replica.ts'

/** So many are read at a time, as it costs the more the more origins there are. */
const EVENTS_PER_PAGE = 500
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
  const positions = await primary.positions()
  const push = new Push({ primary, replica, positions, mend, pushed })
  const stuck = await push.all()
  if (stuck.length === 0) {
    joint.stuck = null
    return
  }
  if (mayOthersBring(joint, { began, stuck, before: positions, after: push.positions, taken: push.taken }))
    throw new Outdated('Redis lacks events that another instance may bring')
  joint.logger.warn(
    { origins: stuck.length },
    'Redis has lost events that nobody holds; those that came after them are pushed under a new origin',
  )
  await replica.rescue(Object.fromEntries(stuck.map((origin) => [origin, push.positions[origin] ?? 0])), randomUUID())
  joint.closeOrigins(new Set(stuck))
  await pushAll(primary, joint, { mend, pushed })
}

type Positions = Readonly<Record<string, number>>

interface Tried {
  began: number
  stuck: readonly string[]
  /** What Redis had when the try began, and has now; and how many events it took from here meanwhile. */
  before: Positions
  after: Positions
  taken: number
}

function mayOthersBring(joint: Pick<Joint, 'stuck'>, { began, stuck, before, after, taken }: Tried): boolean {
  const now = performance.now()
  const [had, has] = [eventsIn(before), eventsIn(after)]
  // Where Redis has gone back, others begin anew.
  const known = joint.stuck && had >= joint.stuck.events ? joint.stuck : null
  const reached = Object.fromEntries(stuck.map((origin) => [origin, after[origin] ?? 0]))
  // Whoever has begun to bring what is missing has the rest of it, too.
  const isBrought = known !== null && stuck.some((origin) => (after[origin] ?? 0) > (known.reached[origin] ?? Number.POSITIVE_INFINITY))
  const triedMs = Math.min(now - began, MOMENT_MS)
  const pausedMs = known ? began - known.at : 0
  // What is missing may be brought behind much else. Between two tries only others bring any; where Redis was away, nobody could.
  const quietBeforeMs = known?.events === had && pausedMs <= MOMENT_MS ? known.quietMs + pausedMs : 0
  const quietMs = has - had > taken ? 0 : quietBeforeMs + triedMs
  const inAllMs = isBrought ? 0 : (known?.inAllMs ?? 0) + Math.min(pausedMs, MOMENT_MS) + triedMs
  joint.stuck = { at: now, events: has, reached, inAllMs, quietMs }
  return quietMs < OTHERS_FIRST_MS && inAllMs < OTHERS_AT_MOST_MS
}

const eventsIn = (positions: Positions): number => Object.values(positions).reduce((sum, seq) => sum + seq, 0)

/** Brings Redis, in order, what the journal holds and its positions lack. */
class Push {
  readonly #primary: RedisStore
  readonly #replica: RemoteReplica
  readonly #mend: Pushing['mend']
  readonly #pushed: Pushing['pushed']
  /** What Redis has, or will once it has taken what was sent. */
  readonly positions: Record<string, number>
  /** How many events Redis took from here. */
  taken = 0

  constructor(options: { primary: RedisStore; replica: RemoteReplica; positions: Positions } & Pushing) {
    this.#primary = options.primary
    this.#replica = options.replica
    this.positions = { ...options.positions }
    this.#mend = options.mend
    this.#pushed = options.pushed
  }

  /** Answers of which origins there is more, behind events that neither Redis has nor the journal. */
  async all(): Promise<string[]> {
    /** The batch that was sent last, until it is known to be in Redis. */
    let sent = Promise.resolve()
    let isLastLook = false
    for (let next = this.#next(); ; ) {
      const { events, stuck } = await next
      if (events.length === 0) {
        await sent
        if (stuck.length === 0 || isLastLook) return stuck
        await this.#noteOthers()
        isLastLook = true
        next = this.#next()
        continue
      }
      isLastLook = false
      // They were looked up before it was known what others had brought.
      const chosen = events.filter((event) => this.#choose(event))
      // Read while those before them are sent.
      next = this.#next()
      for (const batch of batches(chosen)) {
        const before = sent
        sent = this.#send(batch, before)
        sent.catch(() => {})
        // Redis works on this batch while the next is made ready.
        await before
      }
    }
  }

  #next(): ReturnType<RemoteReplica['pushable']> {
    const next = this.#replica.pushable(this.positions, EVENTS_PER_PAGE)
    // Whoever waits for it hears of it; nobody may.
    next.catch(() => {})
    return next
  }

  /** Whether Redis lacks the event, and is to get it. */
  #choose({ origin, seq }: Event): boolean {
    if (seq <= (this.positions[origin] ?? 0)) return false
    this.positions[origin] = seq
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
    for (const [origin, seq] of Object.entries(await this.#primary.positions()))
      this.positions[origin] = Math.max(this.positions[origin] ?? 0, seq)
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
    if (present && present.length < MAX_EVENTS && characters + size <= MAX_CHARACTERS) {
      present.push(event)
      characters += size
    } else {
      all.push([event])
      characters = size
    }
  }
  return all
}
