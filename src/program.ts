import { readFileSync } from 'node:fs'
import { Argument, Command, Option } from 'commander'
import type { Target } from './commands/export.ts'
import type { MigrateOptions } from './commands/migrate.ts'
import type { TokenOptions } from './commands/token.ts'
import type { VerifyOptions } from './commands/verify.ts'
import { type Environment, loadConfig } from './config.ts'
import type { Pin } from './store/store.ts'

const { version }: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/** What a command ends with; documented in the help below. */
export const EXIT = { ok: 0, failed: 1, usage: 2, someRejected: 3 }

// A verb's code is loaded only when it is asked for, which keeps --help quick.
export function program(env: Environment, done: (exitCode: number) => void): Command {
  const config = () => loadConfig(env)
  // A server logs the warnings itself.
  const configAndWarnings = () => {
    const loaded = config()
    for (const warning of loaded.warnings) console.error(warning)
    return loaded
  }
  const xinyi = new Command('xinyi')
    .description('Xinyi (心忆): the memory service of an AI counselling assistant.')
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 not understood, 3 imported or migrated but for what was set aside.')
    .addHelpText('after', 'Configuration comes from the environment: docs/configuration.md has all settings.')

  xinyi
    .command('serve')
    .description('serve the GraphQL API until SIGTERM or Ctrl-C')
    .action(async () => (await import('./commands/serve.ts')).serve(config()))
  xinyi
    .command('demo')
    .description('fill an empty data set with invented users, then serve it')
    .action(async () => (await import('./commands/demo.ts')).demo(config()))
  xinyi
    .command('import')
    .description('record the conversations of a JSON Lines file; running it again doubles nothing')
    .argument('<file>', 'rows of {user, query, response, timestamp?, risk?, emotionScore?, topic?}')
    .option('--json', 'print the counts as JSON')
    .option('--raise-alerts', 'raise an alert, escalated to nobody, for each person who was at risk within the last 7 days')
    .action(async (file: string, options: { json?: true; raiseAlerts?: true }) => {
      const { importFile } = await import('./commands/import.ts')
      const { rejected } = await importFile(configAndWarnings(), file, options)
      if (rejected > 0) done(EXIT.someRejected)
    })
  xinyi
    .command('migrate')
    .description('take over what the predecessor kept in SQLite or Redis; running it again doubles nothing')
    .option('--from <store>', 'sqlite:PATH, or redis://HOST:PORT/DB')
    .option('--and <store>', 'its other store, which holds (some of) the same users')
    .option('--in-place', 'take over the very Redis that is configured here: what the predecessor has there goes into a backup first')
    .option('--backup <file>', 'with --in-place: that backup (default: predecessor-redis.db)')
    .addOption(
      new Option('--undo <file>', 'put such a backup back into the Redis that is configured').conflicts(['from', 'and', 'inPlace']),
    )
    .option('--force', 'with --undo: remove what is in the way')
    .option('--source-tz <zone>', 'time zone of its times, which name none (default: LOCAL_TIME_ZONE)')
    .option('--dry-run', 'read everything, change nothing')
    .option('--quarantine <file>', 'where to put what can not be taken over (default: quarantine.jsonl)')
    .option('--json', 'print the report as JSON')
    .action(async (options: MigrateOptions & { undo?: string; force?: true }) => {
      if (options.undo !== undefined)
        return void (await (await import('./commands/migrate.ts')).undo(configAndWarnings(), options.undo, options))
      const { quarantined } = await (await import('./commands/migrate.ts')).migrate(configAndWarnings(), options)
      if (Object.keys(quarantined).length > 0) done(EXIT.someRejected)
    })
  xinyi
    .command('verify')
    .description('compare, user by user, what the predecessor kept with what is here; exit code 1 where they differ')
    .requiredOption('--against <store>', 'sqlite:PATH, redis://HOST:PORT/DB, or backup:PATH of migrate --in-place')
    .option('--and <store>', 'its other store')
    .option('--source-tz <zone>', 'time zone of its times, which name none (default: LOCAL_TIME_ZONE)')
    .option('--json', 'print the differences as JSON')
    .action(async (options: VerifyOptions) => {
      const { differences } = await (await import('./commands/verify.ts')).verify(configAndWarnings(), options)
      if (differences > 0) done(EXIT.failed)
    })
  xinyi
    .command('export')
    .description('print everything held on a person; or write everybody as the predecessor can read them, for the way back')
    .option('--user <id>', 'whom to print, as JSON')
    .addOption(
      new Option('--to <kind>', 'which store of the predecessor to write')
        .choices(['sqlite-legacy', 'redis-legacy'] satisfies Target[])
        .conflicts('user'),
    )
    .argument('[place]', 'with --to: a new SQLite file, or redis://HOST:PORT/DB of an empty Redis')
    .action(async (place: string | undefined, { user, to }: { user?: string; to?: Target }, command: Command) => {
      if (user !== undefined && place === undefined)
        return (await import('./commands/export-user.ts')).exportUser(configAndWarnings(), user)
      if (to === undefined || place === undefined) return command.error('error: give --user <id>, or --to <kind> and a place')
      await (await import('./commands/export.ts')).exportAll(configAndWarnings(), { to, place })
    })
  xinyi
    .command('erase')
    .description('remove everything of a person, for good: nothing from before can come back')
    .argument('<id>', 'of the person, as the recordings give it')
    .requiredOption('--reason <text>', 'why, for the record; nothing about the person')
    .option('--json', 'print what went as JSON')
    .action(async (id: string, options: { reason: string; json?: true }) =>
      (await import('./commands/erase.ts')).erase(configAndWarnings(), id, options),
    )
  xinyi
    .command('status')
    .description('say how the stores are doing, where they are, and what they hold')
    .option('--json', 'print it as JSON')
    .action(async (options: { json?: true }) => (await import('./commands/status.ts')).status(configAndWarnings(), options))
  xinyi
    .command('token')
    .description('print a token that the server takes: Authorization: Bearer <token>')
    .requiredOption('--role <role>', 'what it is for: SERVICE, COUNSELOR, SUPERVISOR or ADMIN')
    .requiredOption('--name <name>', 'how whoever has it is called')
    .option('--sub <sub>', 'how they are known for ever (default: the name)')
    .option('--days <days>', 'for how long (default: 30)')
    .action(async (options: TokenOptions) => (await import('./commands/token.ts')).token(configAndWarnings(), options))
  xinyi
    .command('backup')
    .description('write a consistent backup of the data directory into a file, while the server runs or without one')
    .argument('<file>', 'where to; one that is there is replaced when the new one is whole. In a directory it gets a name with the time')
    .option('--drill', 'restore it in a scratch directory too, and compare')
    .option('--keep <counts>', 'in a directory: of how many days, weeks, months to keep a backup, such as 7d,4w; others are removed')
    .option('--json', 'print what it holds as JSON')
    .action(async (file: string, options: { drill?: true; keep?: string; json?: true }) =>
      (await import('./commands/backup.ts')).backup(configAndWarnings(), file, options),
    )
  xinyi
    .command('restore')
    .description('put a backup into the data directory, while no server runs there')
    .argument('<file>', 'a backup')
    .option('--force', 'also where there is data already, which is moved aside')
    .option('--rollback', 'give up what came after it: Redis and every other server go back to it, and cursors expire')
    .option('--json', 'print what it held as JSON')
    .action(async (file: string, options: { force?: true; rollback?: true; json?: true }) =>
      (await import('./commands/backup.ts')).restore(configAndWarnings(), file, options),
    )
  xinyi
    .command('doctor')
    .description('look for what makes trouble: settings, disk, permissions, clock, Redis, database; exit code 1 with problems')
    .option('--json', 'print what was found as JSON')
    .action(async (options: { json?: true }) => {
      if (!(await (await import('./commands/doctor.ts')).doctor(config, options))) done(EXIT.failed)
    })
  xinyi
    .command('compact')
    .description('remove what has expired, and give room back to the disk and to the memory of Redis, while the server runs or without one')
    .option('--hold-up', 'also where a running server can record nothing meanwhile, some 5 s a GiB')
    .option('--json', 'print what was won as JSON')
    .action(async (options: { holdUp?: true; json?: true }) =>
      (await import('./commands/compact.ts')).compact(configAndWarnings(), options),
    )
  const storage = xinyi.command('storage').description('move a running server between its stores')
  storage
    .command('pin')
    .description('sqlite: use no Redis, for its maintenance; auto: use it again')
    .addArgument(new Argument('<to>', 'which store is to serve').choices(['sqlite', 'auto'] satisfies Pin[]))
    .option('--json', 'print the status after it as JSON')
    .action(async (to: Pin, options: { json?: true }) => (await import('./commands/pin.ts')).pin(configAndWarnings(), to, options))
  const audit = xinyi.command('audit').description('look after the log of who did, or was shown, what of whom')
  audit
    .command('verify')
    .description('read all of it, and say whether it is as it was written; with or without a running server')
    .option('--json', 'print it as JSON')
    .action(async (options: { json?: true }) => {
      if (!(await (await import('./commands/audit.ts')).audit(configAndWarnings(), options))) done(EXIT.failed)
    })
  return xinyi
}
