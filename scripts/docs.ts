// Writes what the docs have from the source: the table of settings in README.md, and docs/permissions.md; with --check only says whether they are up to date.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { SETTINGS } from '../src/settings.ts'
import { permissions } from './permissions.ts'

const BEGIN = '<!-- settings: npm run docs -->'
const END = '<!-- /settings -->'

const code = (text: string): string => (text === '' ? '' : `\`${text}\``)

function withSettings(present: string): string {
  const rows = SETTINGS.map(({ name, default: fallback, description }) => `| ${code(name)} | ${code(fallback)} | ${description} |`)
  const table = ['| Setting | Default | Meaning |', '| --- | --- | --- |', ...rows].join('\n')
  const [before, after] = [present.split(BEGIN)[0], present.split(END)[1]]
  if (before === undefined || after === undefined) throw new Error(`README.md lacks ${BEGIN} or ${END}`)
  return `${before}${BEGIN}\n${table}\n${END}${after}`
}

const FILES: Record<string, (present: string) => string> = { 'README.md': withSettings, 'docs/permissions.md': permissions }

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
