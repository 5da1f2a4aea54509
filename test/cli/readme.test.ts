import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { blocks, PAGES, ROOT, textOf } from '../helpers/pages.ts'
import { tempDir } from '../helpers/temp.ts'
import { freshSettings, type Settings, serving } from './xinyi.ts'

/** What no test runs as it stands, and why. The commands of xinyi among them are still looked at by test/pages.test.ts. */
const NOT_RUN: readonly (readonly [begins: RegExp, why: string])[] = [
  [/^docker /, 'needs Docker: test/deploy has its files, and .ci/run the steps of the image in a bare folder'],
  [/^(useradd|install|systemctl) /, 'root on a machine of its own: test/deploy has systemd look at the unit'],
  [/^npx xinyi (migrate|verify|export --to) /, 'needs what the predecessor left: test/migrate runs them'],
]

interface Shown {
  page: string
  command: string
}

/** Every command that a block shows, a line each; what is shown indented is one too where it is ours. */
const commandsOf = (page: string): Shown[] => {
  const indented = [...textOf(page).matchAll(/^ {4}((?:npx|npm|docker) .+)$/gm)].map(([, line = '']) => line)
  const lines = [...blocks(page, 'sh'), ...blocks(page, 'console'), ...indented].flatMap((block) =>
    block
      .replaceAll(/\\\n\s*/g, '')
      .trim()
      .split(/\n/),
  )
  return lines.map((command) => ({ page, command }))
}

const CI = textOf('.ci/run')
const isOfCi = (command: string): boolean =>
  command.split(' && ').every((each) => /^np[mx] /.test(each) && CI.split(/\n|&/).some((line) => line.includes(each)))
const isNotRun = (command: string): boolean => NOT_RUN.some(([begins]) => begins.test(command))
const SHOWN = PAGES.flatMap(commandsOf)
const RUN_HERE = SHOWN.filter(({ command }) => !isOfCi(command) && !isNotRun(command))

test('what is said not to be run is shown somewhere', () => {
  expect(NOT_RUN.filter(([begins]) => !SHOWN.some(({ command }) => begins.test(command)))).toEqual([])
})

test('the query of the README has its answer, and every command of the pages that CI does not run does what it should', {
  timeout: 180_000,
}, async () => {
  // As on a machine without Redis.
  const settings = freshSettings({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_PORT: '1', AUTH: 'on' })
  const server = await serving('serve', settings)
  const run = runner(settings, new URL(server.url).host)
  const token = (await run('npx xinyi token --role SUPERVISOR --name 陈主任')).stdout.trim()
  const [query = ''] = blocks('README.md', 'graphql')
  const [answer = ''] = blocks('README.md', 'json')
  // Whoever has signed in is noted; nobody waits for that.
  const waiting = () => server.query('{ overview { users } }', token)
  await expect.poll(waiting, { timeout: 20_000 }).toMatchObject({ extensions: { storage: { pendingWrites: 2 } } })
  expect(await server.query(query, token)).toEqual(JSON.parse(answer))

  // All of a page goes into one shell, since a line may need what one before it has set or written; pages run beside each other.
  const scripts = PAGES.filter((page) => page !== 'README.zh-CN.md').flatMap((page) => {
    const commands = RUN_HERE.filter((shown) => shown.page === page).map(({ command }) => command)
    return commands.length > 0 ? [{ page, script: commands.join('\n') }] : []
  })
  const ended = await Promise.all(scripts.map(async ({ page, script }) => ({ page, ...(await run(script)) })))
  expect(ended.filter(({ code }) => code !== 0)).toEqual([])
  expect(ended.find(({ page }) => page === 'README.md')?.stdout).toContain('3 recorded')
})

/** Runs scripts, each in a directory of its own, where npx finds our command and the address of the README is this server's. */
function runner(settings: Settings, host: string) {
  const { path: root, remove } = tempDir()
  onTestFinished(remove)
  const npx = join(root, 'npx')
  const xinyi = `"${process.execPath}" "${ROOT}/src/xinyi.js" "$@"`
  // No server runs where a backup is restored; doctor ends with 1 where it finds that Redis is not there.
  const cases = `restore) DATA_DIR="$PWD/restored" exec ${xinyi};; doctor) ${xinyi} || [ $? = 1 ];; *) exec ${xinyi};;`
  writeFileSync(npx, `#!/bin/sh\nshift\ncase "$1" in ${cases} esac\n`, { mode: 0o755 })
  const env = { HOME: root, ...settings, PATH: `${root}:${process.env.PATH}` }
  return async (script: string) => {
    const cwd = mkdtempSync(join(root, 'page-'))
    mkdirSync(join(cwd, 'docs'))
    copyFileSync(join(ROOT, 'docs/example.jsonl'), join(cwd, 'docs/example.jsonl'))
    const child = spawn('bash', ['-ec', script.replaceAll('localhost:8001', host)], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [[code], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
    return { code, stdout, stderr }
  }
}

test('npx finds the command in this directory', { timeout: 60_000 }, () => {
  const { stdout } = spawnSync('npx', ['xinyi', '--version'], { cwd: ROOT, encoding: 'utf8' })
  expect(stdout).toBe(`${JSON.parse(textOf('package.json')).version}\n`)
})
