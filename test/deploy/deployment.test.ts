import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { parseEnv } from 'node:util'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import * as z from 'zod'
import { parseKeep } from '../../src/backup/rotation.ts'
import { loadConfig } from '../../src/config.ts'
import { SETTINGS } from '../../src/settings.ts'
import { spawnTied } from '../helpers/children.ts'
import { findRedisServer } from '../helpers/programs.ts'
import { startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { startApp } from '../http/app.ts'

const read = (file: string): string => readFileSync(file, 'utf8')
const known = new Set(['NODE_ENV', ...SETTINGS.map(({ name }) => name)])
const unknown = (names: readonly string[]) => names.filter((name) => !known.has(name))

/** The instructions of the Dockerfile, each with what follows it. */
const instructions = (): [name: string, rest: string][] =>
  read('Dockerfile')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .flatMap((line) => {
      const [, name, rest] = /^([A-Z]+) +(.*)$/.exec(line) ?? []
      return name !== undefined && rest !== undefined ? [[name, rest] satisfies [string, string]] : []
    })
const all = (wanted: string): string[] => instructions().flatMap(([name, rest]) => (name === wanted ? [rest] : []))

test('the image copies what is there and let in, knows its settings, and does not run as root', () => {
  const letIn = read('.dockerignore').split('\n')
  const copied = all('COPY').flatMap((rest) => (rest.startsWith('--from') ? [] : rest.split(' ').slice(0, -1)))
  expect(copied).toContain('src')
  expect(copied.filter((file) => !existsSync(file) || !letIn.includes(`!${file}`))).toEqual([])
  expect(unknown(all('ENV').flatMap((rest) => rest.split(' ').map((pair) => pair.split('=')[0] ?? '')))).toEqual([])
  expect(all('USER')).toEqual(['1000:1000'])
  expect(all('FROM').at(-1)).toBe('node:24-bookworm-slim')
})

test('the health check of the image tells a server that is ready from one that is not there', async () => {
  const [check = ''] = all('HEALTHCHECK')
  const [, ...args] = z.array(z.string()).parse(JSON.parse(check.slice(check.indexOf('['))))
  const { url } = await startApp()
  const statusAt = async (port: string) => (await once(spawn(process.execPath, args, { env: { PORT: port }, stdio: 'ignore' }), 'exit'))[0]
  expect(await statusAt(new URL(url).port)).toBe(0)
  expect(await statusAt('1')).toBe(1)
})

const Compose = z.object({
  services: z.object({
    redis: z.object({ volumes: z.array(z.string()), ports: z.undefined().optional(), networks: z.tuple([z.literal('inside')]) }),
    xinyi: z.object({
      build: z.literal('.'),
      environment: z.record(z.string(), z.string()),
      read_only: z.literal(true),
      ports: z.array(z.string().regex(/^127\.0\.0\.1:/)),
      volumes: z.tuple([z.literal('data:/data')]),
    }),
  }),
  volumes: z.record(z.string(), z.null()),
})

test('compose starts a Redis that nobody else reaches, and a server that only this machine does', () => {
  const { services, volumes } = Compose.parse(parse(read('compose.yaml')))
  expect(unknown(Object.keys(services.xinyi.environment))).toEqual([])
  expect(() => loadConfig({ HOST: '0.0.0.0', ...services.xinyi.environment })).not.toThrow()
  const sources = [...services.redis.volumes, ...services.xinyi.volumes].map((volume) => volume.split(':')[0] ?? '')
  expect(sources.filter((source) => (source.startsWith('.') ? !existsSync(source) : !(source in volumes)))).toEqual([])
})

test('a Redis takes its configuration, and with it evicts nothing and keeps everything on its disk', async () => {
  const redis = await startRedis({ args: ['--include', resolve('deploy/redis/redis.conf')] })
  onTestFinished(() => redis.stop())
  const client = new Redis(redis.socket)
  onTestFinished(() => client.disconnect())
  const settings = ['appendonly', 'appendfsync', 'maxmemory-policy', 'save']
  expect(await Promise.all(settings.map((name) => client.config('GET', name)))).toEqual([
    ['appendonly', 'yes'],
    ['appendfsync', 'everysec'],
    ['maxmemory-policy', 'noeviction'],
    ['save', ''],
  ])
})

test('the settings for sentinels name as many as their configuration lets decide, under its name', () => {
  const { redisTarget } = loadConfig(parseEnv(read('deploy/redis/sentinel.env')))
  const [, name, quorum] = /^sentinel monitor (\S+) \S+ 6379 (\d+)$/m.exec(read('deploy/redis/sentinel.conf')) ?? []
  expect(redisTarget.sentinelName).toBe(name)
  expect(redisTarget.sentinels).toHaveLength(3)
  expect(Number(quorum)).toBe(2)
})

test('a sentinel takes its configuration, and watches the Redis that it names', async () => {
  const dir = tempDir()
  onTestFinished(dir.remove)
  const file = join(dir.path, 'sentinel.conf')
  // Those machines are not here.
  writeFileSync(file, read('deploy/redis/sentinel.conf').replaceAll('redis-1.internal', '127.0.0.1'))
  const sentinel = spawnTied(
    findRedisServer() ?? '',
    [file, '--sentinel', '--port', '0', '--unixsocket', join(dir.path, 'sentinel.sock')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const ended = once(sentinel, 'exit')
  for await (const line of createInterface({ input: z.instanceof(Readable).parse(sentinel.stdout) }))
    if (line.includes('+monitor master xinyi')) break
  sentinel.kill('SIGKILL')
  await ended
})

test('what the examples for Kubernetes and sentinels set is what a server reads', () => {
  const [, ...literals] = read('deploy/kubernetes/xinyi.yaml').split('\n')[0]?.split('--from-literal=') ?? []
  const given = Object.fromEntries(literals.map((pair) => [pair.split('=')[0] ?? '', pair.slice(pair.indexOf('=') + 1).trim()]))
  expect(unknown([...Object.keys(given), ...Object.keys(parseEnv(read('deploy/redis/sentinel.env')))])).toEqual([])
  expect(loadConfig({ REDIS_URL: given.REDIS_URL }).redisUrl).toBe(given.REDIS_URL)
  const documented = read('docs/configuration.md')
  for (const name of Object.keys(given)) expect(documented).toContain(name)
})

const Probe = z.object({ httpGet: z.object({ path: z.string(), port: z.literal('http') }) })
const StatefulSet = z.object({
  kind: z.literal('StatefulSet'),
  spec: z.object({
    serviceName: z.string(),
    template: z.object({
      spec: z.object({
        enableServiceLinks: z.literal(false),
        terminationGracePeriodSeconds: z.int().min(15),
        securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.literal(1000), fsGroup: z.literal(1000) }),
        containers: z.tuple([
          z.object({
            ports: z.tuple([z.object({ name: z.literal('http'), containerPort: z.literal(8001) })]),
            securityContext: z.object({ readOnlyRootFilesystem: z.literal(true), allowPrivilegeEscalation: z.literal(false) }),
            startupProbe: Probe,
            livenessProbe: Probe,
            readinessProbe: Probe,
            volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
          }),
        ]),
      }),
    }),
    volumeClaimTemplates: z.tuple([z.object({ metadata: z.object({ name: z.literal('data') }) })]),
  }),
})

test('in Kubernetes each pod has a journal of its own, and is asked where a server answers', async () => {
  const documents = parseAllDocuments(read('deploy/kubernetes/xinyi.yaml'))
  expect(documents.flatMap(({ errors }) => errors)).toEqual([])
  const resources = documents.map((document) =>
    z
      .object({ kind: z.string(), metadata: z.object({ name: z.string() }) })
      .loose()
      .parse(document.toJS()),
  )
  const { spec } = StatefulSet.parse(resources.find(({ kind }) => kind === 'StatefulSet'))
  expect(resources.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name)).toContain(spec.serviceName)
  const [container] = spec.template.spec.containers
  expect(container.volumeMounts).toContainEqual({ name: 'data', mountPath: '/data' })
  const { url } = await startApp()
  for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe])
    expect((await fetch(new URL(httpGet.path, url))).status).toBe(200)
})

