import { uuidv7 } from 'uuidv7'
import { badInput, storeUnavailable, XinyiError } from '../errors.ts'
import type { Durability, EmotionPoint, RiskLevel } from '../model.ts'
import type { Recorder } from './recorder.ts'
import { checkText, checkUserId } from './text.ts'
import type { LogWriter } from './writer.ts'

export interface MigratedConversation {
  /** The same at every run: a conversation that is known under it is not recorded again. */
  id: string
  occurredAt: number
  query: string
  response: string
  riskLevel: RiskLevel
  emotionScore?: number | null | undefined
  references: number
}

/** A user of another system, as they are to be taken over. */
export interface MigratedUser {
  userId: string
  /** Names the system: its latest counters hold, and count what was taken over from it one by one. */
  source: string
  createdAt?: number | null | undefined
  lastActiveAt?: number | null | undefined
  totalChats: number
  totalRiskAlerts: number
  topics: readonly string[]
  points: readonly Omit<EmotionPoint, 'userId'>[]
  conversations: readonly MigratedConversation[]
}

export interface Refused {
  /** Of a conversation; null for the rest of the user. */
  id: string | null
  reason: string
}

/** What became of a user. */
export interface Migrated {
  recorded: number
  /** Of these, those that count but are not kept. */
  beyondRetention: number
  alreadyKnown: number
  refused: Refused[]
  durability: Durability
}

const SOURCE = /^[a-z0-9.+-]{1,64}$/
const MAX_PARTS = 1_000

/** Takes users over from another system: what is taken twice counts once. */
export class Migration {
  readonly #recorder: Recorder
  readonly #writer: LogWriter
  readonly #clock: () => number

  constructor(recorder: Recorder, writer: LogWriter, clock: () => number) {
    this.#recorder = recorder
    this.#writer = writer
    this.#clock = clock
  }

  /** STORE_UNAVAILABLE leaves open how much was taken over: to be tried again. What can't be taken over is refused, with a reason. */
  async take(user: MigratedUser): Promise<Migrated> {
    check(user)
    const { userId, source, conversations } = user
    const migrated: Migrated = { recorded: 0, beyondRetention: 0, alreadyKnown: 0, refused: [], durability: 'BOTH' }
    const records = conversations.map(({ id, ...said }) => this.#recorder.record({ ...said, userId, source, idempotencyKey: id }))
    // They travel together: in which order they are applied makes no difference.
    const [recordings, [adoption]] = await Promise.all([Promise.allSettled(records), Promise.allSettled([this.#adopt(user)])])
    for (const [i, record] of recordings.entries()) {
      if (record.status === 'rejected') migrated.refused.push({ id: conversations[i]?.id ?? null, reason: reasonOf(record.reason) })
      else {
        const { duplicate, conversation, durability } = record.value
        if (durability === 'JOURNAL') migrated.durability = durability
        if (duplicate) migrated.alreadyKnown += 1
        else migrated.recorded += 1
        if (!duplicate && !conversation) migrated.beyondRetention += 1
      }
    }
    if (adoption.status === 'rejected') throw adoption.reason
    const { refused, durability } = adoption.value
    if (refused) migrated.refused.push(refused)
    if (durability === 'JOURNAL') migrated.durability = durability
    return migrated
  }

  async #adopt({
    userId,
    conversations: _,
    createdAt = null,
    lastActiveAt = null,
    ...had
  }: MigratedUser): Promise<{ refused: Refused | null; durability: Durability }> {
    const acceptedAt = this.#clock()
    const times = [acceptedAt, createdAt, lastActiveAt, ...had.points.map((point) => point.occurredAt)]
    const { outcome, durability } = await this.#writer.submit({
      id: uuidv7(),
      kind: 'adopted',
      user: userId,
      acceptedAt,
      // Nothing of it may be from before an erasure.
      occurredAt: Math.min(...times.filter((time) => time !== null)),
      payload: { ...had, createdAt, lastActiveAt },
    })
    if (outcome.type === 'dead') return { refused: { id: null, reason: erased(outcome.erasedAt) }, durability }
    if (outcome.type !== 'applied') throw storeUnavailable(new Error(`the store answered ${outcome.type} to what a user had elsewhere`))
    return { refused: null, durability }
  }
}

function check({ userId, source, totalChats, totalRiskAlerts, topics, points }: MigratedUser): void {
  checkUserId(userId)
  if (userId === 'anonymous') throw badInput('anonymous is nobody in particular.', 'Leave it out: everybody unnamed shared it.', 'userId')
  if (!SOURCE.test(source))
    throw badInput('source is no name of a system.', 'Give 1 to 64 of the characters a-z, 0-9, ".", "+" and "-".', 'source')
  for (const [field, count] of Object.entries({ totalChats, totalRiskAlerts }))
    if (count < 0) throw badInput(`${field} is ${count}.`, 'Give a whole number from 0 on.', field)
  for (const [i, topic] of topics.entries()) checkText(`topics[${i}]`, topic, { max: 64 })
  for (const [i, { id }] of points.entries()) checkText(`emotions[${i}].id`, id, { max: 512 })
  if (topics.length > MAX_PARTS || points.length > MAX_PARTS)
    throw badInput(`topics or emotions has more than ${MAX_PARTS}.`, `Give at most ${MAX_PARTS} of each.`)
}

const erased = (at: number): string =>
  `This user's data was erased at ${new Date(at).toISOString()}; what happened before is not taken over.`

/** Of what can't be taken over; whatever else went wrong is thrown on. */
function reasonOf(error: unknown): string {
  if (error instanceof XinyiError && (error.code === 'BAD_USER_INPUT' || error.code === 'CONFLICT')) return error.message
  throw error
}
