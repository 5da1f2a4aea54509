import type { Client } from '../commands/client.ts'
import type { MigratedUserInput } from '../gql/graphql.ts'
import type { Quarantined } from './legacy.ts'
import type { Merged } from './merge.ts'
import { plansOf } from './plan.ts'
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
/** While so many batches are taken over, the next is read. */
const UNDER_WAY = 2

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
  readonly #underWay = new Set<Promise<void>>()
  /** Parts of users of whom a first part travels, too. */
  readonly #further = new WeakSet<MigratedUserInput>()

  constructor(options: { client: Client | null; quarantine: Quarantine | null; onUser: (count: number) => void }) {
    this.#options = options
  }

  async run(sources: Sources): Promise<MigrationCounts> {
    const name = sources.flatMap((source) => source?.store ?? []).join('+')
    for (const source of sources) if (source) for await (const records of source.strays()) await this.#putAside(records)
    for await (const person of everybody(sources)) {
      await this.#take(person, name)
      this.#options.onUser(this.counts.in.users)
    }
    this.#flush()
    await Promise.all(this.#underWay)
    return this.counts
  }

  async #take({ user, both }: LegacyPerson, source: string): Promise<void> {
    await this.#setAside(user)
    if (flawOf(user.userId)) return
    this.#count(user, both)
    for (const [i, plan] of plansOf(user, source).entries()) {
      if (i > 0) this.#further.add(plan)
      const characters = plan.conversations.reduce((sum, { query, response }) => sum + query.length + response.length, 1_000)
      if (
        this.#batch.length === MAX_USERS ||
        this.#conversations + plan.conversations.length > MAX_CONVERSATIONS ||
        this.#characters + characters > MAX_CHARACTERS
      ) {
        this.#flush()
        if (this.#underWay.size >= UNDER_WAY) await Promise.race(this.#underWay)
      }
      this.#batch.push(plan)
      this.#conversations += plan.conversations.length
      this.#characters += characters
    }
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

  async #setAside({ userId, quarantined, beyond, ...rest }: Merged): Promise<void> {
    await this.#putAside(quarantined)
    for await (const records of beyond()) await this.#putAside(records)
    const reason = flawOf(userId)
    if (reason)
      await this.#putAside([{ store: quarantined[0]?.store ?? 'sqlite', userId, where: 'user', reason, record: JSON.stringify(rest) }])
  }

  async #putAside(records: readonly Quarantined[]): Promise<void> {
    for (const { reason } of records) this.#tallyReason(reason)
    await this.#options.quarantine?.add(records)
  }

  #tallyReason(reason: string): void {
    this.counts.quarantined[reason] = (this.counts.quarantined[reason] ?? 0) + 1
  }

  #flush(): void {
    const batch = this.#batch
    this.#batch = []
    this.#conversations = 0
    this.#characters = 0
    const { client } = this.#options
    if (!client || batch.length === 0) return
    // One that failed stays, for whoever waits next to hear of it.
    const sending: Promise<void> = this.#send(client, batch).then(() => void this.#underWay.delete(sending))
    sending.catch(() => {})
    this.#underWay.add(sending)
  }

  async #send(client: Client, batch: readonly MigratedUserInput[]): Promise<void> {
    const { out } = this.counts
    for (const [user, taken] of await sendAll(client, batch)) {
      if (!this.#further.has(user)) out.users += 1
      out.recorded += taken.recorded
      out.beyondRetention += taken.beyondRetention
      out.alreadyKnown += taken.alreadyKnown
      for (const { id, reason } of taken.refused) {
        this.#tallyReason('refused')
        const record = JSON.stringify(id === null ? { ...user, conversations: [] } : user.conversations.find((each) => each.id === id))
        const where = id === null ? 'user' : 'conversation'
        await this.#options.quarantine?.add([{ store: 'sqlite', userId: user.userId, where, reason, record }])
      }
    }
  }
}
