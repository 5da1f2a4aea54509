import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { spawnTied } from './children.ts'
import { findRedisServer } from './programs.ts'
import { tempDir } from './temp.ts'

export interface RedisServer {
  /** What REDIS_URL takes: the path of a unix socket, or redis://127.0.0.1:port. */
  url: string
  /** A unix socket that it listens on too. */
  socket: string
  /** Its data directory. */
  dir: string
  /** Of the process that runs now. */
  readonly pid: number
  /** Ends it in an orderly way. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts it again where it was, on what is in its directory; only with `keepDir`. */
  restart(): Promise<void>
  /** SIGSTOP: the process stands still, its connections stay open. */
  freeze(): void
  thaw(): void
  /** Kills it if it runs, and takes its directory away. */
  remove(): Promise<void>
}

export interface RedisOptions {
  port?: number | 'free'
  args?: readonly string[]
  /** What survives a restart: nothing, the append-only file, snapshots, or both. */
  persistence?: 'none' | 'aof' | 'rdb' | 'both'
  /** `stop` and `kill` leave the data directory, for a restart; it goes with this process or with `remove`. */
  keepDir?: boolean
}

const directories = new Set<() => void>()
process.once('exit', () => {
  for (const remove of directories) remove()
})

/** A redis-server of the test's own, empty and (unless asked for) without persistence; resolves when it answers. It dies with this process at the latest. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { port, args = [], persistence = 'none', keepDir = false } = options
  const program = findRedisServer()
  if (!program) throw new Error('There is no redis-server')
  const dir = tempDir()
  directories.add(dir.remove)
  const socket = join(dir.path, 'redis.sock')
  const tcp = port === 'free' ? await freePort() : (port ?? 0)
  const listen = ['--port', String(tcp), '--bind', '127.0.0.1', '--unixsocket', socket]
  const save = persistence === 'rdb' || persistence === 'both' ? '3600 1 60 10000' : ''
  const append = persistence === 'aof' || persistence === 'both' ? 'yes' : 'no'
  const whole = [...listen, '--dir', dir.path, '--save', save, '--appendonly', append, ...args]
  let running: Running | undefined

  const removeDir = () => {
    dir.remove()
    directories.delete(dir.remove)
  }
  const finish = async (signal: NodeJS.Signals) => {
    const { child, exited } = running ?? {}
    // A stopped (SIGSTOP) server would never hear SIGTERM.
    if (signal === 'SIGTERM') child?.kill('SIGCONT')
    child?.kill(signal)
    child?.ref()
    await exited
    running = undefined
    if (!keepDir) removeDir()
  }
  const begin = async () => {
    running = launch(program, whole)
    try {
      await running.ready
      await ping(socket)
    } catch (error) {
      await finish('SIGKILL')
      throw error
    }
    // It must not keep this process alive: what ends with it is ended by it.
    running.child.stdout?.destroy()
    running.child.unref()
  }
  await begin()
  return {
    url: tcp ? `redis://127.0.0.1:${tcp}` : socket,
    socket,
    dir: dir.path,
    get pid() {
      return running?.child.pid ?? 0
    },
    stop: () => finish('SIGTERM'),
    kill: () => finish('SIGKILL'),
    async restart() {
      if (!keepDir || running) throw new Error(running ? 'It still runs' : 'Its directory is not kept')
      await begin()
    },
    freeze: () => void running?.child.kill('SIGSTOP'),
    thaw: () => void running?.child.kill('SIGCONT'),
    async remove() {
      if (running) await finish('SIGKILL')
      removeDir()
    },
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : freePort()
}

interface Running {
  child: ChildProcess
  exited: Promise<unknown>
  ready: Promise<void>
}

function launch(program: string, args: readonly string[]): Running {
  const child = spawnTied(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const tooSoon = exited.then(([code]) => Promise.reject(new Error(`redis-server ended at once (${code})`)))
  const ready = Promise.race([saysReady(child), tooSoon])
  // Once it was ready, its end is no failure of the start.
  ready.catch(() => {})
  tooSoon.catch(() => {})
  return { child, exited, ready }
}

function saysReady(child: ChildProcess): Promise<void> {
  let said = ''
  return new Promise((resolve) => {
    child.stdout?.on('data', (text: Buffer) => {
      said += text.toString()
      if (said.includes('eady to accept connections')) resolve()
    })
  })
}

async function ping(path: string): Promise<void> {
  const socket = connect(path)
  socket.write('PING\r\n')
  const [answer] = await once(socket, 'data')
  socket.destroy()
  if (!String(answer).startsWith('+PONG')) throw new Error(`redis-server answers PING with ${answer}`)
}
