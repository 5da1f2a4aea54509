import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freshSettings, serving, xinyi } from './xinyi.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DOCUMENTS = [
  'README.md',
  'docs/architecture.md',
  'docs/backup.md',
  'docs/configuration.md',
  'docs/import.md',
  'docs/reliability.md',
  'docs/security.md',
]
const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const README = textOf('README.md')
const blocks = (language: string): string[] =>
  [...README.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, block = '']) => block)

test('every command of the README is run by a test or by CI', () => {
  const { scripts } = JSON.parse(textOf('package.json'))
  // What test/cli runs as child processes; npm start and npm run demo have to be just that.
  const tested = [
    'status',
    'doctor',
    'import docs/example.jsonl',
    'storage pin sqlite',
    'storage pin auto',
    'backup xinyi.backup --drill',
    'token --role SUPERVISOR --name 陈主任',
  ].map((command) => `npx xinyi ${command}`)
  if (scripts.start === 'node src/xinyi.js serve') tested.push('npm start')
  if (scripts.demo === 'node src/xinyi.js demo') tested.push('npm run demo')
  const ci = textOf('.ci/run')
  const commands = blocks('sh').flatMap((block) => block.trim().split(/\n| && /))
  expect(commands.length).toBeGreaterThan(5)
  expect(commands.filter((command) => !tested.includes(command) && !ci.includes(command))).toEqual([])
})

test('the commands that the README shows do what it says', async () => {
  const settings = freshSettings()
  const file = join(settings.DATA_DIR, 'example.jsonl')
  copyFileSync(join(ROOT, 'docs/example.jsonl'), file)
  const { code, stdout } = await xinyi(['import', file, '--json'], settings)
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ read: 3, recorded: 3, users: 2 })
  expect((await xinyi(['status'], settings)).stdout).toContain('2 users')
})

test('the query of the README has the answer that it shows', async () => {
  // As on a machine without Redis.
  const server = await serving('serve', freshSettings({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_PORT: '1' }))
  const [query = ''] = blocks('graphql')
  const [answer = ''] = blocks('json')
  expect(await server.query(query)).toEqual(JSON.parse(answer))
})

test('npx finds the command in this directory', { timeout: 60_000 }, () => {
  const { stdout } = spawnSync('npx', ['xinyi', '--version'], { cwd: ROOT, encoding: 'utf8' })
  expect(stdout).toBe(`${JSON.parse(textOf('package.json')).version}\n`)
})

test('the table of settings is that of src/settings.ts', () => {
  expect(spawnSync(process.execPath, ['scripts/docs.ts', '--check'], { cwd: ROOT, encoding: 'utf8' })).toMatchObject({
    status: 0,
    stderr: '',
  })
})

test.each(DOCUMENTS)('what %s links to is there', (document) => {
  const links = [...textOf(document).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = '']) => join(ROOT, document, '..', path))
  expect(links.filter((path) => !existsSync(path))).toEqual([])
})
