import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { freshSettings, xinyi } from '../cli/xinyi.ts'
import { tempDir } from '../helpers/temp.ts'
import { ALERTS, graphql, post, raise, startApp } from './app.ts'

function dataDir(): string {
  const dir = tempDir()
  onTestFinished(() => dir.remove())
  return dir.path
}

/** `xinyi serve` as a process of its own. */
function serve(env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, ['src/xinyi.js', 'serve'], {
    env: { ...process.env, PORT: '0', NODE_ENV: 'production', AUTH: 'off', MEMORY_STORAGE_BACKEND: 'sqlite', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
  return child
}

/** The URL in the line that it prints when it serves. */
async function started({ stdout }: ChildProcess): Promise<{ url: string }> {
  if (!stdout) throw new Error('no stdout')
  const [line] = await once(createInterface(stdout), 'line')
  return { url: /http:\S+/.exec(line)?.[0] ?? '' }
}

describe('xinyi serve', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it within 5 seconds, whoever is connected, and nothing is lost', async (signal) => {
    const dir = dataDir()
    const child = serve({ DATA_DIR: dir })
    const { url } = await started(child)
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws')
    await once(socket, 'open')
    socket.send('{"type":"connection_init"}')
    await once(socket, 'message')
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: ALERTS } }))
    const events = await post(url, JSON.stringify({ query: ALERTS }), { accept: 'text/event-stream' })
    const stream = events.body?.getReader()
    await stream?.read()
    // Never answers a close, as one that is suspended.
    const frozen = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws')
    await once(frozen, 'open')
    frozen.pause()
    frozen.on('error', () => {})
    await raise(url)

    const asked = performance.now()
    child.kill(signal)
    const cut = stream?.read().then(function rest({ done }): unknown {
      return done ? 'completed' : stream.read().then(rest)
    })
    const [[closeCode], [exitCode]] = await Promise.all([once(socket, 'close'), once(child, 'exit'), expect(cut).rejects.toThrow()])
    expect(performance.now() - asked).toBeLessThan(5_000)
    expect([closeCode, exitCode]).toEqual([1001, 0])
    frozen.terminate()

    const { url: next } = await startApp({ DATA_DIR: dir })
    expect(await graphql(next, '{ user(userId: "ada") { totalChats } }')).toMatchObject({ data: { user: { totalChats: 1 } } })
  })

  test('a second signal ends it at once', async () => {
    const child = serve({ DATA_DIR: dataDir() })
    const { url } = await started(child)
    const connect = async () => {
      const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws')
      await once(socket, 'open')
      return socket
    }
    const [frozen, awake] = [await connect(), await connect()]
    frozen.pause()
    frozen.on('error', () => {})
    child.kill('SIGTERM')
    await once(awake, 'close')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM'])
    frozen.terminate()
  })

  test('a second server on the same data directory is refused, and changes nothing', async () => {
    const dir = dataDir()
    const { url } = await startApp({ DATA_DIR: dir, RETAIN_CONVERSATIONS: '7' })
    const { stderr, code } = await xinyi(['serve'], freshSettings({ DATA_DIR: dir, RETAIN_CONVERSATIONS: '1' }))
    expect(stderr).toMatch(/^Another server already works here/)
    expect(code).toBe(1)
    for (let i = 0; i < 3; i += 1) await raise(url)
    expect(await graphql(url, '{ user(userId: "ada") { conversations { totalCount } } }')).toMatchObject({
      data: { user: { conversations: { totalCount: 3 } } },
    })
  })

  test('the socket of a server that was killed is replaced', async () => {
    const dir = dataDir()
    const killed = serve({ DATA_DIR: dir })
    await started(killed)
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    expect(statSync(join(dir, 'xinyi.sock')).mode & 0o777).toBe(0o600)
    await startApp({ DATA_DIR: dir })
  })

  test('a port in use is named, with what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void other.close())
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const { stderr, code } = await xinyi(['serve'], freshSettings({ PORT: String(port) }))
    expect(stderr).toContain(`Port ${port} of 127.0.0.1 is in use.`)
    expect(stderr).toContain('PORT=')
    expect(code).toBe(1)
  })

  test('a part that does not end is named', async () => {
    const { app, log } = await startApp()
    const { store } = app.services
    const held = Promise.withResolvers<void>()
    const close = store.close.bind(store)
    store.close = () => held.promise.then(close)
    const closed = app.close()
    await expect.poll(() => log.join(), { timeout: 10_000 }).toMatch(/"part":"store".+does not end in time/)
    held.resolve()
    await closed
  })
})
