import { existsSync, globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { program } from '../src/program.ts'
import { anchorsOf, linksOf, PAGES, ROOT, textOf } from './helpers/pages.ts'

test.each(PAGES)('what %s links to is there, files and headings', (page) => {
  const broken = linksOf(textOf(page)).filter((link) => {
    const [path = '', anchor] = link.split('#')
    const file = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(ROOT, file))) return true
    return anchor !== undefined && !anchorsOf(textOf(file)).includes(anchor)
  })
  expect(broken).toEqual([])
})

test('every page is linked to from another', () => {
  const linked = new Set(PAGES.flatMap((page) => linksOf(textOf(page)).map((link) => join(dirname(page), link.split('#')[0] || page))))
  expect(PAGES.filter((page) => page !== 'README.md' && !linked.has(page))).toEqual([])
})

/** Whether the command line would understand this, as said by it. */
function complaint(command: string): string | null {
  const line = program({}, () => {})
  const all = [line]
  for (const each of all) {
    all.push(...each.commands)
    each.exitOverride().configureOutput({ writeErr: () => {} })
    if (each.commands.length === 0) each.action(() => {})
  }
  try {
    line.parse(command.split(' '), { from: 'user' })
    return null
  } catch (error) {
    return error instanceof Error && !error.message.includes('outputHelp') ? `${command}: ${error.message}` : null
  }
}

test.each(PAGES)('the commands that %s names are ones that there are, with options that they have', (page) => {
  const named = [...textOf(page).matchAll(/(?:npx\s+xinyi|src\/xinyi\.js)((?: [^\s`)|;&]+)+)/g)].map(([, line = '']) => line.trim())
  const wrong = named.filter((line) => !/…|COMMAND/.test(line)).map(complaint)
  // A command may be named without what it needs; whatever else is wrong with it is a mistake.
  expect(wrong.filter((each) => each !== null && !/missing required argument|required option/.test(each))).toEqual([])
  const { scripts } = JSON.parse(textOf('package.json'))
  const npm = [...textOf(page).matchAll(/npm run (\w+)/g)].map(([, script = '']) => script)
  expect(npm.filter((script) => !Object.hasOwn(scripts, script))).toEqual([])
})

test('each room of src is on the plan of the house', () => {
  const plan = textOf('docs/architecture.md')
  expect(globSync('src/*/', { cwd: ROOT }).filter((room) => !plan.includes(`\`${room.replace(/\/?$/, '/')}`))).toEqual([])
})

test('the Chinese README shows the same commands, operations and settings as the English one', () => {
  const shown = (page: string) => textOf(page).match(/^```[\s\S]*?^```$/gm)
  const settings = (page: string) => [...textOf(page).matchAll(/^\| (`[A-Z_]+` \| \S* ?\|)/gm)].map(([, cells]) => cells)
  const headings = (page: string) => textOf(page).match(/^#+ /gm)
  expect(shown('README.zh-CN.md')).toEqual(shown('README.md'))
  expect(settings('README.zh-CN.md')).toEqual(settings('README.md'))
  expect(settings('README.md')?.length).toBeGreaterThan(5)
  expect(headings('README.zh-CN.md')).toEqual(headings('README.md'))
})

/** Settings of other programs, and codes of the log, which the pages name too. */
const OTHERS = ['NODE_EXTRA_CA_CERTS', 'REDIS_SERVER_BIN', 'SQLITE_FULL', 'FILE_GONE']

test('a setting that a page names is one that there is', () => {
  const known = ['docs/configuration.md', 'schema/schema.graphql', 'src/errors.ts'].map(textOf).join() + OTHERS
  const names = PAGES.flatMap((page) => [...textOf(page).matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`/g)].map(([, name = '']) => name))
  // Those of OpenTelemetry are its SDK's own.
  expect([...new Set(names)].filter((name) => !known.includes(name) && !name.startsWith('OTEL_'))).toEqual([])
})
