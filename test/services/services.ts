import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { AlertFeed } from '../../src/services/feed.ts'
import { History } from '../../src/services/history.ts'
import type { RecordInput } from '../../src/services/input.ts'
import type { AlertMessage } from '../../src/services/reader.ts'
import { Recorder } from '../../src/services/recorder.ts'
import { LogWriter } from '../../src/services/writer.ts'
import type { Appended, Event, Store } from '../../src/store/store.ts'
import { DEFAULT_VOCABULARY } from '../../src/vocabulary.ts'
import { NOW } from '../helpers/events.ts'
import type { StoreKind } from '../helpers/stores.ts'

const RECORDER = {
  localTimeZone: 'Asia/Shanghai',
  vocabulary: DEFAULT_VOCABULARY,
  maxQueryCodePoints: 16_000,
  maxResponseCodePoints: 16_000,
}

/** A real store under the eyes, and in the hands, of a test. */
export class WatchedStore {
  readonly store: Store
  /** The batches that were appended. */
  readonly batches: (readonly Event[])[] = []
  /** Each append runs through this. */
  around: (append: () => Promise<Appended>, events: readonly Event[]) => Promise<Appended> = (append) => append()

  constructor(store: Store) {
    this.store = new Proxy(store, {
      get: (target, key) => {
        if (key === 'append') {
          return (events: readonly Event[]) => {
            this.batches.push(events)
            return this.around(() => target.append(events), events)
          }
        }
        const value: unknown = Reflect.get(target, key)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}

export async function startServices(kind: StoreKind) {
  const opened = await kind.open()
  const watched = new WatchedStore(opened.store)
  const { store } = watched
  const now = { time: NOW }
  const clock = () => now.time
  const writer = new LogWriter(store)
  const feed = new AlertFeed({ store, logger: pino({ level: 'silent' }), clock: () => NOW })
  await feed.start()
  onTestFinished(async () => {
    await feed.close()
    await writer.close()
  })
  const recorder = new Recorder(writer, RECORDER, clock)
  const history = new History(store, writer, clock)
  const say = (some: Partial<RecordInput> = {}) => recorder.record({ userId: 'u', query: 'q', response: 'r', riskLevel: 'LOW', ...some })
  const user = async (userId = 'u') => (await store.read([{ kind: 'user', userId }], now.time)).answers[0]
  const conversations = async (userId = 'u') => {
    const { answers } = await store.read([{ kind: 'conversations', userId, page: { take: 'first', limit: 100 } }], now.time)
    return answers[0].items.map(({ value }) => value)
  }
  return { watched, store, now, writer, feed, recorder, history, say, user, conversations }
}

/** A feed of its own on a store. */
export async function startFeed(store: Store, options: { clock?: () => number; heartbeatMs?: number } = {}): Promise<AlertFeed> {
  const feed = new AlertFeed({ store, logger: pino({ level: 'silent' }), clock: () => NOW, ...options })
  await feed.start()
  onTestFinished(() => feed.close())
  return feed
}

/** The store, which does some things otherwise. */
export function wrapped(store: Store, instead: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, key) => {
      const value: unknown = Reflect.get(key in instead ? instead : target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** The next messages of a subscription. */
export const take = async (messages: AsyncIterableIterator<AlertMessage>, count: number): Promise<AlertMessage[]> => {
  const taken: AlertMessage[] = []
  while (taken.length < count) {
    const { value, done } = await messages.next()
    if (done) throw new Error(`it ended after ${taken.length} messages`)
    taken.push(value)
  }
  return taken
}
