import { isDeepStrictEqual } from 'node:util'
import {
  type AlertEvent,
  type Attention,
  attentionOf,
  type Conversation,
  DAY_MS,
  type EmotionPoint,
  isRisky,
  type Limits,
  type RiskLevel,
  type UserTopic,
} from '../../src/model.ts'
import { isKept, toldBy } from '../../src/store/events.ts'
import { adoptedTopic, compareBytes, compareKeys, type Keep, keepOf, type Policy } from '../../src/store/rules.ts'
import type {
  Answers,
  Appended,
  Event,
  Joined,
  Key,
  LogEntry,
  LogPage,
  Outcome,
  Place,
  Reading,
  ReadRequest,
  Removed,
  Store,
  ToldEntry,
  View,
} from '../../src/store/store.ts'
import { AlertBook, type Held, sha1 } from './model.alerts.ts'
import { answer } from './model.reads.ts'

export interface Person {
  rev: number
  createdAt: number
  lastActiveAt: number | null
  totalChats: number
  totalRiskAlerts: number
  accepted: number
  strippedAt: number | null
  trendDay: number | null
  counselor: string | null
  /** Of other systems: what they had counted, and what was taken over one by one. */
  sources: Map<string, { totalChats: number; totalRiskAlerts: number; imported: { riskLevel: RiskLevel }[] }>
  /** Alerts ever. */
  raised: number
  /** Oldest first; so are emotions and last3. */
  conversations: Conversation[]
  emotions: EmotionPoint[]
  last3: EmotionPoint[]
  topics: Map<string, UserTopic>
  seen: Map<string, { acceptedAt: number; fingerprint: string; alertId: string | null }>
  alerts: Held[]
}

type Judged = Extract<Outcome, { n: number }>
type Recorded = Extract<Event, { kind: 'recorded' }>
type Item = { occurredAt: number; id: string }

const keyOf = (item: Item): Key => [item.occurredAt, item.id]
const inOrder = <T extends Item>(items: readonly T[]): T[] => [...items].sort((a, b) => compareKeys(keyOf(a), keyOf(b)))
const attentionIn = ({ last3 }: Person): Attention => attentionOf(last3.map(({ riskLevel }) => riskLevel))
const keep = <T extends Item>(items: readonly T[], { cap, floor }: Keep): T[] => {
  const fresh = items.filter((item) => item.occurredAt >= floor)
  return fresh.slice(Math.max(0, fresh.length - cap))
}
/** The state machine of docs/architecture.md, eager and simple, against which the stores are compared. */
export class Model implements Pick<Store, 'append' | 'read' | 'policy' | 'staff' | 'log'> {
  readonly people = new Map<string, Person>()
  readonly #positions = new Map<string, number>()
  readonly #policies: Policy[] = []
  readonly #staff = new Map<string, Joined>()
  readonly #tombstones = new Map<string, number>()
  readonly #expiries = new Map<string, number>()
  readonly #log: LogEntry[] = []

