import { CommanderError } from 'commander'
import { StartError, XinyiError } from './errors.ts'
import { EXIT, program } from './program.ts'

/** The exit code for an error, after saying what went wrong. */
async function explain(error: unknown): Promise<number> {
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof StartError) console.error(error.message)
  else if (error instanceof XinyiError) console.error(`${error.message} ${error.hint}`)
  else {
    const { describeError } = await import('./logging.ts')
    console.error('Xinyi failed unexpectedly:', describeError(error))
  }
  return EXIT.failed
}

try {
  await program(process.env, (exitCode) => {
    process.exitCode = exitCode
  }).parseAsync()
} catch (error) {
  process.exitCode = await explain(error)
}
