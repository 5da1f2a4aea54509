// Writes what the docs have from the source: the table of settings in README.md, and whole pages; with --check only says whether they are up to date.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { commands } from './commands.ts'
import { configuration, shortTable } from './configuration.ts'
import { permissions } from './permissions.ts'

const BEGIN = '<!-- settings: npm run docs -->'
const END = '<!-- /settings -->'

function withSettings(present: string): string {
  const [before, after] = [present.split(BEGIN)[0], present.split(END)[1]]
  if (before === undefined || after === undefined) throw new Error(`README.md lacks ${BEGIN} or ${END}`)
  return `${before}${BEGIN}\n${shortTable()}\n${END}${after}`
}

const FILES: Record<string, (present: string) => string> = {
  'README.md': withSettings,
  'docs/commands.md': commands,
  'docs/configuration.md': configuration,
  'docs/permissions.md': permissions,
}

for (const [name, wanted] of Object.entries(FILES)) {
  const file = new URL(`../${name}`, import.meta.url)
  const present = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const text = wanted(present)
  if (!process.argv.includes('--check')) writeFileSync(file, text)
  else if (present !== text) {
    console.error(`${name} is stale: npm run docs`)
    process.exitCode = 1
  }
}
