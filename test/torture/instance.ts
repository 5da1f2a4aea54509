import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { AUDIT_HEAD_NAME, AUDIT_NAME } from '../../src/settings/names.ts'
import { spawnTied } from '../helpers/children.ts'

/** As npm start does it: else Node.js keeps about 100 MB for what is soon forgotten, once it was busy. */
const AS_STARTED = ['--max-semi-space-size=16']
const XINYI = fileURLToPath(new URL('../../src/xinyi.js', import.meta.url))
/** Until a start must have succeeded, also while Redis misbehaves. */
const START_MS = 30_000
/** Of what a server that ends at its start has said. */
const LAST_CHARACTERS = 1_000
/** A client may notice that much later that an instance was down. */
const GRACE_MS = 250

export interface InstanceOptions {
  name: string
  redisUrl: string
  /** Its data directory and its log are made in here. */
  dir: string
  env?: Record<string, string>
  nodeArgs?: readonly string[]
}

/** One instance of the server, a process of its own. */
export class Instance {
  readonly name: string
  readonly dataDir: string
  readonly logFile: string
  readonly #options: InstanceOptions
  #child: ChildProcess | null = null
  #url: string | null = null
  /** When it was killed or frozen by us, until it served again. */
  readonly #disturbed: { from: number; to: number }[] = []
  #meantToEnd = false
  /** Ends that nobody asked for. */
  readonly crashes: string[] = []
  starts = 0
  slowestStartMs = 0

  constructor(options: InstanceOptions) {
    const { name, dir } = options
    this.name = name
    this.dataDir = join(dir, name)
    this.logFile = join(dir, `${name}.log`)
    this.#options = options
  }

  /** Of GraphQL; null while it does not run. */
  get url(): string | null {
    return this.#url
  }

  get auditFiles(): { path: string; headPath: string } {
    return { path: join(this.dataDir, AUDIT_NAME), headPath: join(this.dataDir, AUDIT_HEAD_NAME) }
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts it on its data directory, and resolves when it serves. */
  async start(): Promise<void> {
    const began = performance.now()
    this.#meantToEnd = false
    const { redisUrl, env, nodeArgs = [] } = this.#options
    const { PATH = '', HOME = '' } = process.env
    const settings = {
      DATA_DIR: this.dataDir,
      PORT: '0',
      AUTH: 'off',
      MEMORY_STORAGE_BACKEND: 'redis',
      REDIS_URL: redisUrl,
      NODE_ENV: 'production',
      ...env,
    }
    const child = spawnTied(process.execPath, [...nodeArgs, ...AS_STARTED, XINYI, 'serve'], {
      env: { PATH, HOME, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    const log = createWriteStream(this.logFile, { flags: 'a' })
    log.on('error', () => {})
    child.stderr?.pipe(log)
    child.once('exit', (code, signal) => {
      if (this.#child !== child) return
      this.#url = null
      this.#child = null
      if (!this.#meantToEnd) this.crashes.push(`${this.name} ended by itself (${code ?? signal})`)
    })
    this.#url = await served(child)
    this.starts += 1
    this.slowestStartMs = Math.max(this.slowestStartMs, performance.now() - began)
  }

  /** SIGKILL. The time until `start` has resolved is one in which requests may fail. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#meantToEnd = true
    this.#url = null
    if (!child) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** Ends it in an orderly way; answers its exit code, or null when it had to be killed. */
  async stop(patienceMs = 8_000): Promise<number | null> {
    const child = this.#child
    this.#meantToEnd = true
    if (!child) return 0
    const ended: Promise<unknown[]> = once(child, 'exit')
    child.kill('SIGCONT')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
    const [code] = await ended
    clearTimeout(timer)
    return typeof code === 'number' ? code : null
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Requests may fail while `act` goes on, and shortly after. */
  async disturb(act: () => Promise<void>): Promise<void> {
    const span = { from: performance.now(), to: Number.POSITIVE_INFINITY }
    this.#disturbed.push(span)
    try {
      await act()
    } finally {
      span.to = performance.now() + GRACE_MS
    }
  }

  /** Whether it was killed or frozen at some time of this span. */
  wasDisturbed(from: number, to: number): boolean {
    return this.#disturbed.some((span) => span.from <= to && span.to >= from)
  }
}

/** The URL that it prints when it serves. */
async function served(child: ChildProcess): Promise<string> {
  if (!child.stdout || !child.stderr) throw new Error('no output')
  const ended = once(child, 'exit')
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, START_MS)
  let lastWords = ''
  const note = (text: Buffer) => {
    lastWords = `${lastWords}${text}`.slice(-LAST_CHARACTERS)
  }
  child.stderr.on('data', note)
  const lines = createInterface({ input: child.stdout })
  try {
    for await (const line of lines) {
      const url = /http:\S+\/graphql/.exec(line)?.[0]
      // By address: the name localhost may mean another one first.
      if (url) return url.replace('localhost', '127.0.0.1')
    }
  } finally {
    clearTimeout(timer)
    child.stderr.off('data', note)
    child.stdout.resume()
  }
  const [code, signal] = await ended
  throw new Error(
    isLate ? `the server did not serve within ${START_MS} ms` : `the server ended at its start (${code ?? signal}): ${lastWords}`,
  )
}
