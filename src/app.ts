import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { Authenticator } from './auth/authenticator.ts'
import { type Keys, openKeys } from './auth/keys.ts'
import { Tokens } from './auth/tokens.ts'
import { type Config, DATABASE_NAME, SOCKET_NAME, WEBHOOK_NAME } from './config.ts'
import { auditFiles, makeDataDir } from './data-dir.ts'
import type { Services } from './graphql/context.ts'
import { TrustedDocuments } from './graphql/documents.ts'
import { globalId } from './graphql/ids.ts'
import { createGraphQL, type GraphQLServer } from './graphql/yoga.ts'
import { anyHost, hostsAt } from './http/host.ts'
import { HttpService } from './http/http.ts'
import { listenOnPort, listenOnSocket } from './http/listen.ts'
import { Metrics } from './http/metrics.ts'
import { DAY_MS } from './model.ts'
import { Audit, NO_LOG } from './services/audit.ts'
import { Desk } from './services/desk.ts'
import { Escalation } from './services/escalation.ts'
import { AlertFeed } from './services/feed.ts'
import { History } from './services/history.ts'
import { Migration } from './services/migration.ts'
import { Quotas } from './services/quotas.ts'
import { Recorder } from './services/recorder.ts'
import { Staff } from './services/staff.ts'
import { Webhook } from './services/webhook.ts'
import { LogWriter } from './services/writer.ts'
import { Merger } from './store/audit/merger.ts'
import { openLedger } from './store/audit/remote.ts'
import { openFailoverStore } from './store/failover/store.ts'
import { MeasuredStore } from './store/measured.ts'
import { openRedisStore } from './store/redis/open.ts'
import { openSqliteStore } from './store/sqlite/store.ts'
import type { Store } from './store/store.ts'
import { useTracer } from './tracing/span.ts'

export interface App {
  readonly yoga: GraphQLServer
  readonly services: Services
  /** Serves HTTP on DATA_DIR/xinyi.sock and on HOST:PORT, and sweeps, now and daily. */
  listen(): Promise<Listening>
  /** Ends everything that was begun; a client that does not let go in time is cut off. */
  close(): Promise<void>
}

export interface Listening {
  /** Of GraphQL, and of GraphiQL. */
  readonly url: string
  /** A code that signs one browser in, within 10 minutes. */
  newCode(): string
}

/** From when the last connection is cut off until it is told what the service still waits for. */
const LATE_MS = 400

export interface AppOptions {
  logger: Logger
  clock?: () => number
  /** Leaves the retention limits of the data set as they are, if it has any: a command must not cut what a server is configured to keep. */
  keepRetention?: boolean
  /** Only to look at a data set that is there: makes no directory, and leaves the retention as it is. */
  readOnly?: boolean
  /** How the audit log is opened: in a thread of its own, unless told otherwise. */
  openAudit?: typeof openLedger
  /** Nobody but one command uses it, which waits for all that it writes rather than for each. */
  bulk?: boolean
}

