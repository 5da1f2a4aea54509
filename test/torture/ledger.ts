import { createHash } from 'node:crypto'
import { createWriteStream, type WriteStream } from 'node:fs'
import { globalId, parseGlobalId } from '../../src/graphql/ids.ts'

export const RISKS = ['UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'IMMINENT'] as const
export type Risk = (typeof RISKS)[number]
export const isRisky = (risk: Risk): boolean => RISKS.indexOf(risk) >= 2

/**
 * Who is written to, and how:
 * own: by one client, one request at a time, through all writers; cold: a few times early and never again;
 * shared: by every client at once; passing: at one instance only, and erased now and then; roaming: the same at all instances.
 * What one instance records after another one has erased the user may still fall to that erasure, if it reaches Redis later:
 * so of a roaming user nothing has to be there, but what came before the erasure must never come back.
 */
export type Population = 'own' | 'cold' | 'shared' | 'passing' | 'roaming'

const NOTHING: ReadonlySet<string> = new Set()

/** What is known of a user from the answers alone. */
export class UserLedger {
  readonly id: string
  readonly population: Population
  /** Acknowledged keys since the last acknowledged erasure. */
  readonly acked = new Map<string, Risk>()
  /** Keys of requests that got no answer, once or more: they may count, now or later. */
  readonly maybe = new Map<string, Risk>()
  /** The keys that each instance has acknowledged since the last acknowledged erasure, by its name. */
  readonly #ackedAt = new Map<string, Set<string>>()
  /** The instances at which it was ever cleared, or may have been. What others record can fall to that when it reaches Redis later. */
  readonly clearedAt = new Set<string>()
  /** Global id of the alert that it is known to have. */
  alertId: string | null = null
  /** What was noted about the alert -> whether that was acknowledged. */
  readonly notes = new Map<string, boolean>()
  /** An erasure got no answer: it may come yet. */
  unsure = false
  /** The last thing that was done to it is an acknowledged erasure. */
  erased = false

  constructor(id: string, population: Population) {
    this.id = id
    this.population = population
  }

  /** Only upper bounds hold. */
  get isLoose(): boolean {
    return this.unsure || this.population === 'roaming'
  }

  /** Whether what this instance records is there right afterwards. */
  keepsAt(instance: string): boolean {
    return [...this.clearedAt].every((name) => name === instance)
  }

  /** `instance`: which recorded it; null where that was another. */
  acknowledge(key: string, risk: Risk, instance: string | null): void {
    this.erased = false
    this.acked.set(key, risk)
    if (instance === null) return
    const here = this.#ackedAt.get(instance)
    if (here) here.add(key)
    else this.#ackedAt.set(instance, new Set([key]))
  }

  ackedAt(instance: string): ReadonlySet<string> {
    return this.#ackedAt.get(instance) ?? NOTHING
  }

  doubt(key: string, risk: Risk): void {
    this.erased = false
    this.maybe.set(key, risk)
  }

  erase(): void {
    this.acked.clear()
    this.#ackedAt.clear()
    this.erased = true
  }

  /** How often it may have been counted, at least and at most; with `of`: as far as its risk is one of these. */
  bounds(of?: (risk: Risk) => boolean): { least: number; most: number } {
    const acked = of ? [...this.acked.values()].filter(of).length : this.acked.size
    const more = [...this.maybe].filter(([key, risk]) => !this.acked.has(key) && (!of || of(risk))).length
    return { least: this.isLoose ? 0 : acked, most: acked + more }
  }

  conversationId(key: string): string {
    return globalId({ type: 'Conversation', userId: this.id, id: key })
  }
}

/** The id of the event that a conversation with this key brings about. */
export const eventId = (key: string, alertId: string, kind: string, ordinal: number): string =>
  createHash('sha1').update(`${key}\0${alertId}\0${kind}\0${ordinal}`).digest('hex')

/** Everything that was acknowledged, and everything that was seen to be wrong. */
export class Ledger {
  readonly users = new Map<string, UserLedger>()
  readonly violations: { kind: string; text: string }[] = []
  /** Counters of the report. */
  readonly counts = { acknowledged: 0, retried: 0, duplicates: 0, cleared: 0, erased: 0, acted: 0, conflicts: 0, readBack: 0, excused: 0 }
  /** By key: how often it was sent, be it to one instance or to several. */
  readonly #sent = new Map<string, number>()
  /** By the id of an alert event: the key of the conversation that brought it about. */
  readonly #keys = new Map<string, string>()
  /** The log was trimmed by hand, so that cursors may honestly have expired. */
  trimmed = false
  readonly #began = performance.now()
  readonly #trace: WriteStream

  /** The file gets a line for each request and each fault. */
  constructor(traceFile: string) {
    this.#trace = createWriteStream(traceFile)
  }

  trace(text: string): void {
    this.#trace.write(`${new Date().toISOString()} ${text}\n`)
  }

  sent(key: string): void {
    this.#sent.set(key, (this.#sent.get(key) ?? 0) + 1)
  }

  /** A conversation belongs to an alert (a global id). */
  told(key: string, alertId: string): void {
    const { id } = parseGlobalId(alertId, 'id')
    for (const kind of ['RAISED', 'OCCURRED', 'LEVEL_RAISED', 'REOPENED'])
      for (const ordinal of [0, 1, 2]) this.#keys.set(eventId(key, id, kind, ordinal), key)
  }

  /** Whether an alert event comes from a conversation that may have been recorded more than once, each time by an event of its own. */
  isOfSeveral(id: string): boolean {
    return (this.#sent.get(this.#keys.get(id) ?? '') ?? 0) > 1
  }

  add(id: string, population: Population): UserLedger {
    const user = new UserLedger(id, population)
    this.users.set(id, user)
    return user
  }

  /** `kind` counts in the report; the text is printed, with the time since the start that the logs can be searched by. */
  violated(kind: string, text: string): void {
    const at = ((performance.now() - this.#began) / 1000).toFixed(3)
    this.trace(`VIOLATED ${kind}: ${text}`)
    this.violations.push({ kind, text: `${new Date().toISOString()} (${at} s) ${text}` })
  }
}
