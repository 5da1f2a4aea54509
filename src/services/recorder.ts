import { createHash, randomUUID } from 'node:crypto'
import { uuidv7 } from 'uuidv7'
import { storeUnavailable, XinyiError } from '../errors.ts'
import { localDate } from '../local-time.ts'
import type { Conversation, Durability } from '../model.ts'
import type { TopicRule } from '../vocabulary.ts'
import { fingerprintOf, type RecordInput, type RecordLimits, type ValidRecord, validRecord } from './input.ts'
import { Recent } from './recent.ts'
import { topicsIn } from './vocabulary.ts'
import type { LogWriter } from './writer.ts'

export interface Recorded {
  userId: string
  /** Null when it is not kept (older than the retention), or has to be read because it was recorded before. */
  conversation: Conversation | null
  conversationId: string
  alertId: string | null
  duplicate: boolean
  durability: Durability
}

export interface RecorderConfig extends RecordLimits {
  localTimeZone: string
  vocabulary: readonly TopicRule[]
}

/** Takes conversations: checks them, completes them, and has them logged once. */
export class Recorder {
  readonly #writer: LogWriter
  readonly #config: RecorderConfig
  readonly #clock: () => number
  readonly #defaultTimes = new DefaultTimes()

  constructor(writer: LogWriter, config: RecorderConfig, clock: () => number) {
    this.#writer = writer
    this.#config = config
    this.#clock = clock
  }

  async record(given: RecordInput): Promise<Recorded> {
    const now = this.#clock()
    const input = validRecord(given, this.#config, now)
    const user = input.userId ?? anonymousId(input, this.#config.localTimeZone, now)
    const content = {
      query: input.query,
      response: input.response,
      riskLevel: input.riskLevel,
      emotionScore: input.emotionScore,
      references: input.references,
      topics: input.topics ?? topicsIn(input.query, this.#config.vocabulary),
    }
    const submit = (acceptedAt: number, occurredAt: number) =>
      this.#writer.submit({
        id: input.idempotencyKey ?? uuidv7(),
        kind: 'recorded',
        user,
        acceptedAt,
        occurredAt,
        payload: { ...content, fingerprint: fingerprintOf(given), ...(given.raiseAlert && { raisesLate: true }), source: given.source },
      })

    let { event, outcome, durability } = await submit(now, input.occurredAt ?? this.#defaultTimes.next(user, now))
    if (outcome.type === 'dead') {
      const { erasedAt } = outcome
      if (input.occurredAt !== null && input.occurredAt <= erasedAt) throw erased(erasedAt)
      const after = Math.max(this.#clock(), erasedAt + 1)
      ;({ event, outcome, durability } = await submit(after, input.occurredAt ?? this.#defaultTimes.next(user, after)))
    }
    const { id, occurredAt } = event
    const recorded = { userId: user, conversationId: id, durability }
    switch (outcome.type) {
      case 'applied': {
        const conversation = outcome.kept ? { id, userId: user, occurredAt, ...content } : null
        return { ...recorded, conversation, alertId: outcome.alertId, duplicate: false }
      }
      case 'duplicate':
        return { ...recorded, conversation: null, alertId: outcome.alertId, duplicate: true }
      case 'conflict':
        throw new XinyiError(
          'CONFLICT',
          'This idempotencyKey was used before, with other content.',
          'A retry has to repeat every field as it was; another conversation needs a key of its own.',
          { field: 'idempotencyKey' },
        )
      case 'erased':
        // Erased between its journal and the log; a retry learns from when on the user can be recorded again.
        throw storeUnavailable()
      case 'dead':
        // Erased once more in the meantime.
        throw input.occurredAt === null ? storeUnavailable() : erased(outcome.erasedAt)
    }
  }
}

const erased = (erasedAt: number): XinyiError =>
  new XinyiError(
    'CONFLICT',
    `This user's data was erased at ${new Date(erasedAt).toISOString()}; what happened before is not recorded.`,
    'Leave it out; only what happened after the erasure can be recorded.',
    { field: 'occurredAt' },
  )

/** A fresh user for each anonymous conversation; with an idempotency key, the same one at every retry. */
function anonymousId({ idempotencyKey, occurredAt }: ValidRecord, timeZone: string, now: number): string {
  const date = (time: number) => localDate(time, timeZone).replaceAll('-', '')
  if (idempotencyKey === null) return `anon_${date(occurredAt ?? now)}_${randomUUID().replaceAll('-', '')}`
  const digits = createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 32)
  return `anon_${occurredAt === null ? '00000000' : date(occurredAt)}_${digits}`
}

const REMEMBERED_USERS = 10_000

/** Times of conversations that came without one: for each user at least 1 ms apart, so that their order is that of arrival. */
class DefaultTimes {
  readonly #last = new Recent<string, number>(REMEMBERED_USERS)

  next(user: string, now: number): number {
    const time = Math.max(now, (this.#last.get(user) ?? 0) + 1)
    this.#last.set(user, time)
    return time
  }
}
