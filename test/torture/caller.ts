import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import type { Random } from '../../src/demo/random.ts'
import type { AlertWatch } from './alerts.ts'
import { GraphQLClient, type Outcome } from './graphql.ts'
import type { Instance } from './instance.ts'
import { isRisky, type UserLedger } from './ledger.ts'
import {
  ACKNOWLEDGE,
  CLEAR,
  CONTEXT,
  ContextData,
  ERASE,
  NOTE,
  RECORD,
  RECORD_MANY,
  RecordData,
  type Recorded,
  RecordManyData,
} from './operations.ts'
import type { Input } from './payload.ts'
import type { World } from './world.ts'

type Answer = Extract<Outcome, { type: 'answer' }>

interface Asked {
  answer: Answer | null
  unknown: boolean
  /** By performance.now(). */
  sentAt: number
}

const ATTEMPTS = 6
/** A batch gives its conversations consecutive milliseconds: all of them, and so many more, may be ahead of one that another instance takes right after it. */
export const MARGIN = 5

/** Sends one request at a time, tries again like a sensible caller, notes what was acknowledged, and checks each answer against that. */
export class Caller {
  readonly #world: World
  readonly #random: Random
  readonly #clients: ReadonlyMap<Instance, GraphQLClient>
  readonly #watches: ReadonlyMap<string, AlertWatch>

  constructor(world: World, random: Random, watches: ReadonlyMap<string, AlertWatch>) {
    this.#world = world
    this.#random = random
    this.#watches = watches
    this.#clients = new Map(world.instances.map((instance) => [instance, new GraphQLClient(() => instance.url)]))
  }

