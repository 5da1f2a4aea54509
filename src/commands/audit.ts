import { verifyAuditLog } from '../app.ts'
import type { Config } from '../config.ts'
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
