import type { Client } from '../commands/client.ts'
import type { MigratedUserInput } from '../gql/graphql.ts'
import type { Quarantined } from './legacy.ts'
import type { Merged } from './merge.ts'
import { planOf } from './plan.ts'
import type { Quarantine } from './quarantine.ts'
import { sendAll } from './send.ts'
import { everybody, flawOf, type LegacyPerson, type Sources } from './users.ts'

export interface MigrationCounts {
  /** As found in the sources. */
  in: { users: number; conversations: number; emotions: number; chatsCounted: number; riskAlertsCounted: number }
  /** Of users and conversations that both sources had, one each. */
  merged: { users: number; conversations: number }
  /** Recorded, of which so many count but are not kept; known from an earlier run. */
  out: { users: number; recorded: number; beyondRetention: number; alreadyKnown: number }
  /** By reason. */
  quarantined: Record<string, number>
}

/** Users and conversations that travel together. */
const MAX_USERS = 100
const MAX_CONVERSATIONS = 500
const MAX_CHARACTERS = 2_000_000

/** Takes everybody over that one source, or two, hold. With no client it only reads. */
export class MigrationRun {
  readonly counts: MigrationCounts = {
    in: { users: 0, conversations: 0, emotions: 0, chatsCounted: 0, riskAlertsCounted: 0 },
    merged: { users: 0, conversations: 0 },
    out: { users: 0, recorded: 0, beyondRetention: 0, alreadyKnown: 0 },
    quarantined: {},
  }
  readonly #options: { client: Client | null; quarantine: Quarantine | null; onUser: (count: number) => void }
  #batch: MigratedUserInput[] = []
  #conversations = 0
  #characters = 0

  constructor(options: { client: Client | null; quarantine: Quarantine | null; onUser: (count: number) => void }) {
    this.#options = options
  }

  async run(sources: Sources): Promise<MigrationCounts> {
    const name = sources.flatMap((source) => source?.store ?? []).join('+')
    for (const source of sources) await this.#putAside((await source?.strays()) ?? [])
    for await (const person of everybody(sources)) {
      await this.#take(person, name)
      this.#options.onUser(this.counts.in.users)
    }
    await this.#flush()
    return this.counts
  }

  async #take({ user, both }: LegacyPerson, source: string): Promise<void> {
    await this.#setAside(user)
    if (flawOf(user.userId)) return
    this.#count(user, both)
    const plan = planOf(user, source)
    const characters = plan.conversations.reduce((sum, { query, response }) => sum + query.length + response.length, 1_000)
    if (
      this.#batch.length === MAX_USERS ||
      this.#conversations + plan.conversations.length > MAX_CONVERSATIONS ||
      this.#characters + characters > MAX_CHARACTERS
    )
      await this.#flush()
    this.#batch.push(plan)
    this.#conversations += plan.conversations.length
    this.#characters += characters
  }

  #count(user: Merged, both: boolean): void {
    const { in: found, merged } = this.counts
    found.users += 1
    found.conversations += user.turns.length
    found.emotions += user.points.length
    found.chatsCounted += user.totalChats
    found.riskAlertsCounted += user.totalRiskAlerts
    if (both) merged.users += 1
    merged.conversations += user.overlap
  }

  async #setAside({ userId, quarantined, ...rest }: Merged): Promise<void> {
    const flaw = flawOf(userId)
    const whole = { store: quarantined[0]?.store ?? 'sqlite', userId, where: 'user', record: JSON.stringify(rest) } as const
    await this.#putAside(flaw ? [...quarantined, { ...whole, reason: flaw }] : quarantined)
  }

  async #putAside(records: readonly Quarantined[]): Promise<void> {
    for (const { reason } of records) this.#tallyReason(reason)
    await this.#options.quarantine?.add(records)
  }

  #tallyReason(reason: string): void {
    this.counts.quarantined[reason] = (this.counts.quarantined[reason] ?? 0) + 1
  }

  async #flush(): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    this.#conversations = 0
    this.#characters = 0
    const { client, quarantine } = this.#options
    if (!client || batch.length === 0) return
    const { out } = this.counts
    for (const [user, taken] of await sendAll(client, batch)) {
      out.users += 1
      out.recorded += taken.recorded
      out.beyondRetention += taken.beyondRetention
      out.alreadyKnown += taken.alreadyKnown
      for (const { id, reason } of taken.refused) {
        this.#tallyReason('refused')
        const record = JSON.stringify(id === null ? { ...user, conversations: [] } : user.conversations.find((each) => each.id === id))
        await quarantine?.add([{ store: 'sqlite', userId: user.userId, where: id === null ? 'user' : 'conversation', reason, record }])
      }
    }
  }
}
