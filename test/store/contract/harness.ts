import { expect } from 'vitest'
import { DAY_MS, type EmotionPoint, USER_ORDERS } from '../../../src/model.ts'
import { toldBy } from '../../../src/store/events.ts'
import type {
  Answers,
  Event,
  Joined,
  Key,
  LogEntry,
  Outcome,
  Page,
  Place,
  ReadRequest,
  Slice,
  Store,
  View,
} from '../../../src/store/store.ts'
import { NOW, Origin, type Said } from '../../helpers/events.ts'
import type { StoreKind } from '../../helpers/stores.ts'

export type Open = StoreKind['open']
export type Applied = Extract<Outcome, { type: 'applied' }>

/** The first 1,000 of an ordering. */
export const ALL: Page = { limit: 1_000, take: 'first' }
export const first = (limit: number, after?: Key): Page => ({ limit, take: 'first', after })
export const last = (limit: number, before?: Key): Page => ({ limit, take: 'last', before })
export const valuesOf = <T>({ items }: Slice<T>): T[] => items.map(({ value }) => value)
export const idsOf = ({ items }: Pick<Slice<unknown>, 'items'>): string[] => items.map(({ key }) => key[1])

/** A store under test, with one origin and the questions that most promises ask. */
export class Subject {
  readonly #opened: Awaited<ReturnType<Open>>
  readonly origin = new Origin()

  constructor(opened: Awaited<ReturnType<Open>>) {
    this.#opened = opened
  }

  get store(): Store {
    return this.#opened.store
  }

  reopen(): Promise<Store> {
    return this.#opened.reopen()
  }

  async append(events: readonly Event[]): Promise<Outcome[]> {
    return (await this.store.append(events)).outcomes
  }

  async read<const R extends readonly ReadRequest[]>(requests: R, now = NOW, view?: View): Promise<Answers<R>> {
    return (await this.store.read(requests, now, view)).answers
  }

  /** Behind entry n of the log as it is now. */
  async place(n: number): Promise<Place> {
    return { epoch: (await this.store.status()).epoch, n }
  }

  async log(after: number, limit: number): Promise<LogEntry[]> {
    const place = await this.place(after)
    const { entries } = await this.store.log(place, limit)
    const told = (await this.store.told(place, limit)).entries
    // Long entries may make a page short.
    const same = entries.slice(0, told.length).map(toldBy)
    expect(told.slice(0, same.length)).toEqual(same)
    return entries
  }

  async logGrown(after: number, signal: AbortSignal): Promise<void> {
    await this.store.logGrown(await this.place(after), signal)
  }

  async tell(event: Event): Promise<Outcome> {
    const [outcome] = await this.append([event])
    if (!outcome) throw new Error('no outcome')
    return outcome
  }

  async apply(event: Event): Promise<Applied> {
    const outcome = await this.tell(event)
    if (outcome.type !== 'applied') throw new Error(`expected applied, got ${JSON.stringify(outcome)}`)
    return outcome
  }

  record(said: Said): Promise<Outcome> {
    return this.tell(this.origin.recorded(said))
  }

