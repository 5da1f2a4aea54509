import type { Config } from '../config.ts'
import { auditFiles } from '../data-dir.ts'
import { headsIn } from '../store/audit/exchange.ts'
import { type Verdict, verifyAudit } from '../store/audit/verify.ts'
import { counted } from './sentences.ts'

/** Reads the whole audit log, with or without a running server, and prints whether it is as it was written. Answers whether it is. */
export async function audit(config: Config, { json = false }: { json?: boolean } = {}): Promise<boolean> {
  const { entries, chains, faults, redis } = await verifyAuditLog(config)
  const whole = faults.length === 0
  const size = `${counted(entries, 'entry', 'entries')} in ${counted(chains, 'chain', 'chains')}`
  if (json) console.log(JSON.stringify({ whole, entries, chains, faults, redis }))
  else if (whole) console.log(`The audit log is whole: ${size}.`)
  else console.log([`The audit log is NOT as it was written (${size}):`, ...faults.map((fault) => `  - ${fault}`)].join('\n'))
  if (!json && redis === 'away') console.log('Redis, which also knows how far it goes, could not be asked.')
  return whole
}

/** Whether the audit log of this DATA_DIR is as it was written, also while a server writes to it; and whether Redis could be asked how far it goes. */
export async function verifyAuditLog(config: Config): Promise<Verdict & { redis: 'asked' | 'away' | null }> {
  // Before the log is read: what it names is in there by then.
  const heads = config.storageBackend === 'redis' ? await headsIn(config.redisTarget).catch(() => null) : []
  const redis = config.storageBackend === 'redis' ? (heads ? 'asked' : 'away') : null
  return { ...verifyAudit({ ...auditFiles(config), heads: heads ?? [] }), redis }
}
