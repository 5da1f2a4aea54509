import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshSettings, serving, XINYI, xinyi, xinyiProcess } from './xinyi.ts'

test('--help names every command and every exit code', async () => {
  const { code, stdout } = await xinyi(['--help'], {})
  expect(code).toBe(0)
  for (const word of ['serve', 'demo', 'import', 'status', 'storage', 'Exit codes: 0 done, 1 failed, 2 not understood'])
    expect(stdout).toContain(word)
})

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(await xinyiProcess(['--version'], {})).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test('whoever reads what a command prints may stop before its end', () => {
  const { stderr } = spawnSync('sh', ['-c', '"$0" "$1" --help | true', process.execPath, XINYI], { encoding: 'utf8' })
  expect(stderr).toBe('')
})

test.each([
  [['imprt'], 'Did you mean import?'],
  [['import'], "missing required argument 'file'"],
  [['status', '--jsn'], 'Did you mean --json?'],
  [[], 'Usage: xinyi'],
])('%j is not understood: exit code 2', async (args, said) => {
  const { code, stderr } = await xinyi(args, {})
  expect(code).toBe(2)
  expect(stderr).toContain(said)
})

test('a mistake in the configuration is told as a sentence, and nothing is begun', async () => {
  const { code, stdout, stderr } = await xinyi(['serve'], { PORT: 'http', LOG_LEVEL: 'loud' })
  expect(code).toBe(1)
  expect(stdout).toBe('')
  expect(stderr.split('\n')).toEqual([
    'The configuration has to be put right first:',
    '  - PORT is "http"; it has to be a whole number from 0 to 65535.',
    '  - LOG_LEVEL is "loud"; it has to be one of trace, debug, info, warn, error, silent.',
    '',
  ])
})

test.each(['/proc/nothing/here', '/dev/null/here'])('a DATA_DIR that can not be made (%s) is refused with a sentence', async (dir) => {
  const { code, stderr } = await xinyi(['serve'], { ...freshSettings(), DATA_DIR: dir })
  expect(code).toBe(1)
  expect(stderr).toMatch(/The directory .+ can't be made\. Choose one/)
})

test('a runtime that is too old is refused with a sentence, before anything is loaded', async () => {
  const pretend = (version: string) => [
    '--import',
    `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
  ]
  for (const version of ['14.21.3', '20.20.2', '22.17.1']) {
    const { code, stdout, stderr } = await xinyiProcess(['--version'], {}, pretend(version))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^Xinyi needs Node.js 22\.18 or newer, and this is .+: run npm ci, .+ npm start or npx xinyi\.\n$/)
  }
  expect((await xinyiProcess(['--version'], {}, pretend('22.18.0'))).code).toBe(0)
})

test('serve says in one line where it serves and from what, warns of what may be a mistake, and ends cleanly', async () => {
  const settings = freshSettings({ RETAIN_CONVERSATION: '5' })
  const server = await serving('serve', settings)
  expect(server.said).toEqual([expect.stringContaining(`from SQLite (${join(settings.DATA_DIR, 'xinyi.db')})`)])
  expect(await server.query('{ __typename }')).toMatchObject({ data: { __typename: 'Query' } })
  const { code, stderr } = await server.stop()
  expect(code).toBe(0)
  expect(stderr).toContain('RETAIN_CONVERSATION is set and means nothing here; RETAIN_CONVERSATIONS was probably meant.')
})
