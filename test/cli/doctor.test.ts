import { chmodSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { roomOf } from '../../src/doctor/directory.ts'
import { startRedis } from '../helpers/redis.ts'
import { freshSettings, type Settings, serveHere, serving, xinyi } from './xinyi.ts'

const TIMEOUT = { timeout: 180_000 }
const RECORD = 'mutation { recordConversation(input: { userId: "u", query: "q", response: "r", riskLevel: HIGH }) { duplicate } }'

/** What it found besides what is well, as `level check: sentence`. */
async function ills(settings: Settings): Promise<{ code: number | null; found: string[] }> {
  const { code, stdout } = await xinyi(['doctor', '--json'], settings)
  const findings: { check: string; level: string; says: string }[] = JSON.parse(stdout)
  return { code, found: findings.filter(({ level }) => level !== 'ok').map(({ check, level, says }) => `${level} ${check}: ${says}`) }
}

const found = (code: number, ...sentences: RegExp[]) => ({ code, found: sentences.map((sentence) => expect.stringMatching(sentence)) })

/** A data directory that a server has left, with a token key of its own. */
async function left(): Promise<Settings & { DATA_DIR: string }> {
  const settings = freshSettings({ AUTH: 'on' })
  await (await serveHere(settings)).stop()
  return settings
}

test('doctor finds nothing where all is well, with or without a server, and each finding is a line', TIMEOUT, async () => {
  const redis = await startRedis({ persistence: 'aof' })
  const settings = freshSettings({ AUTH: 'on', MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url })
  expect(await ills(settings)).toEqual(found(0))
  expect(existsSync(join(settings.DATA_DIR, 'xinyi.db'))).toBe(false)
  const server = await serveHere(settings)
  expect(await ills(settings)).toEqual(found(0))
  await server.stop()
  const { code, stdout } = await xinyi(['doctor'], settings)
  expect(code).toBe(0)
  expect(
    stdout
      .trim()
      .split('\n')
      .every((line) => /^(OK|WARNING) +[a-z ]+: .+\.$/.test(line)),
    stdout,
  ).toBe(true)
  await redis.stop()
})

test('doctor leaves a data set of an earlier format to the server, and says so', TIMEOUT, async () => {
  const server = await startRedis()
  const settings = freshSettings({ AUTH: 'on', MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: server.url })
  await (await serveHere(settings)).stop()
  const redis = new Redis(server.url)
  await redis.hset('xinyi:meta', 'format', 1)
  expect((await xinyi(['doctor'], settings)).stdout).toMatch(
    /^OK +redis: .+ of an earlier format, which the next start .+ brings up to date\.$/m,
  )
  expect(await redis.hget('xinyi:meta', 'format')).toBe('1')
  redis.disconnect()
  await server.stop()
})

test('doctor finds settings that are wrong, or probably meant otherwise', TIMEOUT, async () => {
  expect(await ills(freshSettings({ AUTH: 'on', PORT: 'many' }))).toEqual(found(1, /^problem configuration: .*PORT is "many"/s))
  expect(await ills(freshSettings({ AUTH: 'on', REDIS_HOTS: 'x' }))).toEqual(found(0, /^warning configuration: REDIS_HOTS .+ REDIS_HOST/))
})

test('doctor finds what is wrong with a data directory', TIMEOUT, async () => {
  const settings = await left()
  const [data, key] = [join(settings.DATA_DIR, 'xinyi.db'), join(settings.DATA_DIR, 'token.key')]
  chmodSync(settings.DATA_DIR, 0o755)
  chmodSync(data, 0o644)
  expect(await ills(settings)).toEqual(found(1, /^problem permissions: .+chmod 700 .+; chmod 600 .+xinyi\.db\.$/))
  chmodSync(settings.DATA_DIR, 0o700)
  chmodSync(data, 0o600)

  const nextYear = Date.now() / 1_000 + 31_536_000
  utimesSync(data, nextYear, nextYear)
  writeFileSync(key, 'short')
  expect(await ills(settings)).toEqual(found(1, /^problem clock: .+ Set it right/, /^problem tokens: There is no secret of 32 bytes/))
  expect(await ills({ ...settings, DATA_DIR: key })).toEqual(found(1, /^problem data directory: .+ is not a directory/))
})

test('doctor finds a database that is damaged, empty or gone, and changes nothing of it', TIMEOUT, async () => {
  const settings = await left()
  const data = join(settings.DATA_DIR, 'xinyi.db')
  const whole = readFileSync(data)
  const damaged = Buffer.from(whole).fill(0xff, 4096, 3 * 4096)
  writeFileSync(data, damaged)
  expect(await ills(settings)).toEqual(found(1, /^problem database: .+ is damaged/))
  expect(readFileSync(data).equals(damaged)).toBe(true)
  truncateSync(data)
  expect(await ills(settings)).toEqual(found(1, /^problem database: .+ is empty/))
  renameSync(data, `${data}-wal`)
  expect(await ills(settings)).toEqual(found(1, /^problem database: .+ is gone, but .+-wal/))
  rmSync(`${data}-wal`)
})

test('doctor finds a Redis that is away, forgets, evicts, or is not ours', TIMEOUT, async () => {
  const settings = freshSettings({ AUTH: 'on', MEMORY_STORAGE_BACKEND: 'redis', REDIS_PORT: '1' })
  expect(await ills(settings)).toEqual(found(1, /^problem redis: .+ECONNREFUSED/))
  const redis = await startRedis({ args: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'] })
  const { REDIS_PORT: _, ...others } = settings
  const at = { ...others, REDIS_URL: redis.url }
  const careless = [/^warning redis: Redis may evict keys/, /^warning redis: Redis keeps nothing on disk/]
  expect(await ills(at)).toEqual(found(0, ...careless))
  const client = new Redis(redis.url)
  await client.set('user:li:profile', 'x')
  client.disconnect()
  expect(await ills(at)).toEqual(found(1, /^problem redis: Redis holds user:\* keys but no data-set id/, ...careless))
  await redis.stop()
})

test('doctor finds a server that is away from Redis, pinned, or hangs', TIMEOUT, async () => {
  const redis = await startRedis({ persistence: 'aof' })
  const settings = freshSettings({ AUTH: 'off', MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redis.url })
  const server = await serving('serve', settings)
  await xinyi(['storage', 'pin', 'sqlite'], settings)
  await server.query(RECORD)
  const off = /^warning tokens: AUTH is off/
  expect(await ills(settings)).toEqual(found(0, off, /^warning mode: .+ pinned/, /^warning pending writes: 1 wait/))
  await redis.stop()
  await xinyi(['storage', 'pin', 'auto'], settings)
  expect(await ills(settings)).toEqual(
    found(1, off, /^problem redis/, /^problem mode: SQLite serves because Redis does not/, /^warning pending/),
  )
  const data = join(settings.DATA_DIR, 'xinyi.db')
  renameSync(data, `${data}.moved`)
  expect((await xinyi(['status'], settings)).stdout).toContain('The disk refused the last recording (FILE_GONE)')
  expect((await ills(settings)).found).toContainEqual(
    expect.stringMatching(/^problem writes: .+FILE_GONE.+ was moved or removed under the server/),
  )
  renameSync(`${data}.moved`, data)
  server.signal('SIGSTOP')
  const hung = await ills(settings)
  server.signal('SIGCONT')
  expect(hung).toEqual(found(1, off, /^problem redis/, /^problem server: A server has .+ does not answer/))
})

test('doctor says when the disk is nearly full', () => {
  const MIB = 1024 * 1024
  expect([100, 900, 2_000].map((mib) => roomOf(mib * MIB).level)).toEqual(['problem', 'warning', 'ok'])
})
