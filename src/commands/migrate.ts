import { resolve } from 'node:path'
import type { Config } from '../config.ts'
import { StartError } from '../errors.ts'
import { isTimeZone } from '../local-time.ts'
import { KeyBackup } from '../migrate/backup.ts'
import { putBack, setAside } from '../migrate/in-place.ts'
import type { LegacySource } from '../migrate/legacy.ts'
import type { Reading } from '../migrate/parse.ts'
import { Quarantine } from '../migrate/quarantine.ts'
import { openLegacyRedis, sourceOfKeys } from '../migrate/redis-source.ts'
import { type MigrationCounts, MigrationRun } from '../migrate/run.ts'
import { asStartError, openLegacySqlite } from '../migrate/sqlite-source.ts'
import type { Sources } from '../migrate/users.ts'
import { connect, findServer } from './client.ts'
import { startProgress } from './progress.ts'
import { counted } from './sentences.ts'

export interface MigrateOptions {
  from?: string
  and?: string
  inPlace?: boolean
  backup?: string
  sourceTz?: string
  dryRun?: boolean
  quarantine?: string
  json?: boolean
}

export interface MigrationReport extends MigrationCounts {
  dryRun: boolean
  /** Where the records are that were not taken over; null when all were. */
  quarantineFile: string | null
}

/** Takes over what the predecessor kept, in constant memory, and prints what became of it. */
export async function migrate(config: Config, options: MigrateOptions): Promise<MigrationReport> {
  const { dryRun = false, json = false, sourceTz = config.localTimeZone } = options
  if (!isTimeZone(sourceTz)) throw new StartError(`${sourceTz} is no time zone. Give the IANA name of one, such as Asia/Shanghai.`)
  const reading = { timeZone: sourceTz, now: Date.now() }
  const quarantine = dryRun ? null : new Quarantine(resolve(options.quarantine ?? 'quarantine.jsonl'))
  await quarantine?.clear()
  const [first, second] = await openSources(config, options, reading)
  const client = dryRun ? null : await connect(config)
  const progress = startProgress((await first.count()) + ((await second?.count()) ?? 0), 'users')
  const run = new MigrationRun({ client, quarantine, onUser: (users) => progress.update(users, users) })
  try {
    const counts = await run.run(second ? [first, second] : [first])
    const hasQuarantined = Object.keys(counts.quarantined).length > 0
    const report = { dryRun, ...counts, quarantineFile: hasQuarantined && quarantine ? quarantine.path : null }
    progress.stop()
    console.log(json ? JSON.stringify(report) : summary(report))
    return report
  } catch (error) {
    throw asStartError(options.from ?? 'The backup', error)
  } finally {
    progress.stop()
    await Promise.all([quarantine?.close(), first.close(), second?.close(), client?.close()])
  }
}

async function openSources(
  config: Config,
  { from, and, inPlace = false, dryRun = false, backup = 'predecessor-redis.db' }: MigrateOptions,
  reading: Reading,
): Promise<Sources> {
  if (inPlace && (and !== undefined || (from !== undefined && !from.startsWith('sqlite:'))))
    throw new StartError('--in-place takes over the Redis that is configured; beside it give at most --from sqlite:PATH.')
  if (inPlace && config.storageBackend !== 'redis') throw new StartError('--in-place needs MEMORY_STORAGE_BACKEND=redis.')
  if (from === undefined && !inPlace) throw new StartError('Give --from sqlite:PATH or --from redis://HOST:PORT/DB, or --in-place.')
  const first = from === undefined ? undefined : await openSource(from, reading)
  const adopted = async () =>
    dryRun ? openLegacyRedis(config.redisTarget, reading) : sourceOfKeys(await setAside(config.redisTarget, resolve(backup)), reading)
  const second = inPlace ? await adopted() : and === undefined ? undefined : await openSource(and, reading)
  if (first && second?.store === first.store)
    throw new StartError('--from and --and name two stores of one kind; give one of SQLite and one of Redis.')
  if (first) return second ? [first, second] : [first]
  if (!second) throw new StartError('Give --from sqlite:PATH or --from redis://HOST:PORT/DB, or --in-place.')
  return [second]
}

/** Makes the Redis that is configured what it was before `migrate --in-place`. */
export async function undo(config: Config, file: string, { force = false }: { force?: boolean }): Promise<number> {
  const server = await findServer(config)
  await server?.close()
  if (server) throw new StartError('A server is running on this DATA_DIR. Stop it first.')
  const count = await putBack(config.redisTarget, resolve(file), { force })
  console.log(`${counted(count, 'key', 'keys')} put back.`)
  return count
}

/** `sqlite:PATH`, the URL of a Redis, or `backup:PATH` of what `migrate --in-place` set aside. */
export async function openSource(from: string, reading: Reading): Promise<LegacySource> {
  if (from.startsWith('sqlite:')) return openLegacySqlite(from.slice('sqlite:'.length), reading)
  if (/^rediss?:\/\//.test(from) && URL.canParse(from)) return openLegacyRedis({ url: from }, reading)
  if (from.startsWith('redis:/')) return openLegacyRedis({ url: from.slice('redis:'.length) }, reading)
  if (from.startsWith('backup:')) return sourceOfKeys(new KeyBackup(resolve(from.slice('backup:'.length)), { make: false }), reading)
  throw new StartError('A source is sqlite:PATH, redis://HOST:PORT/DB, or redis: and the path of a socket.')
}

function summary({ dryRun, in: found, merged, out, quarantined, quarantineFile }: MigrationReport): string {
  const figures: [number, string][] = [
    [found.users, 'users found'],
    [merged.users, 'of them in both stores'],
    [found.chatsCounted, 'conversations counted there, ever'],
    [found.riskAlertsCounted, 'of these of medium or high risk'],
    [found.conversations, 'conversations still kept there'],
    [merged.conversations, 'besides, in both stores: taken once'],
    [found.emotions, 'emotion points without their conversation'],
    ...(dryRun
      ? []
      : ([
          [out.users, 'users taken over'],
          [out.recorded, 'conversations recorded'],
          [out.beyondRetention, 'of these counted but not kept, being beyond what the retention keeps'],
          [out.alreadyKnown, 'conversations known from an earlier run'],
        ] satisfies [number, string][])),
    ...Object.entries(quarantined).map(([reason, count]): [number, string] => [count, `put aside: ${reason}`]),
  ]
  const width = Math.max(...figures.map(([count]) => String(count).length))
  const lines = figures.map(([count, what]) => `${String(count).padStart(width)} ${what}`)
  if (quarantineFile) lines.push(`What was put aside is in ${quarantineFile}, with its reasons.`)
  if (dryRun) lines.push('Nothing was changed: this was a dry run.')
  return lines.join('\n')
}