  /** Records all of them in order, 100 at a time. */
  async recordAll(all: readonly Said[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    for (let i = 0; i < all.length; i += 100) {
      outcomes.push(...(await this.append(all.slice(i, i + 100).map((said) => this.origin.recorded(said)))))
    }
    return outcomes
  }

  async ask<const R extends ReadRequest>(request: R, now = NOW): Promise<Answers<readonly [R]>[0]> {
    const [answer] = await this.read<readonly [R]>([request], now)
    return answer
  }

  user(userId = 'u') {
    return this.ask({ kind: 'user', userId })
  }

  conversations(userId = 'u', now = NOW) {
    return this.ask({ kind: 'conversations', userId, page: ALL }, now)
  }

  async emotions(userId = 'u', now = NOW): Promise<EmotionPoint[]> {
    return valuesOf(await this.ask({ kind: 'emotions', userId, page: ALL }, now))
  }

  /** Ids of the visible conversations, newest first. */
  async ids(userId = 'u', now = NOW): Promise<string[]> {
    return idsOf(await this.conversations(userId, now))
  }

  async topics(userId = 'u') {
    const topics = await this.ask({ kind: 'userTopics', userId })
    return Object.fromEntries(topics.map(({ name, ...rest }) => [name, rest]))
  }

  async alerts() {
    return valuesOf(await this.ask({ kind: 'alerts', page: ALL }))
  }

  async history(alertId: string) {
    return valuesOf(await this.ask({ kind: 'alertHistory', alertId, page: ALL }))
  }
}

export const given = async (open: Open): Promise<Subject> => new Subject(await open())

/** Walks an ordering page by page, from its beginning or from its end, as a client does. */
export async function walk<T>(read: (page: Page) => Promise<Slice<T>>, limit: number, take: Page['take'] = 'first'): Promise<T[]> {
  const seen: T[] = []
  let from: Key | undefined
  while (true) {
    const slice = await read(take === 'first' ? first(limit, from) : last(limit, from))
    if (slice.items.length > limit) throw new Error(`a page of ${limit} has ${slice.items.length} items`)
    const values = valuesOf(slice)
    if (take === 'first') seen.push(...values)
    else seen.unshift(...values)
    const next = slice.resume ?? (take === 'first' ? slice.items.at(-1) : slice.items[0])?.key
    if (!(take === 'first' ? slice.hasNext : slice.hasPrevious) || !next) return seen
    from = next
  }
}

/** What a snapshot asks. */
type Told = Pick<Store, 'read' | 'log' | 'policy' | 'staff'> & { status(): Promise<{ epoch: string }> }

/** What some counselors may see, who come up in tests. */
const viewsOf = (store: Told, now: number) =>
  Promise.all(
    ['li', 'wang', '\uff61'].map(async (counselor) => {
      const asked = [
        { kind: 'users', order: 'LAST_ACTIVE_DESC', filter: {}, page: ALL },
        { kind: 'topics', page: ALL },
        { kind: 'alerts', page: ALL },
        { kind: 'overview' },
      ] as const
      return (await store.read(asked, now, { counselor })).answers
    }),
  )

/** Everything that a store answers, in a comparable form: at `now`, for every user, topic and alert that it lists itself. */
export async function snapshot(store: Told, now: number) {
  const read = async <const R extends readonly ReadRequest[]>(requests: R): Promise<Answers<R>> => (await store.read(requests, now)).answers
  const { epoch } = await store.status()
  const orders = USER_ORDERS.map((order) => ({ kind: 'users', order, filter: {}, page: ALL }) as const)
  const [users, ...ordered] = await read(orders)
  const [overview, topics, alerts, due] = await read([
    { kind: 'overview' },
    { kind: 'topics', page: ALL },
    { kind: 'alerts', page: ALL },
    { kind: 'dueAlerts', until: now + DAY_MS, limit: 1_000 },
  ])
  const perUser = idsOf(users ?? { items: [] }).map(async (userId) => {
    const [user, conversations, emotions, userTopics, userAlerts] = await read([
      { kind: 'user', userId },
      { kind: 'conversations', userId, page: ALL },
      { kind: 'emotions', userId, page: ALL },
      { kind: 'userTopics', userId },
      { kind: 'userAlerts', userId, page: ALL },
    ])
    return { user, conversations, emotions, userTopics: [...userTopics].sort((a, b) => (a.name < b.name ? -1 : 1)), userAlerts }
  })
  const perTopic = idsOf(topics).map((name) =>
    read([
      { kind: 'topic', name },
      { kind: 'topicUsers', name, page: ALL },
    ]),
  )
  const perAlert = idsOf(alerts).map((alertId) =>
    read([
      { kind: 'alert', alertId },
      { kind: 'alertHistory', alertId, page: ALL },
    ]),
  )
  const [eachUser, eachTopic, eachAlert] = await Promise.all([Promise.all(perUser), Promise.all(perTopic), Promise.all(perAlert)])
  const [policy, staff, log, views] = await Promise.all([store.policy(), store.staff(), wholeLog(store, epoch), viewsOf(store, now)])
  return { views, users, ordered, overview, topics, alerts, due, eachUser, eachTopic, eachAlert, policy, staff: bySub(staff), log }
}

const bySub = (staff: readonly Joined[]) => [...staff].sort((a, b) => (a.sub < b.sub ? -1 : 1))

/** The log from its beginning, however long its pages are. */
export async function wholeLog(store: Pick<Store, 'log'>, epoch: string): Promise<LogEntry[]> {
  const found: LogEntry[] = []
  for (;;) {
    const { entries } = await store.log({ epoch, n: found.at(-1)?.n ?? 0 }, 10_000)
    if (entries.length === 0) return found
    found.push(...entries)
  }
}
