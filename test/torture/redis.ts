import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../src/demo/random.ts'
import { type RedisServer, startRedis } from '../helpers/redis.ts'
import { tempDir } from '../helpers/temp.ts'
import { withRedis } from './world.ts'

const KEPT = 5
const EVERY_MS = 2_500

/** The redis-server under torture: with an append-only file, snapshots, and older copies of itself. */
export class TorturedRedis {
  readonly server: RedisServer
  readonly #backups = tempDir()
  readonly #copies: string[] = []
  #made = 0
  readonly #removed = new AbortController()
  #saving: Promise<void> = Promise.resolve()

  private constructor(server: RedisServer) {
    this.server = server
  }

  static async start(): Promise<TorturedRedis> {
    // No rewrite by itself: the append-only directory holds one file that only grows.
    const args = ['--auto-aof-rewrite-percentage', '0']
    const redis = new TorturedRedis(await startRedis({ port: 'free', persistence: 'both', keepDir: true, args }))
    redis.#saving = redis.#saveNowAndThen()
    return redis
  }

  async restart(): Promise<void> {
    await this.server.restart()
  }

  /** Starts again with nothing. Only when it does not run. */
  async restartEmpty(): Promise<void> {
    this.#wipe()
    await this.server.restart()
  }

  /** Starts again with what it held some seconds ago; answers false where there is no copy of that yet. Only when it does not run. */
  async restartOlder(random: Random): Promise<boolean> {
    const copy = this.#copies[random.integer(0, Math.max(0, this.#copies.length - 1))]
    if (!copy) {
      await this.server.restart()
      return false
    }
    this.#wipe()
    // A snapshot can be the base of an append-only file, which is then all that Redis loads.
    const dir = join(this.server.dir, 'appendonlydir')
    mkdirSync(dir)
    cpSync(copy, join(dir, 'appendonly.aof.1.base.rdb'))
    writeFileSync(join(dir, 'appendonly.aof.manifest'), 'file appendonly.aof.1.base.rdb seq 1 type b\n')
    await this.server.restart()
    return true
  }

  /** Makes a snapshot; answers whether it could. */
  save(): Promise<boolean> {
    return withRedis(this.server.socket, async (redis) => {
      await redis.bgsave().catch(() => {})
      for (;;) {
        const info = await redis.info('persistence')
        if (info.includes('rdb_bgsave_in_progress:0')) return info.includes('rdb_last_bgsave_status:ok')
        await sleep(10)
      }
    })
  }

  get snapshot(): string {
    return join(this.server.dir, 'dump.rdb')
  }

  async remove(): Promise<void> {
    this.#removed.abort()
    await this.server.remove()
    await this.#saving
    this.#backups.remove()
  }

  #wipe(): void {
    rmSync(join(this.server.dir, 'appendonlydir'), { recursive: true, force: true })
    rmSync(this.snapshot, { recursive: true, force: true })
  }

  async #saveNowAndThen(): Promise<void> {
    const { signal } = this.#removed
    while (!signal.aborted) {
      try {
        await sleep(EVERY_MS, undefined, { signal })
        if (!(await this.save())) continue
        const copy = join(this.#backups.path, `${this.#made++}.rdb`)
        cpSync(this.snapshot, copy)
        this.#copies.push(copy)
        while (this.#copies.length > KEPT) rmSync(this.#copies.shift() ?? '')
      } catch {
        // It is down, or can't save: a copy is made next time.
      }
    }
  }
}

/** Has every snapshot fail until the function that it answers is called: a directory is in its place. */
export function spoilSnapshots(redis: TorturedRedis): () => void {
  // One that is being written may take the name again between the two.
  do rmSync(redis.snapshot, { recursive: true, force: true })
  while (!isMade(redis.snapshot))
  writeFileSync(join(redis.snapshot, 'in-the-way'), '')
  return () => {
    if (existsSync(redis.snapshot)) rmSync(redis.snapshot, { recursive: true, force: true })
  }
}

function isMade(dir: string): boolean {
  try {
    mkdirSync(dir)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}
