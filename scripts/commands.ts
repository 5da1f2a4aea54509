import type { Command } from 'commander'
import { program } from '../src/program.ts'
import { table } from './table.ts'

const HEAD = `# Commands

Generated from the command line by \`npm run docs\`. Each is called as \`npx xinyi COMMAND\`, and \`--help\` behind it says what stands here.

While a server runs, they work through its socket in \`DATA_DIR\`; without one, on what is in the stores. They read the same
[settings](configuration.md) as the server. Exit codes: 0 done, 1 failed, 2 not understood, 3 imported or migrated but for what was set aside.
`

/** Where the pages say more. */
const MORE: Readonly<Record<string, string>> = {
  serve: '[Deployment](deployment.md)',
  demo: '[README](../README.md#start)',
  import: '[Importing](import.md)',
  migrate: '[Moving in](migration.md)',
  verify: '[Moving in](migration.md)',
  export: '[One person](backup.md#one-person), [the way back](migration.md#the-way-back)',
  erase: '[One person](backup.md#one-person)',
  status: '[What an operator sees](messages.md#how-the-stores-are-doing)',
  token: '[Tokens](security.md#tokens)',
  backup: '[Backup and restore](backup.md)',
  restore: '[Backup and restore](backup.md)',
  compact: '[Giving room back](backup.md#giving-room-back)',
  doctor: '[Operations](operations.md)',
  'storage pin': '[Redis and SQLite](storage.md)',
  'audit verify': '[Audit](security.md#audit)',
}

const leaves = (command: Command, names: readonly string[] = []): [name: string, command: Command][] =>
  command.commands.length === 0 ? [[names.join(' '), command]] : command.commands.flatMap((each) => leaves(each, [...names, each.name()]))

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1).replaceAll('<', '\\<')}.`

function section([name, command]: [string, Command]): string {
  const more = MORE[name]
  if (!more) throw new Error(`scripts/commands.ts does not say where more is on xinyi ${name}.`)
  const args = command.registeredArguments.map((each) => ({
    ...each,
    flags: each.required ? `<${each.name()}>` : `[${each.name()}]`,
    mandatory: false,
  }))
  const rows = [...args, ...command.options].map(({ flags, description, argChoices, mandatory }) => [
    `\`${flags}\``,
    [description, ...(argChoices ? [`one of ${argChoices.join(', ')}`] : []), ...(mandatory ? ['required'] : [])].join('; '),
  ])
  const options = rows.length > 0 ? [`${table(['Argument', 'Meaning'], ...rows)}\n`] : []
  return [`## ${name}\n`, `${sentence(command.description())} More: ${more}.\n`, ...options].join('\n')
}

/** docs/commands.md */
export const commands = (): string => [HEAD, ...leaves(program({}, () => {})).map(section)].join('\n')