  async append(events: readonly Event[]): Promise<Appended> {
    return { outcomes: events.map((event) => this.#append(event)), durability: 'JOURNAL' }
  }

  async policy(): Promise<Limits | null> {
    return this.#policies.at(-1)?.limits ?? null
  }

  async staff(): Promise<Joined[]> {
    return [...this.#staff.values()]
  }

  async told(after: Place, limit: number): Promise<LogPage<ToldEntry>> {
    const { epoch, entries } = await this.log(after, limit)
    return { epoch, entries: entries.map(toldBy) }
  }

  async log({ n }: Place, limit: number): Promise<LogPage<LogEntry>> {
    return { epoch: 'model', entries: this.#log.slice(n, n + limit) }
  }

  async status(): Promise<{ epoch: string }> {
    return { epoch: 'model' }
  }

  async read<const R extends readonly ReadRequest[]>(requests: R, now: number, view?: View): Promise<Reading<R>> {
    return { answers: requests.map((request) => answer(this, request, now, view)) as Answers<R>, served: 'SQLITE' }
  }

  /** The users whose own expiry is due. */
  due(now: number): { userId: string; deadline: number }[] {
    return [...this.people].flatMap(([userId, person]) => {
      const deadline = this.#deadline(person)
      return deadline === null || deadline > now || (person.strippedAt ?? -1) >= deadline ? [] : [{ userId, deadline }]
    })
  }

  /** What is visible of a person's lists. */
  lists(person: Person, now: number): { conversations: Conversation[]; emotions: EmotionPoint[] } {
    const kept = keepOf(this.#policies, person.rev, now)
    return { conversations: keep(person.conversations, kept.conversations), emotions: keep(person.emotions, kept.emotions) }
  }

  #deadline(person: Person): number | null {
    const days = this.#limits?.profileDays
    return days ? (person.lastActiveAt ?? person.createdAt) + days * DAY_MS : null
  }

  get #limits(): Limits | undefined {
    return this.#policies.at(-1)?.limits
  }

  #append(event: Event): Outcome {
    const position = this.#positions.get(event.origin) ?? 0
    if (event.seq <= position) return { type: 'known', position }
    if (event.seq > position + 1) return { type: 'gap', position }
    this.#positions.set(event.origin, event.seq)
    const n = this.#log.length + 1
    const told: AlertEvent[] = []
    const outcome = this.#apply(event, n, told)
    const { origin, seq } = event
    this.#log.push({
      ...{ n, origin, seq, chain: sha1(this.#log.at(-1)?.chain ?? '', origin, seq), settled: true },
      event: isKept(outcome.type, event.kind) ? asTold(event, this.#tombstones.get(event.user)) : null,
      outcome: outcome.type,
      alertEvents: told,
      formerly: isKept(outcome.type, event.kind) ? event.formerly : undefined,
    })
    return outcome
  }

  #apply(event: Event, n: number, told: AlertEvent[]): Judged {
    const { user, acceptedAt } = event
    const applied = (removed: Removed | null): Judged => ({ type: 'applied', n, kept: false, alertId: null, removed })
    if (event.kind === 'void') return { type: 'erased', n }
    if (event.kind === 'policy') {
      const { limits } = event.payload
      if (!this.#policies.some((policy) => policy.at === acceptedAt && isDeepStrictEqual(policy.limits, limits)))
        this.#policies.push({ n, at: acceptedAt, limits })
      return applied(null)
    }
    if (event.kind === 'joined') {
      const { sub } = event.payload
      if (acceptedAt >= (this.#staff.get(sub)?.at ?? 0)) this.#staff.set(sub, { at: acceptedAt, ...event.payload })
      return applied(null)
    }
    const known = this.people.get(user)
    if (event.kind === 'erased') {
      this.#tombstones.set(user, Math.max(acceptedAt, known?.accepted ?? 0, (this.#tombstones.get(user) ?? -1) + 1))
      this.#forget(user)
      const removed = this.#remove(known, acceptedAt, true)
      this.people.delete(user)
      return applied(removed)
    }
    const erasedAt = this.#tombstones.get(user)
    if (erasedAt !== undefined && Math.min(acceptedAt, event.occurredAt) <= erasedAt) return { type: 'dead', n, erasedAt }
    if (event.kind === 'recorded') return this.#record(event, n, told)
    if (event.kind === 'adopted') return this.#adopt(event, n)
    if (!known) return { type: 'conflict', n }
    if (event.kind === 'acted' || event.kind === 'assigned') return this.#act(event, known, n, told)
    if (event.kind === 'cleared') {
      const removed = this.#remove(known, acceptedAt, false)
      known.last3 = []
      for (const each of known.alerts) each.alert = { ...each.alert, trigger: null }
      this.#touch(known, n, acceptedAt)
      return applied(removed)
    }
    const deadline = this.#deadline(known)
    if (deadline === null || deadline > acceptedAt || (known.strippedAt ?? -1) >= acceptedAt) return { type: 'conflict', n }
    const removed = this.#remove(known, acceptedAt, false)
    known.strippedAt = acceptedAt
    this.#touch(known, n, acceptedAt)
    if (known.alerts.length === 0) {
      this.people.delete(user)
      this.#expiries.set(user, Math.max(acceptedAt, this.#expiries.get(user) ?? 0))
      this.#forget(user)
    }
    return applied(removed)
  }

  #record(event: Recorded, n: number, told: AlertEvent[]): Judged {
    const { id, user, acceptedAt, occurredAt, payload } = event
    const { riskLevel } = payload
    const person = this.people.get(user) ?? newcomer(event, n)
    const memory = this.#remembered(person, event)
    if (memory && memory.fingerprint !== payload.fingerprint) return { type: 'conflict', n }
    if (memory) return this.#again(person, event, n, memory)
    this.people.set(user, person)
    this.#meetPolicies(person, acceptedAt)
    this.#touch(person, n, acceptedAt)
    person.createdAt = Math.min(person.createdAt, occurredAt)
    person.lastActiveAt = Math.max(person.lastActiveAt ?? 0, occurredAt)
    this.#count(person, payload.source, (source) => source?.imported.push({ riskLevel }))
    if (payload.source === undefined) {
      person.totalChats += 1
      if (isRisky(riskLevel)) person.totalRiskAlerts += 1
    }

    const { fingerprint: _, raisesLate: __, source: ___, countsOnly, emotionScore, ...said } = payload
    const conversation = { id, userId: user, occurredAt, ...said, emotionScore: clean(emotionScore) }
    const point = { id, userId: user, occurredAt, score: clean(emotionScore), riskLevel }
    const limits = this.#limits
    const insert = <T extends Item>(list: readonly T[], item: T, cap = 0, days = 0): T[] =>
      countsOnly || (days && occurredAt < acceptedAt - days * DAY_MS) ? [...list] : inOrder([...list, item]).slice(cap ? -cap : 0)
    person.conversations = insert(person.conversations, conversation, limits?.conversations, limits?.conversationsDays)
    person.emotions = insert(person.emotions, point, limits?.emotions, limits?.emotionsDays)
    const before = attentionIn(person)
    person.last3 = insert(person.last3, point, 3)
    for (const name of countsOnly ? [] : payload.topics) this.#addTopic(person, name, occurredAt)
    const alertId = this.#sign(person, event, before, told)
    person.seen.set(id, { acceptedAt, fingerprint: payload.fingerprint, alertId })
    return { type: 'applied', n, kept: person.conversations.includes(conversation), alertId, removed: null }
  }

  /** Counts a person's sources anew, once something of one has changed. */
  #count(
    person: Person,
    name: string | undefined,
    change: (source: Person['sources'] extends Map<string, infer S> ? S : never) => void,
  ): void {
    if (name === undefined) return
    const sum = () =>
      [...person.sources.values()]
        .map(({ totalChats, totalRiskAlerts, imported }) => {
          const risky = imported.filter(({ riskLevel }) => isRisky(riskLevel)).length
          return [Math.max(totalChats, imported.length), Math.max(totalRiskAlerts, risky)] as const
        })
        .reduce(([chats, risks], [c, r]) => [chats + c, risks + r], [0, 0])
    const [chats, risks] = sum()
    const source = person.sources.get(name) ?? { totalChats: 0, totalRiskAlerts: 0, imported: [] }
    person.sources.set(name, source)
    change(source)
    const [chatsNow, risksNow] = sum()
    person.totalChats += chatsNow - chats
    person.totalRiskAlerts += risksNow - risks
  }

  /** What another system had of somebody. */
  #adopt(event: Extract<Event, { kind: 'adopted' }>, n: number): Judged {
    const { id, user, acceptedAt, occurredAt, payload } = event
    const { source, totalChats, totalRiskAlerts, lastActiveAt, createdAt } = payload
    const person = this.people.get(user) ?? { ...newcomer(event, n), createdAt: createdAt ?? occurredAt }
    const memory = this.#remembered(person, event)
    if (memory) return this.#again(person, event, n, memory)
    this.people.set(user, person)
    this.#meetPolicies(person, acceptedAt)
    this.#touch(person, n, acceptedAt)
    person.createdAt = Math.min(person.createdAt, createdAt ?? occurredAt)
    if (lastActiveAt !== null) person.lastActiveAt = Math.max(person.lastActiveAt ?? 0, lastActiveAt)
    this.#count(person, source, (known) => Object.assign(known, { totalChats, totalRiskAlerts }))
    const isNew = (part: string): boolean => {
      if (this.#remembered(person, { ...event, id: part })) return false
      person.seen.set(part, { acceptedAt, fingerprint: '0', alertId: null })
      return true
    }
    for (const name of payload.topics)
      if (isNew(adoptedTopic(source, name)) && !person.topics.has(name)) this.#addTopic(person, name, lastActiveAt ?? occurredAt)
    const { emotions = 0, emotionsDays = 0 } = this.#limits ?? {}
    for (const point of payload.points.filter((each) => isNew(each.id))) {
      const added = { ...point, userId: user }
      if (!emotionsDays || point.occurredAt >= acceptedAt - emotionsDays * DAY_MS)
        person.emotions = inOrder([...person.emotions, added]).slice(emotions ? -emotions : 0)
      person.last3 = inOrder([...person.last3, added]).slice(-3)
    }
    person.seen.set(id, { acceptedAt, fingerprint: '0', alertId: null })
    return { type: 'applied', n, kept: true, alertId: null, removed: null }
  }

  #addTopic(person: Person, name: string, at: number): void {
    const topic = person.topics.get(name) ?? { name, count: 0, firstSeenAt: at, lastSeenAt: at }
    const [firstSeenAt, lastSeenAt] = [Math.min(topic.firstSeenAt, at), Math.max(topic.lastSeenAt, at)]
    person.topics.set(name, { name, count: topic.count + 1, firstSeenAt, lastSeenAt })
  }

  /** What a conversation says of the risk that somebody is at, by itself or as the last of several. */
  #sign(person: Person, event: Recorded, before: Attention, told: AlertEvent[]): string | null {
    const { user, acceptedAt, occurredAt, payload } = event
    const age = acceptedAt - occurredAt
    if (age > DAY_MS && !(payload.raisesLate && age <= 7 * DAY_MS)) return null
    const since = Math.max(this.#tombstones.get(user) ?? 0, this.#expiries.get(user) ?? 0)
    const book = new AlertBook(event, this.#limits, told)
    if (age > DAY_MS) return isRisky(payload.riskLevel) ? book.lateSignal(person, since, payload.riskLevel) : null
    if (isRisky(payload.riskLevel)) return book.signal(person, since, payload.riskLevel, null)
    const day = Math.floor(acceptedAt / DAY_MS)
    if (before === 'NEEDS_ATTENTION' || attentionIn(person) !== 'NEEDS_ATTENTION') return null
    if (AlertBook.unresolved(person) || person.trendDay === day) return null
    person.trendDay = day
    return book.signal(person, since, 'MEDIUM', 'attention has turned to NEEDS_ATTENTION')
  }

  /** Something about an alert, or who is to look after somebody. */
  #act(event: Extract<Event, { kind: 'acted' | 'assigned' }>, person: Person, n: number, told: AlertEvent[]): Judged {
    const { id, acceptedAt } = event
    const held =
      event.kind === 'acted' ? person.alerts.find(({ alert }) => alert.id === event.payload.alertId) : AlertBook.unresolved(person)
    const isEnd = event.kind === 'acted' && event.payload.action === 'EXPIRE'
    if (event.kind === 'acted' && !held && !isEnd) return { type: 'conflict', n }
    const memory = this.#remembered(person, event)
    if (memory) return { type: 'duplicate', n, alertId: memory.alertId }
    if (isEnd) {
      const until = held?.alert.status === 'RESOLVED' ? held.alert.resolved?.until : null
      if (until == null || until !== event.payload.due) return { type: 'conflict', n }
      person.alerts = person.alerts.filter((each) => each !== held)
      if (person.alerts.length === 0) person.strippedAt = null
    }
    const book = new AlertBook(event, this.#limits, told)
    let kept = true
    if (event.kind === 'acted' && held && !isEnd) {
      const carriedOut = book.act(held, event.payload, person.counselor)
      if (carriedOut === null) return { type: 'conflict', n }
      kept = carriedOut
    } else if (event.kind === 'assigned') {
      if (held) book.assign(held, event.payload, person.counselor)
      person.counselor = event.payload.counselor
    }
    this.#meetPolicies(person, acceptedAt)
    this.#touch(person, n, acceptedAt)
    const alertId = held?.alert.id ?? null
    person.seen.set(id, { acceptedAt, fingerprint: '0', alertId })
    return { type: 'applied', n, kept, alertId, removed: null }
  }

  #remembered(person: Person, { id, acceptedAt }: Event): { fingerprint: string; alertId: string | null } | undefined {
    const memory = person.seen.get(id)
    return memory && (memory.acceptedAt >= acceptedAt - 7 * DAY_MS || amongNewest(person, id, 1_000)) ? memory : undefined
  }

  #meetPolicies(person: Person, now: number): void {
    if (!this.#policies.some(({ n }) => n > person.rev)) return
    Object.assign(person, this.lists(person, now))
  }

  /** The log keeps it, since in another order it may be the first. */
  #again(person: Person, { acceptedAt }: Event, n: number, { alertId }: { alertId: string | null }): Judged {
    this.#meetPolicies(person, acceptedAt)
    this.#touch(person, n, acceptedAt)
    return { type: 'duplicate', n, alertId }
  }

  #touch(person: Person, n: number, acceptedAt: number): void {
    person.rev = n
    person.accepted = Math.max(person.accepted, acceptedAt)
  }

