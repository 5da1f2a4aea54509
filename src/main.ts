import { CommanderError } from 'commander'
import type { Environment } from './config.ts'
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

/** Runs a command line (what comes after the name of the program) to its end: answers the exit code, after saying what went wrong. */
export async function run(args: readonly string[], env: Environment): Promise<number> {
  let code = EXIT.ok
  try {
    await program(env, (exitCode) => {
      code = exitCode
    }).parseAsync(args, { from: 'user' })
  } catch (error) {
    return explain(error)
  }
  return code
}