const UNITS = ['xinyi.service', 'xinyi-backup.service', 'xinyi-backup.timer'] as const
const unitOf = (name: string) => read(`deploy/systemd/${name}`)

test.each(['xinyi.service', 'xinyi-backup.service'])('the unit %s knows its settings, and starts what the package has', (name) => {
  const unit = unitOf(name)
  const [, pairs = ''] = /^Environment=(.*)$/m.exec(unit) ?? []
  expect(unknown(pairs.split(' ').map((pair) => pair.split('=')[0] ?? ''))).toEqual([])
  const [, command = '', rest = ''] = /^ExecStart=\/opt\/xinyi\/(\S+) (.*)$/m.exec(unit) ?? []
  expect(existsSync(command)).toBe(true)
  const { scripts } = JSON.parse(read('package.json'))
  if (name === 'xinyi.service') expect(`exec node ${rest}`).toBe(scripts.start)
  else expect(rest).toMatch(/^src\/xinyi\.js backup /)
})

test('the backup that the timer starts rotates, in a directory that its unit may write to, and is of the data that the service has', () => {
  const unit = unitOf('xinyi-backup.service')
  const [, dir = '', keep = ''] = /^ExecStart=.* backup \/var\/lib\/(\S+) --keep (\S+) --drill$/m.exec(unit) ?? []
  expect(parseKeep(keep)).toEqual({ d: 7, w: 4, m: 0 })
  expect(/^StateDirectory=(.*)$/m.exec(unit)?.[1]?.split(' ')).toEqual(['xinyi', dir])
  for (const line of ['User', 'Environment', 'EnvironmentFile', 'WorkingDirectory'])
    expect(new RegExp(`^${line}=.*$`, 'm').exec(unit)?.[0]).toBe(new RegExp(`^${line}=.*$`, 'm').exec(unitOf('xinyi.service'))?.[0])
  expect(unitOf('xinyi-backup.timer')).toMatch(/^OnCalendar=\*-\*-\* \d\d:\d\d$/m)
})

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0

test.runIf(hasSystemd)('systemd finds no fault in its units', () => {
  const dir = tempDir()
  onTestFinished(dir.remove)
  const files = UNITS.map((name) => join(dir.path, name))
  // The program is not installed here, nor is the user there.
  for (const [i, file] of files.entries())
    writeFileSync(
      file,
      unitOf(UNITS[i] ?? '')
        .replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true')
        .replace(/^(User|Group)=.*$/gm, ''),
    )
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], { encoding: 'utf8' })
  expect({ status, faults: stderr.split('\n').filter((line) => line.includes(dir.path)) }).toEqual({ status: 0, faults: [] })
})