  /** Takes what a user said, and that they cleared it, out of the log. Erasures and expiries stay: they decide what comes after them. */
  #forget(user: string): void {
    this.#log.forEach((entry, i) => {
      const { event } = entry
      if (event?.user === user && event.kind !== 'erased' && event.kind !== 'expired') {
        this.#log[i] = { ...entry, event: null, outcome: 'erased', alertEvents: [] }
      }
    })
  }

  /** Empties the lists, and answers what went. */
  #remove(person: Person | undefined, now: number, alerts: boolean): Removed {
    const none = { conversations: 0, emotions: 0, topics: 0, alerts: 0, redisKeys: null, sqliteRows: 0 }
    if (!person) return none
    const { conversations, emotions } = this.lists(person, now)
    const counts = { conversations: conversations.length, emotions: emotions.length, topics: person.topics.size }
    person.conversations = []
    person.emotions = []
    person.topics.clear()
    return { ...none, ...counts, alerts: alerts ? person.alerts.length : 0 }
  }
}

const clean = (score: number | null): number | null => (score === null ? null : score + 0)

/** An event as it is told again: minus zero is zero. */
function asTold(event: Event, erasedAt: number | undefined): Event {
  if (event.kind === 'erased') return { ...event, payload: { ...event.payload, upTo: erasedAt } }
  return event.kind === 'recorded' ? { ...event, payload: { ...event.payload, emotionScore: clean(event.payload.emotionScore) } } : event
}

const newcomer = ({ acceptedAt, occurredAt }: Pick<Event, 'acceptedAt' | 'occurredAt'>, rev: number): Person => ({
  rev,
  createdAt: occurredAt,
  lastActiveAt: null,
  totalChats: 0,
  totalRiskAlerts: 0,
  accepted: acceptedAt,
  strippedAt: null,
  trendDay: null,
  counselor: null,
  sources: new Map(),
  raised: 0,
  conversations: [],
  emotions: [],
  last3: [],
  topics: new Map(),
  seen: new Map(),
  alerts: [],
})

function amongNewest({ seen }: Person, id: string, count: number): boolean {
  const newest = [...seen].sort(([a, x], [b, y]) => y.acceptedAt - x.acceptedAt || compareBytes(b, a)).slice(0, count)
  return newest.some(([each]) => each === id)
}
