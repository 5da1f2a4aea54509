// npm run torture: the whole product, its Redis and its network broken at random from a seed, and everything checked against what was acknowledged.
import { tempDir } from '../helpers/temp.ts'
import { readOptions, USAGE } from './options.ts'
import { report } from './report.ts'
import { torture } from './run.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

// Every child dies with this process, which removes their directories as it goes.
for (const signal of SIGNALS) process.once(signal, () => process.exit(130))

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  const dir = tempDir()
  if (!options.keep) process.once('exit', dir.remove)
  const result = await torture(options, dir.path)
  console.log(`\n${report(result)}`)
  const failed = result.ledger.violations.length > 0
  const { seconds, seed, writers } = options
  console.log(
    failed
      ? `\nVIOLATED. To repeat: npm run torture -- --seconds ${seconds} --seed ${seed} --writers ${writers}`
      : '\nNothing lost, nothing doubled.',
  )
  if (options.keep) console.log(`Logs and data: ${dir.path}`)
  return failed ? 1 : 0
}

try {
  process.exit(await main())
} catch (error) {
  console.error(error, `\n${USAGE}`)
  process.exit(2)
}
