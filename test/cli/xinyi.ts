import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { tempDir } from '../helpers/temp.ts'

const XINYI = fileURLToPath(new URL('../../src/xinyi.js', import.meta.url))

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export type Settings = Record<string, string>

/** Settings for SQLite in a data directory of the test's own, gone when it ends. */
export function freshSettings(settings: Settings = {}): Settings & { DATA_DIR: string } {
  const dir = tempDir()
  onTestFinished(dir.remove)
  return { DATA_DIR: dir.path, PORT: '0', LOG_LEVEL: 'warn', MEMORY_STORAGE_BACKEND: 'sqlite', AUTH: 'off', ...settings }
}

export function spawnXinyi(
  args: readonly string[],
  settings: Settings,
  nodeArgs: readonly string[] = [],
): ChildProcessByStdio<null, Readable, Readable> & { ended: Promise<Ended> } {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [...nodeArgs, XINYI, ...args], {
    env: { PATH, HOME, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]): Ended => ({ code, stdout, stderr }),
  )
  return Object.assign(child, { ended })
}

/** Runs a command to its end. */
export const xinyi = (args: readonly string[], settings: Settings, nodeArgs?: readonly string[]): Promise<Ended> =>
  spawnXinyi(args, settings, nodeArgs).ended

export interface Serving {
  url: string
  /** What it printed until it served. */
  said: string[]
  query(query: string, token?: string): Promise<unknown>
  signal(signal: NodeJS.Signals): void
  /** Ends it with SIGTERM. */
  stop(): Promise<Ended>
}

/** Starts `xinyi serve` or `xinyi demo`, and resolves when it serves. */
export async function serving(command: 'serve' | 'demo', settings: Settings): Promise<Serving> {
  const child = spawnXinyi([command], settings)
  const stop = () => {
    child.kill('SIGTERM')
    return child.ended
  }
  onTestFinished(async () => {
    await stop()
  })
  const said: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line)
    const url = /http:\S+\/graphql/.exec(line)?.[0]
    if (url) return { url, said, stop, signal: (signal) => child.kill(signal), query: (query, token) => ask(url, query, token) }
  }
  throw new Error(`xinyi ${command} ended: ${(await child.ended).stderr}`)
}

async function ask(url: string, query: string, token?: string): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query }),
  })
  return response.json()
}
