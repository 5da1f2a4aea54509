import type { StorageBackend } from '../model.ts'
import { isTracing, traced } from '../tracing/span.ts'
import type { Appended, Event, LogEntry, LogPage, Pin, Place, Reading, ReadRequest, Store, ToldEntry, Trail, View } from './store.ts'

export interface StoreCall {
  call: 'append' | 'read' | 'log' | 'told'
  /** Which store did it; of a write, whether it reached Redis in time. */
  store: StorageBackend
  seconds: number
  failed: boolean
}

/** The same store; each read and write of it is observed. */
export class MeasuredStore implements Store {
  readonly #store: Store
  readonly #observe: (call: StoreCall) => void

  constructor(store: Store, observe: (call: StoreCall) => void) {
    this.#store = store
    this.#observe = observe
  }

  get backend() {
    return this.#store.backend
  }

  get pendingWrites() {
    return this.#store.pendingWrites
  }

  get secret() {
    return this.#store.secret
  }

  append(events: readonly Event[]): Promise<Appended> {
    const { backend } = this
    return this.#measured(
      'append',
      () => this.#store.append(events),
      ({ durability }) => (durability === 'JOURNAL' ? 'SQLITE' : backend),
    )
  }

  read<const R extends readonly ReadRequest[]>(requests: R, now: number, view?: View): Promise<Reading<R>> {
    return this.#measured(
      'read',
      () => this.#store.read(requests, now, view),
      ({ served }) => served,
    )
  }

  log(after: Place, limit: number): Promise<LogPage<LogEntry>> {
    const { backend } = this
    return this.#measured(
      'log',
      () => this.#store.log(after, limit),
      () => backend,
    )
  }

  told(after: Place, limit: number): Promise<LogPage<ToldEntry>> {
    const { backend } = this
    return this.#measured(
      'told',
      () => this.#store.told(after, limit),
      () => backend,
    )
  }

  policy() {
    return this.#store.policy()
  }

  staff() {
    return this.#store.staff()
  }

  placeOf(trail: Trail) {
    return this.#store.placeOf(trail)
  }

  logGrown(after: Place, signal: AbortSignal) {
    return this.#store.logGrown(after, signal)
  }

  sweep(now: number) {
    return this.#store.sweep(now)
  }

  status() {
    return this.#store.status()
  }

  statusChanged(signal: AbortSignal) {
    return this.#store.statusChanged(signal)
  }

  pin(to: Pin) {
    return this.#store.pin(to)
  }

  snapshot(file: string) {
    return this.#store.snapshot(file)
  }

  compact(options: { mayHoldUp: boolean }) {
    return this.#store.compact(options)
  }

  close() {
    return this.#store.close()
  }

  #measured<T>(call: StoreCall['call'], ask: () => Promise<T>, storeOf: (answer: T) => StorageBackend): Promise<T> {
    if (!isTracing()) return this.#observed(call, ask, storeOf)
    return traced({ name: `store ${call}` }, (tell) =>
      this.#observed(call, ask, (answer) => {
        const store = storeOf(answer)
        tell({ 'xinyi.store': store })
        return store
      }),
    )
  }

  async #observed<T>(call: StoreCall['call'], ask: () => Promise<T>, storeOf: (answer: T) => StorageBackend): Promise<T> {
    const began = performance.now()
    const seconds = () => (performance.now() - began) / 1_000
    try {
      const given = await ask()
      this.#observe({ call, store: storeOf(given), seconds: seconds(), failed: false })
      return given
    } catch (error) {
      this.#observe({ call, store: this.backend, seconds: seconds(), failed: true })
      throw error
    }
  }
}
