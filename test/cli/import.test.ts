import { once } from 'node:events'
import { existsSync, readFileSync, statSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { generateHistory } from '../../src/demo/history.ts'
import { startRedis } from '../helpers/redis.ts'
import { freshSettings, type Server, type Settings, serveHere, serving, spawnXinyi, xinyi, xinyiProcess } from './xinyi.ts'

type Row = Record<string, unknown>

const row = (fields: Row = {}): Row => ({ user: 'u', query: 'q', response: 'r', ...fields })

function write(settings: { DATA_DIR: string }, content: readonly (Row | string)[]): string {
  const file = join(settings.DATA_DIR, 'rows.jsonl')
  writeFileSync(file, content.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''))
  return file
}

async function report(settings: Settings, file: string, ...options: string[]): Promise<Row> {
  const { stdout, stderr } = await xinyi(['import', file, '--json', ...options], settings)
  // On a busy machine Redis can be too slow for a moment; SQLite has taken it then.
  expect(stderr.split('\n').filter((line) => line !== '' && !line.includes('Redis can not be used'))).toEqual([])
  return JSON.parse(stdout)
}

const rejectsOf = (file: string): Row[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

const USERS = '{ users(first: 100, orderBy: USER_ID_ASC) { edges { node { userId totalChats } } } }'

/** Rows of invented users, as files have them. */
const invented = (rows = 700): Row[] =>
  generateHistory({ seed: 7, users: rows, now: Date.now() })
    .take(rows)
    .toArray()
    .map(({ userId, occurredAt, riskLevel, query, response, emotionScore }) => ({
      user: userId,
      timestamp: new Date(occurredAt).toISOString(),
      query,
      response,
      risk: riskLevel.toLowerCase(),
      emotionScore,
    }))

test('every row is recorded once, however often the file is imported, by a command alone or through a server', async () => {
  const settings = freshSettings()
  const file = write(settings, invented())
  const first = await report(settings, file)
  expect(first).toMatchObject({ file, read: 700, recorded: 700, alreadyKnown: 0, rejected: 0, rejectedFile: null })
  expect(first.beyondRetention).toBeGreaterThan(0)
  const server = await serveHere(settings)
  const before = await server.query(USERS)
  expect(await report(settings, file)).toMatchObject({ read: 700, recorded: 0, beyondRetention: 0, alreadyKnown: 700, users: first.users })
  expect(await server.query(USERS)).toEqual(before)
})

test('the same file gives the same answers from either store, also after a restart', { timeout: 60_000 }, async () => {
  const redis = await startRedis({ persistence: 'aof' })
  const lastVisit = new Date(Date.now() - 3_600_000).toISOString()
  const rows = [...invented(500), row({ user: 'today', query: '压力很大', timestamp: lastVisit, risk: 'HIGH' })]
  const question = `{ users(first: 50, orderBy: USER_ID_ASC) { edges { node {
    userId createdAt lastActiveAt totalChats totalRiskAlerts currentRisk attention summary
    conversations(first: 5) { edges { node { occurredAt query response riskLevel emotionScore topics { name } } } }
    topics(first: 5) { edges { count node { name } } }
    emotionTrend { count mean movingAverage }
    riskAlerts(first: 5) { edges { node { id level status occurrences } } }
  } } } topics(first: 30) { edges { userCount node { name } } } }`
  const answers: unknown[] = []
  for (const store of [{ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url }, { MEMORY_STORAGE_BACKEND: 'sqlite' }]) {
    const settings = freshSettings(store)
    await report(settings, write(settings, rows))
    for (let start = 0; start < 2; start += 1) {
      const server = await serveHere(settings)
      answers.push(await server.query(question))
      await server.stop()
    }
  }
  const [first, ...others] = answers.map((answer) => Object(answer).data)
  expect(first.users.edges.length).toBeGreaterThan(20)
  for (const other of others) expect(other).toEqual(first)
  await redis.stop()
})

test('a row that stands in the file twice happened twice', async () => {
  const settings = freshSettings()
  const file = write(settings, [row(), row(), row({ response: 'else' })])
  expect(await report(settings, file)).toMatchObject({ recorded: 3, users: 1 })
  expect(await report(settings, file)).toMatchObject({ recorded: 0, alreadyKnown: 3 })
  writeFileSync(file, `${JSON.stringify(row())}\n`, { flag: 'a' })
  expect(await report(settings, file)).toMatchObject({ recorded: 1, alreadyKnown: 3 })
})

describe('bad rows', () => {
  test('are set aside with their line, the reason and the row itself; the others are recorded', async () => {
    const settings = freshSettings()
    const bad = [
      '{"user": "u", "query',
      row({ query: '' }),
      row({ query: 'x'.repeat(16_001) }),
      row({ risk: 'grave' }),
      '{"user": "u", "query": "\\ud83d", "response": "r"}',
      '{"user": "u", "query": "q", "response": "r", "emotionScore": 1e999}',
      row({ timestamp: new Date(Date.now() + 3_600_000).toISOString() }),
      row({ topic: 't'.repeat(65) }),
    ].map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
    const file = write(settings, [row(), '', ...bad, '   ', row({ user: 'v' })])
    const { code, stdout } = await xinyi(['import', file, '--json'], settings)
    const rejectedFile = join(settings.DATA_DIR, 'rows.rejected.jsonl')
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({ read: 10, recorded: 2, rejected: 8, users: 2, rejectedFile })
    const rejects = rejectsOf(rejectedFile).sort((a, b) => Number(a.line) - Number(b.line))
    expect(rejects.map(({ row }) => row)).toEqual(bad)
    expect(rejects.map(({ line }) => line)).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
    expect(rejects.map(({ reason }) => reason)).toEqual([
      'The row has to be a JSON object.',
      expect.stringContaining('query is empty'),
      expect.stringContaining('query has 16001 code points'),
      expect.stringContaining('risk has to be one of'),
      expect.stringContaining('not well-formed Unicode'),
      expect.stringContaining('emotionScore has to be a finite number'),
      expect.stringContaining('in the future'),
      expect.stringContaining('65 code points'),
    ])
    expect(statSync(rejectedFile).mode & 0o777).toBe(0o600)
  })

  test('are forgotten when the file is imported again and has none', async () => {
    const settings = freshSettings()
    const file = write(settings, [row(), 'no JSON'])
    await xinyi(['import', file], settings)
    expect((await xinyi(['import', write(settings, [row()])], settings)).code).toBe(0)
    expect(existsSync(join(settings.DATA_DIR, 'rows.rejected.jsonl'))).toBe(false)
  })

  test('of any length are set aside without being held in memory', async () => {
    const settings = freshSettings()
    const file = write(settings, [row()])
    for (let i = 0; i < 8; i += 1) writeFileSync(file, 'x'.repeat(8 * 1024 * 1024), { flag: 'a' })
    writeFileSync(file, `\n${JSON.stringify(row({ user: 'v' }))}`, { flag: 'a' })
    const { stdout } = await xinyiProcess(['import', file, '--json'], { ...settings, NODE_OPTIONS: '--max-old-space-size=96' })
    expect(JSON.parse(stdout)).toMatchObject({ read: 3, recorded: 2, rejected: 1 })
    expect(rejectsOf(join(settings.DATA_DIR, 'rows.rejected.jsonl'))).toEqual([
      { line: 2, reason: 'The line is longer than 8 MiB.', row: null },
    ])
  })

  test('include those that are known with other content', async () => {
    const settings = freshSettings()
    await report(settings, write(settings, [row({ risk: 'LOW' })]))
    const file = write(settings, [row({ risk: 'HIGH' })])
    expect((await xinyi(['import', file], settings)).code).toBe(3)
    expect(rejectsOf(join(settings.DATA_DIR, 'rows.rejected.jsonl'))).toMatchObject([
      { line: 1, reason: expect.stringContaining('recorded already') },
    ])
  })
})

test('people without a name stay apart, and are found again', async () => {
  const settings = freshSettings()
  const file = write(settings, [row({ user: '' }), row({ user: 'anonymous' }), row({ user: 'anonymous' })])
  expect(await report(settings, file)).toMatchObject({ recorded: 3, users: 3 })
  expect(await report(settings, file)).toMatchObject({ recorded: 0, alreadyKnown: 3, users: 3 })
})

test('--raise-alerts has one alert raised for whoever was at risk within the last seven days, escalated to nobody', async () => {
  const settings = freshSettings()
  const risky = (user: string, hoursAgo: number, risk: string) =>
    row({ user, risk, timestamp: new Date(Date.now() - hoursAgo * 3_600_000).toISOString() })
  const file = write(settings, [
    ...[risky('graver', 90, 'HIGH'), risky('graver', 120, 'IMMINENT'), risky('graver', 30, 'LOW'), risky('graver', 100, 'IMMINENT')],
    ...[
      risky('over', 190, 'IMMINENT'),
      risky('fresh', 60, 'MEDIUM'),
      risky('fresh', 2, 'MEDIUM'),
      risky('', 48, 'HIGH'),
      risky('calm', 30, 'LOW'),
    ],
  ])
  await report(settings, file, '--raise-alerts')
  const server = await serveHere(settings)
  const { riskAlerts } = Object(
    await server.query('{ riskAlerts(first: 9) { edges { node { level occurrences user { userId } } } } }'),
  ).data
  const alerts = riskAlerts.edges.map(({ node }: { node: Row & { user: Row } }) => [node.user.userId, node.level, node.occurrences])
  expect(alerts).toEqual([
    ['graver', 'IMMINENT', 1],
    [expect.stringMatching(/^anon_/), 'HIGH', 1],
    ['fresh', 'MEDIUM', 1],
  ])
})

test('rows older than the retention keeps are counted, not kept', async () => {
  const settings = freshSettings()
  const file = write(settings, [row({ timestamp: '2020-02-02' }), row()])
  expect(await report(settings, file)).toMatchObject({ recorded: 2, beyondRetention: 1 })
})

test('a server that takes little at once gets it in pieces', async () => {
  const settings = freshSettings()
  await serveHere({ ...settings, MAX_BODY_BYTES: '20000' })
  const rows = Array.from({ length: 20 }, (_, i) => row({ query: `${i} ${'x'.repeat(4_000)}` }))
  expect(await report(settings, write(settings, rows))).toMatchObject({ recorded: 20, rejected: 0 })
})

/** Resolves when the first row of this file was set aside: the batch before it is recorded then, and more are to come. */
async function someRejected(settings: { DATA_DIR: string }): Promise<void> {
  const rejects = join(settings.DATA_DIR, 'rows.rejected.jsonl')
  const watcher = watch(settings.DATA_DIR)
  while (!existsSync(rejects) || statSync(rejects).size === 0) await once(watcher, 'change')
  watcher.close()
}

test('an import that was killed in the middle is completed by running it again', async () => {
  const settings = freshSettings()
  const rows = invented()
  const file = write(settings, [...rows.slice(0, 600), 'bad', ...rows.slice(600)])
  const child = spawnXinyi(['import', file], settings)
  await someRejected(settings)
  child.kill('SIGKILL')
  await child.ended
  const again = await report(settings, file)
  expect(Number(again.recorded) + Number(again.alreadyKnown)).toBe(700)
  expect(again.alreadyKnown).toBeGreaterThanOrEqual(500)
  expect(await report(settings, file)).toMatchObject({ alreadyKnown: 700 })
})

/** Whether everybody of these rows has as many conversations as rows. */
async function expectTotals(server: Server, rows: readonly Row[]): Promise<void> {
  for (const user of [...new Set(rows.map(({ user }) => String(user)))].slice(20, 50)) {
    const answer = await server.query(`{ user(userId: "${user}") { totalChats } }`)
    expect(answer).toMatchObject({ data: { user: { totalChats: rows.filter((row) => row.user === user).length } } })
  }
}

test('while the server does not answer an import tries again, and doubles nothing', async () => {
  const settings = freshSettings()
  const rows = invented(1_200)
  const file = write(settings, [...rows.slice(0, 600), 'bad', ...rows.slice(600)])
  const server = await serving('serve', settings)
  const child = spawnXinyi(['import', file, '--json'], settings)
  await someRejected(settings)
  server.signal('SIGKILL')
  await server.stop()
  const next = await serveHere(settings)
  const { code, stdout } = await child.ended
  expect(code).toBe(3)
  const { recorded, alreadyKnown } = JSON.parse(stdout)
  expect(recorded + alreadyKnown).toBe(1_200)
  await expectTotals(next, rows)
  expect((await xinyi(['import', file, '--json'], settings)).stdout).toContain('"recorded":0')
})

test('an import does not notice that Redis stops answering, and Redis gets everything once', async () => {
  const redis = await startRedis()
  onTestFinished(redis.stop)
  const settings = freshSettings({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url })
  const rows = invented(1_200)
  const file = write(settings, [...rows.slice(0, 600), 'bad', ...rows.slice(600)])
  const child = spawnXinyi(['import', file, '--json'], settings)
  await someRejected(settings)
  redis.freeze()
  const { code, stdout } = await child.ended
  redis.thaw()
  expect({ code, counts: JSON.parse(stdout) }).toMatchObject({ code: 3, counts: { recorded: 1_200, alreadyKnown: 0 } })
  const server = await serveHere(settings)
  await vi.waitFor(
    async () =>
      expect(await server.query('{ storage { mode pendingWrites } }')).toMatchObject({
        data: { storage: { mode: 'PRIMARY', pendingWrites: 0 } },
      }),
    { timeout: 10_000 },
  )
  await expectTotals(server, rows)
})

test.each([
  ['nowhere.jsonl', 'is not there'],
  ['', 'is a directory'],
])('a file %j that cannot be imported is told as a sentence', async (name, said) => {
  const settings = freshSettings()
  const { code, stderr } = await xinyi(['import', join(settings.DATA_DIR, name)], settings)
  expect(code).toBe(1)
  expect(stderr).toContain(said)
})
