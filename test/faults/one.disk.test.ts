import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { spawnTied } from '../helpers/children.ts'
import { inCharge, inFallback, newDataFile, openInstance } from '../helpers/joined.ts'
import { startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { eventually, World, world } from './one.ts'

const can = (program: string, ...args: string[]): boolean => spawnSync(program, args, { stdio: 'ignore' }).status === 0

/** What this machine does not let us do is said in the report of the tests. */
const mountable = (() => {
  const dir = tempDir()
  const mounted = can('mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', dir.path)
  if (mounted) execFileSync('umount', [dir.path])
  dir.remove()
  return mounted
})()
const traceable = can('strace', '-f', '-e', 'trace=none', '-e', 'inject=fsync:error=EIO', 'true')

/** A directory on a disk of 6 MB. */
function smallDisk(): string {
  const dir = tempDir()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'none', dir.path])
  onTestFinished(() => {
    execFileSync('umount', ['-l', dir.path])
    dir.remove()
  })
  return dir.path
}

/** Takes all the room there is. */
function fill(dir: string): string {
  const file = join(dir, 'filler')
  for (const size of [1_000_000, 50_000, 4_096, 1]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' })
    } catch {
      // Full for pieces of this size.
    }
  }
  return file
}

const large = 'x'.repeat(20_000)
const refused = (w: World) => w.store.append([w.said('warm', { query: large })])

/** An instance whose data file is where the disk can be filled. */
async function onSmallDisk(): Promise<World & { dir: string }> {
  const dir = smallDisk()
  const server = await startRedis({ keepDir: true })
  onTestFinished(() => server.remove())
  const w = new World({ server, path: join(dir, 'xinyi.db'), url: server.url, threaded: true })
  await w.open()
  await w.until(inCharge)
  await w.record('warm', 3)
  await w.settled()
  return Object.assign(w, { dir })
}

async function expectRefusals(w: World): Promise<void> {
  await eventually(async () => {
    const error: unknown = await refused(w).then(
      () => w.told.set('warm', (w.told.get('warm') ?? 0) + 1) && null,
      (thrown: unknown) => thrown,
    )
    if (error === null) return false
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    // Its number was not taken, and is given again.
    w.origin.seq -= 1
    return true
  })
}

test.skipIf(!mountable)(
  'the disk is full, with Redis there: writes are refused, reads are answered, and it recovers by itself (skipped where nothing can be mounted)',
  async () => {
    const w = await onSmallDisk()
    const filler = fill(w.dir)
    await expectRefusals(w)
    expect(await w.store.status()).toMatchObject({ writeError: 'SQLITE_FULL' })
    expect((await w.total('warm')).total).toBe(w.told.get('warm'))
    rmSync(filler)
    await w.record('warm', 2)
    expect(await w.store.status()).toMatchObject({ writeError: null })
    await w.expectHealed()
  },
)

test.skipIf(!mountable)(
  'the disk is full while Redis is away: writes are refused, reads are answered, and it recovers by itself (skipped where nothing can be mounted)',
  async () => {
    const w = await onSmallDisk()
    await w.server.kill()
    await w.until(inFallback)
    const filler = fill(w.dir)
    await expectRefusals(w)
    expect(await w.store.status()).toMatchObject({ writeError: 'SQLITE_FULL' })
    expect(await w.total('warm')).toEqual({ total: w.told.get('warm'), served: 'SQLITE' })
    rmSync(filler)
    await w.record('warm', 2)
    expect(await w.store.status()).toMatchObject({ writeError: null })
    await w.server.restart()
    await w.record('warm')
    await w.expectHealed()
  },
)

test('the data file is removed under a running service: no write is acknowledged that would be lost, and reads go on', async () => {
  const w = await world({ threaded: true })
  await w.settled()
  mkdirSync(`${w.path}.aside`)
  renameSync(w.path, join(`${w.path}.aside`, 'xinyi.db'))
  await expect(w.record('warm')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expect(await w.total('warm')).toEqual({ total: 2, served: 'REDIS' })
  expect(await w.store.status()).toMatchObject({ mode: 'PRIMARY', writeError: 'FILE_GONE' })
  w.origin.seq -= 1
  renameSync(join(`${w.path}.aside`, 'xinyi.db'), w.path)
  await w.record('warm')
  expect(await w.store.status()).toMatchObject({ writeError: null })
  await w.expectHealed()
})

test('the data file is replaced by a copy under a running service: no write is acknowledged that would be lost', async () => {
  const w = await world({ threaded: true })
  await w.settled()
  copyFileSync(w.path, `${w.path}.copy`)
  renameSync(`${w.path}.copy`, w.path)
  await expect(w.record('warm')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expect(await w.total('warm')).toMatchObject({ total: 2 })
})

test('the data directory is lost altogether: a start on an empty one takes everything over from Redis', async () => {
  const w = await world({ threaded: true })
  await w.settled()
  await w.store.close()
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${w.path}${suffix}`, { force: true })
  expect(existsSync(w.path)).toBe(false)
  await w.open()
  await w.record('warm')
  await w.expectHealed({ log: false })
})

test.skipIf(!traceable)(
  'the disk answers EIO to fsync: writes are refused, nothing ends, and afterwards it goes on (skipped where there is no strace that may inject)',
  async () => {
    const server = await startRedis({ keepDir: true })
    onTestFinished(() => server.remove())
    const path = newDataFile()
    const program = new URL('./one.child.ts', import.meta.url).pathname
    const child = spawnTied(process.execPath, [program, JSON.stringify({ url: server.url, path })], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const said = async (): Promise<unknown> => (await once(child, 'message'))[0]
    const record = (): Promise<unknown> => {
      const answer = said()
      child.send('warm')
      return answer
    }
    expect(await said()).toBe('ready')
    expect(await record()).toBe('BOTH')
    const injecting = ['-f', '-p', String(child.pid), '-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:error=EIO']
    const strace = spawnTied('strace', injecting, { stdio: ['ignore', 'ignore', 'pipe'] })
    let attached = ''
    strace.stderr?.on('data', (text: Buffer) => {
      attached += text.toString()
    })
    await eventually(() => attached.includes('attached'))
    expect(await record()).toBe('STORE_UNAVAILABLE')
    strace.kill('SIGINT')
    await once(strace, 'exit')
    await eventually(async () => (await record()) === 'BOTH')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const { store } = await openInstance({ url: server.url, path, threaded: true })
    const { answers } = await store.read([{ kind: 'user', userId: 'warm' }], Date.now())
    expect(answers[0]?.totalChats).toBeGreaterThanOrEqual(2)
  },
)