  close(): void {
    for (const client of this.#clients.values()) client.close()
  }

  /** Records it, with further attempts under the same key until one is acknowledged; now and then once more after that. */
  async record(user: UserLedger, input: Input, at: Instance): Promise<void> {
    let instance = at
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if (attempt > 1) this.#world.ledger.counts.retried += 1
      if (await this.#recordOnce(user, input, instance)) break
      await sleep(this.#random.integer(10, 200))
      instance = this.#elsewhere(user, instance)
    }
    if (!user.acked.has(input.idempotencyKey) || !this.#random.chance(0.08)) return
    this.#world.ledger.counts.retried += 1
    await this.#recordOnce(user, input, this.#elsewhere(user, instance))
  }

  async recordMany(items: readonly { user: UserLedger; input: Input }[], at: Instance): Promise<void> {
    for (const { input } of items) this.#world.ledger.sent(input.idempotencyKey)
    const { answer, unknown, sentAt } = await this.#ask(at, 'record many', RECORD_MANY, { input: items.map(({ input }) => input) })
    const recorded = answer && this.#parsed(RecordManyData, answer, at)?.recordConversations
    const failed: (typeof items)[number][] = []
    // Each answer shows its user as after the whole batch: every key may be counted in it.
    for (const { user, input } of items) user.doubt(input.idempotencyKey, input.riskLevel)
    for (const [i, { user, input }] of items.entries()) {
      const each = recorded?.[i]
      if (each) this.#note(user, input, each, { at, sentAt })
      else failed.push({ user, input })
      if (each || !unknown) user.maybe.delete(input.idempotencyKey)
    }
    for (const { user, input } of failed) await this.record(user, input, this.#elsewhere(user, at))
  }

  async clear(user: UserLedger, at: Instance): Promise<void> {
    const known = user.ackedAt(at.name).size > 0
    user.clearedAt.add(at.name)
    const { answer } = await this.#ask(at, 'clear', CLEAR, { userId: user.id }, known ? [] : ['NOT_FOUND'])
    if (!answer || answer.errors.length > 0) return
    this.#world.ledger.counts.cleared += 1
    const seen = await this.#context(user, at)
    // What another instance has accepted meanwhile may still arrive.
    const gone = new Set([...user.ackedAt(at.name)].map((key) => user.conversationId(key)))
    if (seen?.data.user?.context.conversations.some(({ id }) => gone.has(id)) && user.maybe.size === 0)
      this.#violated('read-your-writes', at, `${user.id} still has conversations right after clearHistory (${seen.served})`)
  }

  async erase(user: UserLedger, at: Instance): Promise<void> {
    const { answer, unknown } = await this.#ask(at, 'erase', ERASE, { userId: user.id })
    if (unknown) user.unsure = true
    if (!answer) return
    user.erase()
    this.#world.ledger.counts.erased += 1
    const seen = await this.#context(user, at)
    if (seen?.data.user && user.maybe.size === 0)
      this.#violated('read-your-writes', at, `${user.id} is there right after eraseUser (${seen.served})`)
  }

  /** Acts upon the alert of somebody who is never erased: what is said with it has to stay, be it carried out or not. */
  async act(user: UserLedger, at: Instance, note: string): Promise<void> {
    if (user.population !== 'own' || user.alertId === null) return
    const acknowledges = this.#random.chance(0.5)
    const input = { alertId: user.alertId, note }
    // An instance that is cut off need not know of the alert yet.
    const { answer, unknown } = await this.#ask(at, 'act', acknowledges ? ACKNOWLEDGE : NOTE, { input, userId: user.id }, [
      'NOT_FOUND',
      'CONFLICT',
    ])
    const isDone = answer !== null && answer.errors.length === 0
    if (isDone) this.#world.ledger.counts.acted += 1
    if (isDone || unknown) user.notes.set(note, isDone)
  }

  /** The same key with other content is refused where it was acknowledged. */
  async conflict(user: UserLedger, at: Instance): Promise<void> {
    if (user.population !== 'own' || user.maybe.size > 0) return
    const [key] = [...user.ackedAt(at.name)].slice(-1)
    if (!key) return
    const input = { userId: user.id, query: 'another one', response: '', idempotencyKey: key }
    const { answer } = await this.#ask(at, 'conflict', RECORD, { input }, ['CONFLICT'])
    if (!answer) return
    this.#world.ledger.counts.conflicts += 1
    if (answer.errors.length === 0) this.#violated('wrong answer', at, `${user.id} ${key}: other content under a known key is no CONFLICT`)
  }

  /** What this instance has acknowledged, it shows. With `key`: that one too, as one of the newest. */
  async readBack(user: UserLedger, at: Instance, key?: string): Promise<void> {
    const least = user.ackedAt(at.name).size
    const seen = await this.#context(user, at)
    if (!seen || user.isLoose) return
    this.#world.ledger.counts.readBack += 1
    const total = seen.data.user?.totalChats ?? 0
    const told = `${user.id} at ${at.name} (${seen.served})`
    if (total < least) this.#violated('read-your-writes', at, `${told}: totalChats ${total}, but ${least} were acknowledged here`)
    this.#checkMost(user, at, total)
    const id = key === undefined || !user.keepsAt(at.name) ? undefined : user.conversationId(key)
    if (id !== undefined && !seen.data.user?.context.conversations.some((each) => each.id === id))
      this.#violated('read-your-writes', at, `${told}: ${key} was acknowledged just before and is not in the context`)
  }

  async #recordOnce(user: UserLedger, input: Input, at: Instance): Promise<boolean> {
    this.#world.ledger.sent(input.idempotencyKey)
    // The erasure of another instance can arrive between the recording and the reading of its user.
    const { answer, unknown, sentAt } = await this.#ask(at, 'record', RECORD, { input }, user.population === 'roaming' ? ['NOT_FOUND'] : [])
    const recorded = answer && this.#parsed(RecordData, answer, at)?.recordConversation
    if (!recorded) {
      if (unknown) user.doubt(input.idempotencyKey, input.riskLevel)
      return false
    }
    this.#note(user, input, recorded, { at, sentAt })
    if (user.population !== 'shared' && this.#random.chance(0.4))
      await this.readBack(user, at, input.occurredAt || recorded.duplicate ? undefined : input.idempotencyKey)
    return true
  }

  #note(user: UserLedger, input: Input, recorded: Recorded, { at, sentAt }: { at: Instance; sentAt: number }): void {
    const { ledger } = this.#world
    const { duplicate, conversation, user: shown, alert } = recorded
    const key = input.idempotencyKey
    const told = `${user.id} ${key}`
    const ackedHere = user.ackedAt(at.name).has(key)
    const isNew = !user.acked.has(key)
    if (duplicate) ledger.counts.duplicates += 1
    if (duplicate && isNew && !user.maybe.has(key) && !user.isLoose)
      this.#violated('wrong answer', at, `${told}: duplicate at the first attempt`)
    if (!duplicate && ackedHere && !user.isLoose) this.#violated('doubled', at, `${told}: recorded anew, though acknowledged here before`)
    if (isNew) ledger.counts.acknowledged += 1
    // A duplicate of what another instance recorded can be missing here while Redis is away, as that can itself.
    user.acknowledge(key, input.riskLevel, duplicate ? null : at.name)
    if (alert) ledger.told(key, alert.id)
    if (user.isLoose) return
    const least = user.ackedAt(at.name).size
    if (user.population !== 'shared' && shown.totalChats < least)
      this.#violated('read-your-writes', at, `${told}: answered totalChats ${shown.totalChats}, but ${least} were acknowledged here`)
    this.#checkMost(user, at, shown.totalChats)
    if (!duplicate && !input.occurredAt && user.keepsAt(at.name) && conversation?.id !== user.conversationId(key))
      this.#violated('wrong answer', at, `${told}: the answer holds ${conversation ? 'another' : 'no'} conversation`)
    if (!isRisky(input.riskLevel)) return
    if (!alert) this.#violated('wrong answer', at, `${told}: risky, and without alert`)
    else user.alertId = alert.id
    // Of somebody who may be erased the next moment nothing need be told.
    if (!alert) return
    if (!duplicate && (user.population === 'own' || user.population === 'shared')) this.#watches.get(at.name)?.expect(alert.id, key, sentAt)
  }

  #checkMost(user: UserLedger, at: Instance, total: number): void {
    // Of a shared user others may be acknowledged while this answer travels; of an erased one an instance that is cut off knows more.
    if (!['own', 'cold'].includes(user.population)) return
    const { most } = user.bounds()
    if (total > most) this.#violated('doubled', at, `${user.id} at ${at.name}: totalChats ${total}, at most ${most} were ever sent`)
  }

