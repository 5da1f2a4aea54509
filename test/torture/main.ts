// npm run torture: the whole product, its Redis and its network broken at random from a seed, and everything checked against what was acknowledged.
import { tempDir } from '../helpers/temp.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { report } from './report.ts'
import { torture } from './run.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

// Every child dies with this process, which removes their directories as it goes.
for (const signal of SIGNALS) process.once(signal, () => process.exit(130))

async function main(): Promise<number> {
  const options = asked()
  if (!options) return 2
  const dir = tempDir()
  if (!options.keep) process.once('exit', dir.remove)
  const result = await torture(options, dir.path)
  console.log(`\n${report(result)}`)
  const failed = result.ledger.violations.length > 0
  const { seconds, seed, writers, clients, batch, subscribers } = options
  console.log(
    failed
      ? `\nVIOLATED. To repeat: npm run torture -- --seconds ${seconds} --seed ${seed} --writers ${writers} --clients ${clients} --batch ${batch} --subscribers ${subscribers}`
      : '\nNothing lost, nothing doubled.',
  )
  if (options.keep) console.log(`Logs and data: ${dir.path}`)
  return failed ? 1 : 0
}

function asked(): Options | null {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error, `\n${USAGE}`)
    return null
  }
}

try {
  process.exit(await main())
} catch (error) {
  console.error(error)
  process.exit(2)
}
