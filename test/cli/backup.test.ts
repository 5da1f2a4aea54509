import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startRedis } from '../helpers/redis.ts'
import { freshSettings, type Server, type Settings, serveHere, serving, xinyi } from './xinyi.ts'

const record = (server: Server, user: string, i: number) =>
  server.query(
    `mutation { recordConversation(input: { userId: "${user}", query: "问 ${i}", response: "答", riskLevel: HIGH, idempotencyKey: "${user}-${i}" }) { duplicate } }`,
  )
const queriesOf = async (settings: Settings, user: string): Promise<string[]> => {
  const { stdout } = await xinyi(['export', '--user', user], settings)
  return JSON.parse(stdout).conversations.map(({ query }: { query: string }) => query)
}

test.each(['sqlite', 'redis'])(
  'a backup taken while recordings go on restores to the very point that its manifest names (%s)',
  {
    timeout: 120_000,
  },
  async (backend) => {
    const redis = backend === 'redis' ? await startRedis() : null
    const settings = freshSettings({ MEMORY_STORAGE_BACKEND: backend, ...(redis && { REDIS_URL: redis.url }), RETAIN_CONVERSATIONS: '0' })
    const server = await serving('serve', settings)
    const file = join(settings.DATA_DIR, 'x.backup')
    let recorded = 0
    const until = { stopped: false }
    for (; recorded < 20; recorded += 1) await record(server, 'ann', recorded)
    const load = (async () => {
      for (; !until.stopped; recorded += 1) await record(server, 'ann', recorded)
    })()
    const { code, stdout, stderr } = await xinyi(['backup', file, '--drill', '--json'], settings)
    until.stopped = true
    await load
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    await server.stop()
    await redis?.stop()
    const { contents } = JSON.parse(stdout)
    expect(contents.rows.users).toBe(1)
    expect(contents.rows.conversations).toBeGreaterThanOrEqual(20)
    expect(contents.rows.conversations).toBeLessThan(recorded)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(settings.DATA_DIR).filter((name) => /snapshot|part/.test(name))).toEqual([])

    const elsewhere = { ...freshSettings({ MEMORY_STORAGE_BACKEND: backend, REDIS_PORT: '1' }), RETAIN_CONVERSATIONS: '0' }
    expect(await xinyi(['restore', file], elsewhere)).toMatchObject({
      ...{ code: 0, stderr: '' },
      stdout: expect.stringContaining('There is no xinyi.erased in '),
    })
    const queries = await queriesOf(elsewhere, 'ann')
    // What it holds is all that was recorded up to some moment, without a gap; what was journaled and not yet applied, too.
    expect(queries.toReversed()).toEqual(Array.from({ length: queries.length }, (_, i) => `问 ${i}`))
    expect(queries.length).toBeGreaterThanOrEqual(contents.rows.conversations)
  },
)

test('restore never overwrites unless it is told to, and then moves aside what was there', { timeout: 120_000 }, async () => {
  const settings = freshSettings()
  const file = join(settings.DATA_DIR, 'x.backup')
  const server = await serveHere(settings)
  await record(server, 'ann', 1)
  expect((await xinyi(['backup', file], settings)).code).toBe(0)
  await record(server, 'ann', 2)
  expect(await xinyi(['restore', file, '--force'], settings)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^A server is running/),
  })
  await server.stop()
  expect(await xinyi(['restore', file], settings)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^There is data/) })
  expect(await queriesOf(settings, 'ann')).toEqual(['问 2', '问 1'])
  const { code, stdout } = await xinyi(['restore', file, '--force', '--json'], settings)
  expect(code).toBe(0)
  expect(await queriesOf(settings, 'ann')).toEqual(['问 1'])
  expect(existsSync(JSON.parse(stdout).replaced)).toBe(true)
})

test('a backup that is damaged, cut short, newer or none is refused, and nothing is made', { timeout: 120_000 }, async () => {
  const settings = freshSettings()
  const whole = join(settings.DATA_DIR, 'x.backup')
  expect(await xinyi(['backup', whole], settings)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^There is no data/) })
  const server = await serveHere(settings)
  await record(server, 'ann', 1)
  await server.stop()
  expect((await xinyi(['backup', whole], settings)).code).toBe(0)
  const bytes = readFileSync(whole)
  const flipped = Buffer.from(bytes)
  flipped.writeUInt8(flipped.readUInt8(bytes.length - 500) ^ 1, bytes.length - 500)
  const text = bytes.toString('latin1')
  const bad: [string, Buffer | string, RegExp][] = [
    ['flipped', flipped, /is damaged/],
    ['short', bytes.subarray(0, bytes.length - 100), /is damaged/],
    ['newer', Buffer.from(text.replace('"xinyiBackup":1', '"xinyiBackup":2'), 'latin1'), /written by a newer Xinyi/],
    ['other count', Buffer.from(text.replace('"users":1', '"users":2'), 'latin1'), /does not hold what its manifest says/],
    ['none', 'hello', /is no backup/],
  ]
  for (const [name, content, sentence] of bad) {
    const file = join(settings.DATA_DIR, name)
    writeFileSync(file, content)
    const empty = freshSettings()
    expect(await xinyi(['restore', file], empty), name).toMatchObject({ code: 1, stderr: expect.stringMatching(sentence) })
    expect(readdirSync(empty.DATA_DIR), name).toEqual([])
  }
})
