import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Counter, Gauge, type Registry } from 'prom-client'
import { DATABASE_NAME } from '../config.ts'
import type { AlertCount, Overview, StorageMode } from '../model.ts'
import type { AlertFeed } from '../services/feed.ts'
import type { Webhook } from '../services/webhook.ts'
import type { Store, StoreStatus } from '../store/store.ts'

export interface Sources {
  store: Store
  feed: AlertFeed
  /** Null where nobody is told by one. */
  webhook: Webhook | null
  dataDir: string
  clock: () => number
}

/** What the store says is good for so long: scrapes of several must not add up. */
const FRESH_MS = 3_000
const PATIENCE_MS = 2_000
const MODES: readonly StorageMode[] = ['PRIMARY', 'FALLBACK', 'REPLAYING', 'EMBEDDED']

/** Each null where it is not known. */
interface Facts {
  status: StoreStatus | null
  overview: Overview | null
  alerts: readonly AlertCount[] | null
}

/** What is read when it is asked for. What is not known then is left out. */
export class Gauges {
  readonly #registry: Registry
  readonly #sources: Sources
  readonly #show: (facts: Facts) => void
  readonly #showFiles: () => Promise<void>
  #reading: Promise<Facts> | undefined

  constructor(registry: Registry, sources: Sources) {
    this.#registry = registry
    this.#sources = sources
    this.#show = this.#storeGauges()
    this.#showFiles = this.#fileGauges()
    this.#countedElsewhere()
  }