  async #context(user: UserLedger, at: Instance) {
    const { answer } = await this.#ask(at, 'read', CONTEXT, { userId: user.id, turns: this.#world.batch + MARGIN })
    const data = answer && this.#parsed(ContextData, answer, at)
    return data && { data, served: answer.served }
  }

  /** Without an answer (a violation unless the instance was down or frozen) it may be `unknown` whether the request was carried out. */
  async #ask(
    at: Instance,
    name: string,
    query: string,
    variables: Record<string, unknown>,
    expected: readonly string[] = [],
  ): Promise<Asked> {
    const client = this.#clients.get(at)
    if (!client) throw new Error(`No client of ${at.name}`)
    const sentAt = performance.now()
    const outcome = await client.ask(query, variables)
    const disturbed = at.wasDisturbed(sentAt, performance.now())
    const { ledger, latencies } = this.#world
    const failures =
      outcome.type === 'answer' ? outcome.errors.map(({ code }) => code).filter((code) => !expected.includes(code)) : [outcome.reason]
    ledger.trace(traceOf(at, name, variables, outcome))
    if (failures.length > 0) {
      if (disturbed) ledger.counts.excused += 1
      else this.#violated('failed', at, `${name} failed after ${Math.round(outcome.ms)} ms: ${[...new Set(failures)].join(', ')}`)
    }
    if (outcome.type === 'none') return { answer: null, unknown: outcome.sent, sentAt }
    if (!disturbed) latencies.add(`${name} ${outcome.served ?? '-'}`, outcome.ms)
    // A batch answers for each item by itself.
    const usable = failures.length === 0 || query === RECORD_MANY
    return { answer: usable ? outcome : null, unknown: outcome.errors.length > 0, sentAt }
  }

  #parsed<T>(schema: z.ZodType<T>, { data, errors }: Answer, at: Instance): T | null {
    const parsed = schema.safeParse(data)
    if (parsed.success) return parsed.data
    if (errors.length === 0) this.#violated('wrong answer', at, z.prettifyError(parsed.error).slice(0, 300))
    return null
  }

  #violated(kind: string, at: Instance, text: string): void {
    this.#world.ledger.violated(kind, `${at.name}: ${text}`)
  }

  /** Where to try again: at the same instance, or at another one where the user may go there. */
  #elsewhere(user: UserLedger, instance: Instance): Instance {
    if (user.population === 'passing' || this.#random.chance(0.5)) return instance
    const { instances } = this.#world
    return instances[this.#random.integer(0, instances.length - 1)] ?? instance
  }
}

function traceOf({ name: instance }: Instance, name: string, { input, userId }: Record<string, unknown>, outcome: Outcome): string {
  const Input = z.object({ userId: z.string(), idempotencyKey: z.string() }).transform((each) => `${each.userId} ${each.idempotencyKey}`)
  const what =
    typeof userId === 'string'
      ? userId
      : z
          .union([Input, z.array(Input)])
          .parse(input)
          .toString()
  const answer =
    outcome.type === 'none'
      ? outcome.reason
      : `${outcome.served} ${JSON.stringify(outcome.errors.length > 0 ? outcome.errors : outcome.data)}`
  return `${instance} ${name} ${what} (${Math.round(outcome.ms)} ms): ${answer.slice(0, 500)}`
}
