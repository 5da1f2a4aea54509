import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { signToken } from '../../src/auth/tokens.ts'
import { loadConfig } from '../../src/config.ts'
import { spawnTied } from '../helpers/children.ts'
import { tempDir } from '../helpers/temp.ts'

const XINYI = fileURLToPath(new URL('../../src/xinyi.js', import.meta.url))

/** What every attack sends somewhere in it, and no log may hold. */
export const MARK = 'Zq7vMark'

export interface Target {
  port: number
  /** Of a supervisor. */
  token: string
  /** Lines of the log that hold what was sent, or tell of something that went wrong inside. */
  complaints: string[]
  /** That it has of the machine, in MB. */
  residentMb(): number
  /** The exit code, if it has ended. */
  exitCode(): number | null
  stop(): Promise<void>
}

/** A server in a process of its own, with SQLite and everything logged. */
export async function startTarget(): Promise<Target> {
  const dir = tempDir()
  const { PATH = '', HOME = '' } = process.env
  const env = {
    DATA_DIR: dir.path,
    PORT: '0',
    MEMORY_STORAGE_BACKEND: 'sqlite',
    LOG_LEVEL: 'trace',
    AUTH_JWT_SECRET: 'a secret that the fuzz test knows, and nobody else',
    RATE_LIMIT_PER_MINUTE: '0',
    REQUEST_TIMEOUT_SECONDS: '5',
  }
  const child = spawnTied(process.execPath, [XINYI, 'serve'], { env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const { stdout, stderr, pid } = child
  if (!stdout || !stderr || pid === undefined) throw new Error('no server')
  const complaints: string[] = []
  createInterface({ input: stderr }).on('line', (line) => {
    if (line.includes(MARK) || !line.startsWith('{') || JSON.parse(line).level >= 50) complaints.push(line)
  })
  const [line] = await once(createInterface({ input: stdout }), 'line')
  const { auth } = loadConfig(env)
  return {
    port: Number(/:(\d+)\/graphql/.exec(line)?.[1]),
    token: await signToken(
      auth.secret ?? new Uint8Array(),
      { sub: 'fuzz', name: 'fuzz', role: 'SUPERVISOR', expiresAt: Date.now() + 86_400_000 },
      auth,
    ),
    complaints,
    residentMb: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
    exitCode: () => child.exitCode,
    async stop() {
      const exited = child.exitCode === null ? once(child, 'exit') : undefined
      child.kill('SIGTERM')
      await exited
      dir.remove()
    },
  }
}
