import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connectRedis } from '../../src/store/redis/connect.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { spawnTied } from '../helpers/children.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { findRedisServer } from '../helpers/programs.ts'
import { freePort, type RedisServer, startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'

/** Where Redis can be: behind sentinels, behind TLS. */

const program = findRedisServer() ?? 'redis-server'

/** A sentinel that watches one master, and decides alone. */
async function startSentinel(master: RedisServer): Promise<{ host: string; port: number }> {
  const port = await freePort()
  const dir = tempDir()
  const config = join(dir.path, 'sentinel.conf')
  const watched = [
    `sentinel monitor ours 127.0.0.1 ${new URL(master.url).port} 1`,
    'sentinel down-after-milliseconds ours 300',
    'sentinel failover-timeout ours 3000',
  ]
  writeFileSync(config, [`port ${port}`, 'bind 127.0.0.1', `dir ${dir.path}`, ...watched, ''].join('\n'))
  const child: ChildProcess = spawnTied(program, [config, '--sentinel'], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    dir.remove()
  })
  let said = ''
  child.stdout?.on('data', (text: Buffer) => {
    said += text.toString()
  })
  await expect.poll(() => said, { timeout: 5_000 }).toContain('+slave')
  return { host: '127.0.0.1', port }
}

test('with sentinels the master is asked for each time, so that after a failover the new one is found', async () => {
  const master = await startRedis({ port: 'free', args: ['--repl-diskless-sync-delay', '0'] })
  const replica = await startRedis({ port: 'free', args: ['--replicaof', '127.0.0.1', new URL(master.url).port] })
  onTestFinished(async () => void (await Promise.all([master.kill(), replica.kill()])))
  const silent = { host: '127.0.0.1', port: await freePort() }
  const target = { url: 'redis://ignored', sentinels: [silent, await startSentinel(master)], sentinelName: 'ours' }
  const store = await openRedisStore(target)
  onTestFinished(() => store.close())
  const origin = new Origin()
  await store.append([origin.recorded()])
  const second = await connectRedis({ url: replica.url })
  onTestFinished(() => second.disconnect())
  await expect.poll(() => second.hget('xinyi:meta', 'n')).toBe('1')

  await master.kill()
  expect(await store.lost).toMatch(/^[\w ]+$/)
  await expect
    .poll(
      () =>
        openRedisStore(target).then(
          async (again) => {
            onTestFinished(() => again.close())
            return (await again.append([origin.recorded({ acceptedAt: NOW + 1 })])).outcomes.map(({ type }) => type)
          },
          (error: unknown) => String(error),
        ),
      { timeout: 15_000, interval: 100 },
    )
    .toEqual(['applied'])
  const promoted = await connectRedis({ url: replica.url })
  expect(await promoted.role()).toContain('master')
  promoted.disconnect()
}, 30_000)

test('sentinels that nobody answers at, or that know no such master, are refused with a word', async () => {
  const master = await startRedis({ port: 'free' })
  onTestFinished(() => master.kill())
  const silent = { host: '127.0.0.1', port: await freePort() }
  await expect(connectRedis({ url: 'redis://:hush@ignored', sentinels: [silent] })).rejects.toThrow(/^[\w ]+$/)
  await expect(openRedisStore({ url: 'redis://:hush@ignored', sentinels: [silent] })).rejects.toThrow(
    new RegExp(`mymaster of the sentinels 127\\.0\\.0\\.1:${silent.port}`),
  )
})

/** A self-signed certificate for localhost: paths of the certificate and of its key. */
function certificate(dir: string): { cert: string; key: string } {
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      ...subject,
      '-keyout',
      key,
      '-out',
      cert,
    ],
    {
      stdio: 'ignore',
    },
  )
  return { cert, key }
}

/** One without TLS does not know the option. */
const hasTls =
  spawnSync('openssl', ['version']).status === 0 &&
  spawnSync(program, ['--tls-port', '0', '--port', '0'], { encoding: 'utf8' }).stdout.includes('not listen anywhere')

test.skipIf(!hasTls)('rediss:// is TLS: a certificate that is trusted (NODE_EXTRA_CA_CERTS) is used, any other refused', async () => {
  const dir = tempDir()
  onTestFinished(() => dir.remove())
  const { cert, key } = certificate(dir.path)
  const port = await freePort()
  const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no']
  const server = await startRedis({ args: ['--tls-port', String(port), ...files] })
  onTestFinished(() => server.kill())
  const url = `rediss://localhost:${port}`
  await expect(connectRedis({ url })).rejects.toThrow(/^[\w ]+$/)
  const source = (path: string) => JSON.stringify(new URL(`../../src/store/redis/${path}`, import.meta.url).href)
  const script = `
    import { openRedisStore } from ${source('open.ts')}
    const store = await openRedisStore({ url: ${JSON.stringify(url)} })
    const waiting = store.logGrown((await store.status()).settled, new AbortController().signal)
    await store.append([{ id: 'a', user: 'u', kind: 'cleared', acceptedAt: 1, occurredAt: 1, payload: {}, origin: 'o', seq: 1 }])
    await waiting
    console.log((await store.status()).n)
    await store.close()`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, NODE_EXTRA_CA_CERTS: cert },
    timeout: 10_000,
  })
  expect(run.stderr).toBe('')
  expect(run.stdout.trim()).toBe('1')
})
