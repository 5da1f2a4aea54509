import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { spawnTied } from '../test/helpers/children.ts'
import { type RedisServer, startRedis } from '../test/helpers/redis.ts'
import { tempDir } from '../test/helpers/temp.ts'
import { Instance } from '../test/torture/instance.ts'
import { healed } from '../test/torture/world.ts'
import { type JobInput, Measured } from './job.ts'

const CLIENTS = fileURLToPath(new URL('clients.ts', import.meta.url))
const PLAIN = fileURLToPath(new URL('plain.ts', import.meta.url))
const BARE = fileURLToPath(new URL('bare.ts', import.meta.url))
const LISTENERS = fileURLToPath(new URL('listeners.ts', import.meta.url))
const LOOP = new URL('loop.ts', import.meta.url).href

/** One server with its Redis, for one benchmark. */
export interface Bench {
  redis: RedisServer
  server: Instance
  /** Where the server writes its event-loop delay. */
  loopFile: string
  clients(job: Omit<JobInput, 'url'>): Promise<Measured>
  /** What Redis is to start with next is nothing. Only when it does not run. */
  emptyRedis(): void
}

/**
 * One that has run for long rewrites its append-only file when that has doubled, once in days; one that has only begun would do so several
 * times within a bench, with a process of its own each time.
 */
export const BENCH_REDIS = ['--auto-aof-rewrite-min-size', '4gb']

/** Runs `act` with a Redis and a server of its own, both gone afterwards. */
export async function withBench<T>(act: (bench: Bench) => Promise<T>, settings: Record<string, string> = {}): Promise<T> {
  const dir = tempDir()
  const redis = await startRedis({ port: 'free', persistence: 'aof', keepDir: true, args: BENCH_REDIS })
  const loopFile = join(dir.path, 'loop.json')
  // All subscribers come from one address.
  const many = { MAX_CONNECTIONS: '20000', MAX_CONNECTIONS_PER_ADDRESS: '20000' }
  const env = { BENCH_LOOP_FILE: loopFile, LOG_LEVEL: 'warn', ...many, ...settings }
  const server = new Instance({ name: 'w', redisUrl: redis.url, dir: dir.path, env, nodeArgs: ['--import', LOOP] })
  try {
    await server.start()
    if (settings.MEMORY_STORAGE_BACKEND !== 'sqlite') await settled(server)
    const result = await act({
      redis,
      server,
      loopFile,
      clients: (job) => runClients({ ...job, url: server.url ?? '' }),
      emptyRedis: () => rmSync(join(redis.dir, 'appendonlydir'), { recursive: true, force: true }),
    })
    if (server.crashes.length > 0) throw new Error(`${server.crashes.join()}: ${readFileSync(server.logFile, 'utf8').slice(-2_000)}`)
    return result
  } finally {
    await server.stop()
    await redis.remove()
    dir.remove()
  }
}

export async function runClients(job: JobInput): Promise<Measured> {
  const child = spawnTied(process.execPath, [CLIENTS, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'inherit'] })
  if (!child.stdout) throw new Error('no standard output')
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code !== 0) throw new Error(`the clients ended with ${code}`)
  return Measured.parse(JSON.parse(said))
}

/** Another server, to compare ours with; `stop` ends it. */
export interface Other {
  url: string
  pid: number
  stop(): Promise<void>
}

/** A server of the same schema and services that shares nothing among subscribers. */
export const plainServer = (redisUrl: string): Promise<Other> =>
  serveApart((dir) => ({ args: [PLAIN], env: { DATA_DIR: dir, MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redisUrl } }))

/** A server that does nothing but keep batches in the two stores. */
export const bareServer = (redisUrl: string): Promise<Other> => serveApart((dir) => ({ args: [BARE, redisUrl, join(dir, 'bare.db')] }))

/** Starts a program that prints where it serves, with a directory of its own. */
async function serveApart(programIn: (dir: string) => { args: string[]; env?: Record<string, string> }): Promise<Other> {
  const dir = tempDir()
  const { PATH = '', HOME = '' } = process.env
  const { args, env } = programIn(dir.path)
  const child = spawnTied(process.execPath, ['--max-semi-space-size=16', ...args], {
    env: { PATH, HOME, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (!child.stdout || child.pid === undefined) throw new Error('no server')
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  return {
    url: z.string().parse(line),
    pid: child.pid,
    async stop() {
      child.kill('SIGKILL')
      await once(child, 'exit')
      dir.remove()
    },
  }
}

/** CPU time of a process, all of its threads, in ms; and the memory that it has, in MB. */
export function usageOf(pid: number): { cpuMs: number; residentMb: number } {
  // After the name, which may hold anything: fields 14 and 15, in ticks of 10 ms (proc_pid_stat(5)).
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * 10, residentMb: Number(resident) / 1024 }
}

/** So many subscribers, in a process of their own; `end` answers how long each event took to each of them, in ms. */
export async function listen(url: string, count: number, asking: 'words' | 'none'): Promise<{ end(): Promise<number[]> }> {
  const child = spawnTied(process.execPath, [LISTENERS, url, String(count), asking], { stdio: ['pipe', 'pipe', 'inherit'] })
  const { stdin, stdout } = child
  if (!stdout || !stdin) throw new Error('no standard output')
  let said = ''
  const ready = Promise.withResolvers<void>()
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
    if (said.includes('\n')) ready.resolve()
  })
  await ready.promise
  return {
    async end() {
      stdin.end()
      await once(child, 'close')
      return z.array(z.number()).parse(JSON.parse(said.slice(said.indexOf('\n'))))
    },
  }
}

/** Waits until Redis is in use and nothing is pending; answers how long that took, in ms. */
export async function settled(server: Instance, limitMs = 60_000): Promise<number> {
  const result = await healed([server], limitMs)
  if ('sick' in result) throw new Error(`not healed within ${limitMs} ms: ${result.sick.join()}`)
  return result.ms
}

/** Records 5 conversations for each of so many users, in batches. */
export async function fill({ clients }: Bench, users: number): Promise<void> {
  for (let done = 0; done < users * 5; ) {
    const { requests } = await clients({ send: 'batch', connections: 4, rate: null, seconds: 2, users, first: done })
    done += requests.filter(([, , ok]) => ok).length * 100
    if (requests.length === 0) throw new Error('nothing is recorded')
  }
}
