import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { format } from 'node:util'
import { pino } from 'pino'
import { onTestFinished, vi } from 'vitest'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { run } from '../../src/main.ts'
import { tempDir } from '../helpers/temp.ts'
import { ledgerHere } from '../helpers/this-thread.ts'

export const XINYI = fileURLToPath(new URL('../../src/xinyi.js', import.meta.url))

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

/** Runs a command to its end in a process of its own, as a shell does. */
export const xinyiProcess = (args: readonly string[], settings: Settings, nodeArgs?: readonly string[]): Promise<Ended> =>
  spawnXinyi(args, settings, nodeArgs).ended

/** Runs a command to its end in this process, one at a time; all that it writes to standard output and standard error is taken down. */
export async function xinyi(args: readonly string[], settings: Settings): Promise<Ended> {
  const said = { stdout: '', stderr: '' }
  const out = (text: string) => {
    said.stdout += text
    return true
  }
  const err = (text: string) => {
    said.stderr += text
    return true
  }
  const { writeSync } = fs
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((...values) => void out(`${format(...values)}\n`)),
    vi.spyOn(console, 'error').mockImplementation((...values) => void err(`${format(...values)}\n`)),
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => out(String(text))),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => err(String(text))),
    // The log is written there directly.
    vi.spyOn(fs, 'writeSync').mockImplementation((fd: number, data: string | NodeJS.ArrayBufferView, ...rest: unknown[]): number => {
      if (fd !== 2) return Reflect.apply(writeSync, fs, [fd, data, ...rest])
      err(String(data))
      return Buffer.byteLength(String(data))
    }),
  ]
  try {
    const { PATH = '', HOME = '' } = process.env
    const code = await run(args, { PATH, HOME, ...settings })
    return { code, ...said }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

/** A server on which commands are tried. */
export interface Server {
  url: string
  query(query: string, token?: string): Promise<unknown>
  stop(): Promise<unknown>
}

/** A server in this process, ended with the present test. */
export async function serveHere(settings: Settings): Promise<Server> {
  const app = await buildApp(loadConfig(settings), { logger: pino({ level: 'silent' }), openAudit: ledgerHere })
  onTestFinished(() => app.close())
  const { url } = await app.listen()
  return { url, query: (query, token) => ask(url, query, token), stop: () => app.close() }
}

export interface Serving extends Server {
  /** What it printed until it served. */
  said: string[]
  signal(signal: NodeJS.Signals): void
  /** Ends it with SIGTERM. */
  stop(): Promise<Ended>
}

/** Starts `xinyi serve` or `xinyi demo` in a process of its own, and resolves when it serves. */
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
