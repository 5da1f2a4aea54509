import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { spawnTied } from '../test/helpers/children.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { tempDir } from '../test/helpers/temp.ts'
import { population, writeRedis, writeSqlite } from '../test/migrate/predecessor.ts'
import { usageOf } from './bench.ts'

const XINYI = fileURLToPath(new URL('../src/xinyi.js', import.meta.url))
const SEED = 1
/** What 5 conversations of a user are made of, in characters. */
const LENGTH = 150
const SAMPLE_MS = 250

export interface Moved {
  seconds: number
  cpuSeconds: number
  /** Of the command, in MB: when a fifth of the time had passed, and at most. */
  earlyMb: number
  peakMb: number
}

/** Moves so many users, with 5 conversations each, from one kind of store into the other. */
export async function moving(users: number, { from, into }: { from: 'sqlite' | 'redis'; into: 'sqlite' | 'redis' }): Promise<Moved> {
  const dir = tempDir()
  const source = from === 'redis' ? await startRedis() : null
  const target = into === 'redis' ? await startRedis({ persistence: 'aof', keepDir: true }) : null
  try {
    const people = population(users, SEED, { chats: 5, length: LENGTH })
    const path = join(dir.path, 'memories.db')
    if (source) {
      const redis = new Redis(source.url)
      await writeRedis(redis, people)
      redis.disconnect()
    } else writeSqlite(path, people).close()
    const keepAll = { RETAIN_CONVERSATIONS_DAYS: '0', RETAIN_EMOTIONS_DAYS: '0', RETAIN_PROFILE_DAYS: '0' }
    const { PATH = '', HOME = '' } = process.env
    const store = target ? { MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: target.url } : { MEMORY_STORAGE_BACKEND: 'sqlite' }
    const env = { PATH, HOME, DATA_DIR: join(dir.path, 'data'), LOG_LEVEL: 'warn', ...keepAll, ...store }
    const place = source ? `redis:${source.url}` : `sqlite:${path}`
    const args = ['migrate', '--from', place, '--source-tz', 'Asia/Shanghai', '--json', '--quarantine', join(dir.path, 'quarantine.jsonl')]
    const moved = await measured(args, env)
    if (!moved.said.includes(`"out":{"users":${users},"recorded":${users * 5}`)) throw new Error(moved.said)
    return moved
  } finally {
    await source?.remove()
    await target?.remove()
    dir.remove()
  }
}

async function measured(args: readonly string[], env: Record<string, string>): Promise<Moved & { said: string }> {
  const began = performance.now()
  const child = spawnTied(process.execPath, [XINYI, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const { pid, stdout } = child
  if (!stdout || pid === undefined) throw new Error('it did not start')
  const samples: number[] = []
  let cpuMs = 0
  const timer = setInterval(() => {
    if (child.exitCode !== null) return
    const usage = usageOf(pid)
    // It may just have ended.
    if (Number.isNaN(usage.residentMb)) return
    samples.push(usage.residentMb)
    cpuMs = usage.cpuMs
  }, SAMPLE_MS)
  const [said, [code]] = await Promise.all([text(stdout), once(child, 'exit')])
  clearInterval(timer)
  if (code !== 0) throw new Error(`xinyi migrate ended with ${code}: ${said}`)
  return {
    said,
    seconds: (performance.now() - began) / 1_000,
    cpuSeconds: cpuMs / 1_000,
    earlyMb: Math.max(...samples.slice(0, Math.ceil(samples.length / 5))),
    peakMb: Math.max(...samples),
  }
}