  async refresh(): Promise<void> {
    const patience = new AbortController()
    const late = setTimeout(PATIENCE_MS, UNKNOWN, { signal: patience.signal })
    const [facts] = await Promise.all([Promise.race([this.#facts(), late]), this.#showFiles()])
    patience.abort()
    this.#show(facts)
  }

  /** One read at a time, and none soon after another. */
  #facts(): Promise<Facts> {
    this.#reading ??= this.#read().finally(() => {
      setTimeout(FRESH_MS, undefined, { ref: false }).then(() => {
        this.#reading = undefined
      })
    })
    return this.#reading
  }

  async #read(): Promise<Facts> {
    const { store, clock } = this.#sources
    const [status, reading] = await Promise.allSettled([
      store.status(),
      store.read([{ kind: 'overview' }, { kind: 'alertCounts' }], clock()),
    ])
    const [overview, alerts] = reading.status === 'fulfilled' ? reading.value.answers : [null, null]
    return { status: status.status === 'fulfilled' ? status.value : null, overview, alerts }
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[] = []): Gauge<Label> {
    return new Gauge({ name: `xinyi_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #storeGauges(): (facts: Facts) => void {
    const { store, clock } = this.#sources
    const ready = this.#gauge('ready', '1 where the store answers for every user, else 0.')
    const mode = this.#gauge('storage_mode', '1 for the mode in which the stores work together, 0 for the others.', ['mode'])
    const pinned = this.#gauge('storage_pinned', '1 where the server was moved off Redis on request.')
    const pending = this.#gauge('storage_pending_writes', 'Writes that are acknowledged and not yet in Redis.')
    const index = this.#gauge('storage_log_index', 'Index of the newest entry of the log.')
    const running = this.#gauge('reconciliation_running', '1 while Redis and SQLite are being brought together.')
    const agreement = this.#gauge('reconciliation_in_agreement', '1 where Redis and SQLite held the same when last brought together.')
    const pushed = this.#gauge('reconciliation_pushed_events', 'Events brought to Redis since it was last joined.')
    const pulled = this.#gauge('reconciliation_pulled_users', 'Users taken over from Redis since it was last joined.')
    const repaired = this.#gauge('reconciliation_repaired_users', 'Users that differed and were put right since Redis was last joined.')
    const reachable = this.#gauge('redis_reachable', '1 where Redis answers.')
    const latency = this.#gauge('redis_latency_seconds', 'Time of the latest round trip to Redis.')
    const memory = this.#gauge('redis_memory_bytes', 'Memory that Redis uses.')
    const connections = this.#gauge('redis_connections', 'Connections that this instance holds to Redis.')
    const users = this.#gauge('users', 'Users.')
    const active = this.#gauge('users_active', 'Users who were active within 24 hours.')
    const alerts = this.#gauge('alerts', 'Alerts, by level and status.', ['level', 'status'])
    const unassigned = this.#gauge('alerts_unassigned_high', 'Unresolved alerts of HIGH or above that nobody is to look after.')
    const oldest = this.#gauge('alert_oldest_open_age_seconds', 'Since the oldest open alert was raised; left out where none is open.')
    return ({ status, overview, alerts: counts }) => {
      set(ready, Number(status?.complete === true && overview !== null))
      mode.reset()
      for (const each of MODES) if (status) mode.set({ mode: each }, Number(each === status.mode))
      set(pinned, status && Number(status.pinned))
      set(pending, store.pendingWrites)
      set(index, status?.n)
      const { redis = null, reconciliation = null } = status ?? {}
      set(running, reconciliation && Number(reconciliation.finishedAt === null))
      set(agreement, reconciliation?.inAgreement == null ? null : Number(reconciliation.inAgreement))
      set(pushed, reconciliation?.pushed)
      set(pulled, reconciliation?.pulled)
      set(repaired, reconciliation?.repaired)
      set(reachable, redis && Number(redis.reachable))
      set(latency, redis?.latencyMs == null ? null : redis.latencyMs / 1_000)
      set(memory, redis?.usedMemoryBytes)
      set(connections, redis?.connections)
      set(users, overview?.users)
      set(active, overview?.activeUsers)
      set(unassigned, overview?.unassignedHigh)
      set(oldest, overview?.oldestOpenRaisedAt == null ? null : Math.max(0, clock() - overview.oldestOpenRaisedAt) / 1_000)
      alerts.reset()
      for (const { level, status: of, count } of counts ?? []) alerts.set({ level, status: of }, count)
    }
  }

  #fileGauges(): () => Promise<void> {
    const { dataDir } = this.#sources
    const database = join(dataDir, DATABASE_NAME)
    const files = { database, wal: `${database}-wal` }
    const size = this.#gauge('sqlite_file_bytes', 'Size of the file of SQLite, and of its write-ahead log.', ['file'])
    const free = this.#gauge('data_disk_free_bytes', 'Space left on the disk of DATA_DIR.')
    const whole = this.#gauge('data_disk_size_bytes', 'Size of the disk of DATA_DIR.')
    return async () => {
      size.reset()
      for (const [file, path] of Object.entries(files)) {
        const found = await stat(path).catch(() => null)
        if (found) size.set({ file }, found.size)
      }
      const disk = await statfs(dataDir).catch(() => null)
      set(free, disk && disk.bavail * disk.bsize)
      set(whole, disk && disk.blocks * disk.bsize)
    }
  }

  /** What is counted where it happens. */
  #countedElsewhere(): void {
    const { feed, webhook } = this.#sources
    const registers = [this.#registry]
    const counter = (name: string, help: string, value: () => number): void => {
      new Counter({
        name: `xinyi_${name}`,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(value())
        },
      })
    }
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        name: `xinyi_${name}`,
        help,
        registers,
        collect() {
          this.set(value())
        },
      })
    }
    gauge('alert_subscribers', 'Subscribers of alerts.', () => feed.audience.size)
    counter('alert_subscribers_dropped_total', 'Subscribers of alerts that were ended for reading too slowly.', () => feed.audience.ended)
    if (!webhook) return
    gauge('webhook_lag_seconds', 'Since the alert event happened that the webhook has not taken yet; 0 where there is none.', () => {
      return webhook.progress.lagMs / 1_000
    })
    counter('webhook_refusals_total', 'Deliveries that the webhook did not take.', () => webhook.progress.refusals)
  }
}

const UNKNOWN: Facts = { status: null, overview: null, alerts: null }

function set(gauge: Gauge, value: number | null | undefined): void {
  if (value == null) gauge.remove()
  else gauge.set(value)
}
