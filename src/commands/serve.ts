import { once } from 'node:events'
import { join, resolve } from 'node:path'
import type { Logger } from 'pino'
import { buildApp } from '../app.ts'
import { type Config, DATABASE_NAME, SOCKET_NAME } from '../config.ts'
import { refuseLiveSocket } from '../http/listen.ts'
import { createLogger } from '../logging.ts'
import { isLoopback } from '../loopback.ts'
import type { StorageBackend } from '../model.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** From what the configuration allows for closing to when the process ends in any case. */
const GRACE_MS = 800

/** Serves until SIGTERM or Ctrl-C, then ends what is under way; a second signal, or 5 seconds, end the process at once. */
export async function serve(config: Config): Promise<void> {
  const logger = createLogger(config.logLevel)
  const stopped = new AbortController()
  const letGo = () => {
    for (const signal of SIGNALS) process.off(signal, stop)
  }
  const stop = () => {
    // The next signal has its ordinary effect: it ends the process at once. So does time.
    letGo()
    setTimeout(() => {
      logger.error({ active: process.getActiveResourcesInfo() }, 'the service did not end in time, and is ended')
      process.kill(process.pid, 'SIGTERM')
    }, config.shutdownTimeoutMs + GRACE_MS).unref()
    stopped.abort()
  }
  for (const signal of SIGNALS) process.on(signal, stop)
  await serveUntil(stopped.signal, config, logger).finally(letGo)
}

async function serveUntil(stopped: AbortSignal, config: Config, logger: Logger): Promise<void> {
  for (const warning of config.warnings) logger.warn(warning)
  // Before the store is opened, since opening it may change the data set's retention.
  await refuseLiveSocket(join(config.dataDir, SOCKET_NAME))
  const app = await buildApp(config, { logger })
  try {
    const { url, newCode } = await app.listen()
    console.log(
      `Xinyi serves ${url} from ${placeOf(config, app.services.store.backend)}. Open it in a browser for GraphiQL; Ctrl-C ends it.`,
    )
    // For whoever sits in front of it, and nobody's log.
    if (process.stdout.isTTY && config.auth.required && isLoopback(config.host))
      console.log(`To sign in there, open this within 10 minutes; it works once: ${url}#code=${newCode()}`)
    if (!stopped.aborted) await once(stopped, 'abort')
  } finally {
    await app.close()
  }
}

/** The store that serves now, and where it is. */
function placeOf({ storageBackend, dataDir, redisTarget }: Config, serving: StorageBackend): string {
  const sqlite = `SQLite (${resolve(dataDir, DATABASE_NAME)})`
  if (storageBackend === 'sqlite') return sqlite
  const redis = `Redis (${redisPlaceOf(redisTarget)})`
  return serving === 'REDIS' ? redis : `${sqlite} until ${redis} answers`
}

/** Never the password that a URL may hold. */
function redisPlaceOf({ url, sentinels, sentinelName }: Config['redisTarget']): string {
  if (sentinels) return `${sentinelName} of the sentinels ${sentinels.map(({ host, port }) => `${host}:${port}`).join(', ')}`
  if (url.startsWith('/')) return url
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}
