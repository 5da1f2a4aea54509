import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { findRedisServer } from './programs.ts'
import { tempDir } from './temp.ts'

export interface RedisServer {
  /** What REDIS_URL takes: the path of a unix socket, or redis://127.0.0.1:port. */
  url: string
  pid: number
  /** Ends it in an orderly way. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
}

const running = new Set<() => void>()
process.once('exit', () => {
  for (const end of running) end()
})

/** A redis-server of the test's own, empty and without persistence; resolves when it answers. It dies with this process at the latest. */
export async function startRedis({ port, args = [] }: { port?: number | 'free'; args?: readonly string[] } = {}): Promise<RedisServer> {
  const program = findRedisServer()
  if (!program) throw new Error('There is no redis-server')
  const dir = tempDir()
  const socket = join(dir.path, 'redis.sock')
  const tcp = port === 'free' ? await freePort() : (port ?? 0)
  const listen = ['--port', String(tcp), '--bind', '127.0.0.1', '--unixsocket', socket]
  const child = spawn(program, [...listen, '--dir', dir.path, '--save', '', '--appendonly', 'no', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const end = () => {
    child.kill('SIGKILL')
    dir.remove()
  }
  running.add(end)
  const finish = async (signal: NodeJS.Signals) => {
    // A stopped (SIGSTOP) server would never hear SIGTERM.
    if (signal === 'SIGTERM') child.kill('SIGCONT')
    child.kill(signal)
    await exited
    running.delete(end)
    dir.remove()
  }
  try {
    await Promise.race([ready(child), exited.then(([code]) => Promise.reject(new Error(`redis-server ended at once (${code})`)))])
    await ping(socket)
  } catch (error) {
    await finish('SIGKILL')
    throw error
  }
  // It must not keep this process alive: what ends with it is ended by it.
  child.stdout?.destroy()
  child.unref()
  return {
    url: tcp ? `redis://127.0.0.1:${tcp}` : socket,
    pid: child.pid ?? 0,
    stop: () => finish('SIGTERM'),
    kill: () => finish('SIGKILL'),
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

function ready(child: ChildProcess): Promise<void> {
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
