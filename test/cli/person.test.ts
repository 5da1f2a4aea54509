import { expect, test } from 'vitest'
import { startRedis } from '../helpers/redis.ts'
import { freshSettings, serveHere, xinyi } from './xinyi.ts'

const record = (user: string, i: number, risk: string) =>
  `{ userId: "${user}", query: "${user} 说 ${i}", response: "答 ${i}", riskLevel: ${risk}, emotionScore: -0.5, topics: ["t${i % 3}"] }`
const recordAll = (inputs: readonly string[]) => `mutation { recordConversations(input: [${inputs.join(',')}]) { errors: __typename } }`

test('export --user prints everything held on a person, however many pages it takes, and nothing of anybody else', {
  timeout: 120_000,
}, async () => {
  const settings = freshSettings({ RETAIN_CONVERSATIONS: '0' })
  const server = await serveHere(settings)
  const inputs = Array.from({ length: 230 }, (_, i) => record('ann', i, 'HIGH'))
  for (let i = 0; i < inputs.length; i += 50) await server.query(recordAll([...inputs.slice(i, i + 50), record('bob', i, 'LOW')]))
  const { code, stdout } = await xinyi(['export', '--user', 'ann'], settings)
  expect(code).toBe(0)
  const held = JSON.parse(stdout)
  expect(held).toMatchObject({ person: { userId: 'ann', totalChats: 230, totalRiskAlerts: 230 }, alerts: [{ occurrences: 230 }] })
  expect(new Set(held.conversations.map(({ query }: { query: string }) => query))).toEqual(new Set(inputs.map((_, i) => `ann 说 ${i}`)))
  expect(held.emotions).toHaveLength(200)
  expect(held.topics.map(({ name, count }: { name: string; count: number }) => `${name} ${count}`).sort()).toEqual([
    't0 77',
    't1 77',
    't2 76',
  ])
  expect(held.alerts[0].trigger).toMatchObject({ query: 'ann 说 0' })
  expect(held.alerts[0].history).toHaveLength(230)
  expect(held.alerts[0].history[0]).toMatchObject({ kind: 'RAISED' })
  expect(stdout).not.toContain('bob')

  await server.stop()
  const offline = JSON.parse((await xinyi(['export', '--user', 'ann'], settings)).stdout)
  expect({ ...offline, exportedAt: '' }).toEqual({ ...held, exportedAt: '' })
})

test('erase removes a person from both stores, says what went from where, and there is nobody left to export', {
  timeout: 120_000,
}, async () => {
  const redis = await startRedis()
  const settings = freshSettings({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url })
  const server = await serveHere(settings)
  await server.query(recordAll([record('ann', 1, 'HIGH'), record('ann', 2, 'HIGH'), record('bob', 1, 'LOW')]))
  const { code, stdout } = await xinyi(['erase', 'ann', '--reason', 'asked for it'], settings)
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /^Erased, .+\n2 conversations, 2 emotion points, 2 topics, 1 alert with their histories\.\nRedis: \d+ keys\.\nSQLite: \d+ rows\.\n$/,
  )
  expect(await xinyi(['export', '--user', 'ann'], settings)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^Nobody is known/),
  })
  expect((await xinyi(['export', '--user', 'bob'], settings)).code).toBe(0)
  await server.stop()
  await redis.stop()
})

test('export and erase say what they need, and make no data where there is none', { timeout: 120_000 }, async () => {
  const settings = freshSettings()
  expect(await xinyi(['export'], settings)).toMatchObject({ code: 2, stderr: expect.stringContaining('give --user <id>, or --to <kind>') })
  expect(await xinyi(['erase', 'ann'], settings)).toMatchObject({ code: 2, stderr: expect.stringContaining('--reason') })
  expect(await xinyi(['export', '--user', 'ann'], settings)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Nobody/) })
  expect(await xinyi(['erase', 'ann', '--reason', 'x'], settings)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^There is no data/),
  })
})
