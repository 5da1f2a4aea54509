// Writes the table of settings into README.md; with --check only says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { SETTINGS } from '../src/settings.ts'

const file = new URL('../README.md', import.meta.url)
const BEGIN = '<!-- settings: npm run docs -->'
const END = '<!-- /settings -->'

const code = (text: string): string => (text === '' ? '' : `\`${text}\``)
const rows = SETTINGS.map(({ name, default: fallback, description }) => `| ${code(name)} | ${code(fallback)} | ${description} |`)
const table = ['| Setting | Default | Meaning |', '| --- | --- | --- |', ...rows].join('\n')

const present = readFileSync(file, 'utf8')
const [before, after] = [present.split(BEGIN)[0], present.split(END)[1]]
if (before === undefined || after === undefined) throw new Error(`README.md lacks ${BEGIN} or ${END}`)
const wanted = `${before}${BEGIN}\n${table}\n${END}${after}`

if (!process.argv.includes('--check')) writeFileSync(file, wanted)
else if (present !== wanted) {
  console.error('README.md: the table of settings is stale: npm run docs')
  process.exitCode = 1
}