/** Builds the whole service on the configured store. */
export async function buildApp(config: Config, options: AppOptions): Promise<App> {
  const { logger, clock = Date.now, keepRetention = false, readOnly = false, bulk = false, openAudit = openLedger } = options
  if (!readOnly) await makeDataDir(config.dataDir)
  const metrics = new Metrics()
  const store = new MeasuredStore(await openStore(config, { logger, clock, readOnly }), metrics.storeCall)
  const ledger = readOnly ? null : await openAudit(auditFiles(config)).catch(closeAfter(store))
  const tracer = config.tracing && !readOnly ? (await import('./tracing/otel.ts')).openTracer(config.tracing) : null
  if (tracer) useTracer(tracer)
  const audit = new Audit(ledger ?? NO_LOG, { logger })
  const merger =
    ledger && config.storageBackend === 'redis'
      ? new Merger({ ledger, target: config.redisTarget, dataSet: () => dataSetInRedis(store), clock, logger })
      : undefined
  const writer = new LogWriter(store, { bulk })
  const recorder = new Recorder(writer, config, clock)
  const history = new History(store, writer, clock)
  const migration = new Migration(recorder, writer, clock)
  const feed = new AlertFeed({ store, logger, clock, heartbeatMs: config.feedHeartbeatMs })
  const staff = new Staff({ listed: config.staff, store, writer, clock, logger })
  const desk = new Desk(store, writer, { staff, clock })
  const escalation = new Escalation(store, writer, { staff, clock, logger })
  const webhook =
    config.webhook &&
    new Webhook(feed, {
      ...config.webhook,
      file: join(config.dataDir, WEBHOOK_NAME),
      alertIdOf: (id) => globalId({ type: 'RiskAlert', id }),
      clock,
      logger,
    })
  const services: Services = {
    store,
    recorder,
    history,
    migration,
    feed,
    desk,
    staff,
    audit,
    quotas: new Quotas(config.quotas),
    documents: new TrustedDocuments(config.trustedDocuments),
    clock,
    config,
  }
  const yoga = createGraphQL(services, { logger, observe: metrics.operation })
  let keys: Keys | undefined
  let http: HttpService | undefined
  let sweeps: NodeJS.Timeout | undefined
  let closing: Promise<void> | undefined

  const sweep = (): void => {
    history.sweep().then(
      (report) => logger.debug({ ...report, expiredUsers: report.expiredUsers.length }, 'swept what had expired'),
      (error) => {
        if (!closing) logger.warn({ err: error }, 'the sweep failed; the next one is tomorrow')
      },
    )
  }

  const close = async (): Promise<void> => {
    clearInterval(sweeps)
    let part = ''
    const late = setTimeout(
      () => logger.error({ part }, 'the service does not end in time, for it waits for a part of it'),
      config.shutdownTimeoutMs + LATE_MS,
    ).unref()
    const parts: readonly [name: string, close: () => unknown][] = [
      ['http', () => http?.close(AbortSignal.timeout(config.shutdownTimeoutMs))],
      ['keys', () => keys?.close()],
      ['webhook', () => webhook?.close()],
      ['feed', () => feed.close()],
      ['escalation', () => escalation.close()],
      ['yoga', () => yoga.dispose()],
      ['writer', () => writer.close()],
      ['audit merger', () => merger?.close()],
      ['audit', () => audit.close()],
      ['store', () => store.close()],
      [
        'tracer',
        () => {
          if (tracer) useTracer(null)
          return tracer?.close()
        },
      ],
    ]
    try {
      for (const [name, closePart] of parts) {
        part = name
        await closePart()
      }
    } finally {
      clearTimeout(late)
    }
  }

  const app: App = {
    yoga,
    services,
    async listen() {
      const { required, ...rules } = config.auth
      keys = await openKeys(config, logger)
      const tokens = new Tokens(keys, rules, clock)
      const authenticator = new Authenticator({ required, tokens, clock, known: (caller) => staff.joined(caller) })
      metrics.watch({ store, feed, webhook: webhook ?? null, dataDir: config.dataDir, clock })
      http = new HttpService({ yoga, store, authenticator, metrics, services, config, logger })
      await listenOnSocket(http.newServer({ isOurs: anyHost, isSocket: true }), join(config.dataDir, SOCKET_NAME))
      const isOurs = hostsAt(config.host, config.publicUrl)
      const port = await listenOnPort(http.newServer({ isOurs, isSocket: false }), config.host, config.port)
      escalation.start()
      webhook?.start()
      merger?.start()
      sweep()
      sweeps = setInterval(sweep, DAY_MS).unref()
      return { url: `http://${urlHost(config.host)}:${port}/graphql`, newCode: () => authenticator.newCode() }
    },
    close() {
      closing ??= close()
      return closing
    },
  }

  try {
    const kept = readOnly || (keepRetention && (await store.policy()) !== null)
    const replaced = kept ? undefined : await history.applyPolicy(config.limits)
    if (replaced) logger.info({ before: replaced, now: config.limits }, 'the limits of this data set are changed')
    await feed.start()
    return app
  } catch (error) {
    await app.close()
    throw error
  }
}

function openStore(
  config: Config,
  { logger, clock, readOnly }: { logger: Logger; clock: () => number; readOnly: boolean },
): Promise<Store> {
  const { storageBackend, dataDir, redisTarget, localTimeZone } = config
  const path = join(dataDir, DATABASE_NAME)
  if (storageBackend === 'sqlite') return openSqliteStore({ path, logger })
  // Whoever only looks makes no file.
  if (readOnly && !existsSync(path)) return openRedisStore({ ...redisTarget, localTimeZone })
  return openFailoverStore({ target: redisTarget, path, localTimeZone, logger, clock })
}

/** Which data set the Redis in charge holds; null while none is. */
async function dataSetInRedis(store: Store): Promise<string | null> {
  const { mode, dataSetId } = await store.status()
  return mode === 'PRIMARY' ? dataSetId : null
}

/** Leaves nothing open where the rest can't be. */
const closeAfter = (store: Store) => async (error: unknown) => {
  await store.close()
  throw error
}

/** What to call a host from this machine. */
function urlHost(host: string): string {
  if (['127.0.0.1', '::1', '0.0.0.0', '::'].includes(host)) return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
