import { chmodSync, existsSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { Redis } from 'ioredis'
import * as z from 'zod'
import { StartError } from '../errors.ts'
import { type LegacyKeys, MAX_VALUE_BYTES, pageOf } from './keys.ts'

/** 'XyPB': so that no other file is taken for one. */
const APPLICATION_ID = 0x58795042
const PAGE_PARTS = 1_000
const PAGE_BYTES = 1_000_000
/** The greatest value that Redis takes. */
const MAX_BYTES = 512 * 1024 * 1024

/** Where a key is put together before it gets its name. */
const DRAFT = 'xinyi:undo'

const SCHEMA = `
  CREATE TABLE keys (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, type TEXT NOT NULL, expires_at INTEGER, dump BLOB);
  -- Of a hash fields and values, of a sorted set members and scores by turns; of a string its pieces.
  CREATE TABLE parts (key_id INTEGER NOT NULL, place INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (key_id, place)) WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
`
const PAGED: ReadonlySet<string> = new Set(['list', 'hash', 'set', 'zset', 'string'])

const Key = z.object({ id: z.int(), type: z.string() })
const Part = z.object({ place: z.int(), value: z.instanceof(Buffer) })
const Parts = z.array(Part)
const Whole = Key.extend({ name: z.instanceof(Buffer), expiresAt: z.int().nullable(), dump: z.instanceof(Buffer).nullable() })
type Whole = z.infer<typeof Whole>

/** Keys of Redis in a SQLite file, byte for byte, with their expiry; for this account only. */
export class KeyBackup implements LegacyKeys {
  readonly path: string
  readonly #db: Database.Database
  readonly #key: Database.Statement
  readonly #parts: Database.Statement

  /** `make`: where there is none. */
  constructor(path: string, { make }: { make: boolean }) {
    this.path = path
    const isNew = !existsSync(path)
    if (isNew && !make) throw new StartError(`${path} is not there. Give the path of the backup that migrate --in-place made.`)
    try {
      this.#db = new Database(path)
      if (isNew) {
        chmodSync(path, 0o600)
        this.#db.exec(SCHEMA)
      }
      this.#db.pragma('journal_mode = DELETE')
      this.#db.pragma('synchronous = FULL')
      if (this.#db.pragma('application_id', { simple: true }) !== APPLICATION_ID) throw new Error('another file')
      this.#key = this.#db.prepare('SELECT id, type FROM keys WHERE name = ?')
      this.#parts = this.#db.prepare(`SELECT place, value FROM parts WHERE key_id = ? AND place >= ? ORDER BY place LIMIT ${PAGE_PARTS}`)
    } catch (cause) {
      throw new StartError(`${path} is no backup of the predecessor's keys. Name another file.`, { cause })
    }
  }

  get isEmpty(): boolean {
    return this.#db.prepare('SELECT 1 FROM keys').get() === undefined
  }

  /** Copies these keys as they are now, instead of what there was of them; what is there no more is left as it was. Synced when it resolves. */
  async copy(redis: Redis, names: readonly Buffer[]): Promise<void> {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      for (const name of names) await this.#copyKey(redis, name)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  async #copyKey(redis: Redis, name: Buffer): Promise<void> {
    const left = await redis.pttl(name)
    const first = await pageOf(redis, name, { maxBytes: MAX_BYTES })
    if (first.type === 'none') return
    const dump = PAGED.has(first.type) ? null : z.instanceof(Buffer).parse(await redis.dumpBuffer(name))
    const { id } = Key.pick({ id: true }).parse(
      this.#db
        .prepare(
          `INSERT INTO keys (name, type, expires_at, dump) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET type = excluded.type, expires_at = excluded.expires_at, dump = excluded.dump RETURNING id`,
        )
        .get(name, first.type, left < 0 ? null : Date.now() + left, dump),
    )
    this.#db.prepare('DELETE FROM parts WHERE key_id = ?').run(id)
    const insert = this.#db.prepare('INSERT INTO parts (key_id, place, value) VALUES (?, ?, ?)')
    let place = 0
    for (let page = first; ; page = await pageOf(redis, name, { from: page.next, maxBytes: MAX_BYTES })) {
      for (const value of page.values) {
        insert.run(id, place, value)
        place += 1
      }
      if (page.next === null) break
    }
  }

  /** Puts every key back that is not there, each at once as a whole; what has expired meanwhile expires again. Answers how many keys. */
  async putBack(redis: Redis): Promise<number> {
    let count = 0
    for (const key of this.#whole()) {
      await redis.del(DRAFT)
      if (key.dump) await redis.restore(DRAFT, 0, key.dump)
      for (let place = 0; !key.dump; ) {
        const parts = this.#partsFrom(key.id, place)
        if (parts.length === 0) break
        await add(
          redis,
          key,
          parts.map(({ value }) => value),
        )
        place = (parts.at(-1)?.place ?? place) + 1
      }
      if (key.expiresAt !== null) await redis.pexpireat(DRAFT, key.expiresAt)
      if ((await redis.exists(DRAFT)) === 1) count += await redis.renamenx(DRAFT, key.name)
    }
    await redis.del(DRAFT)
    return count
  }

  *#whole(): Generator<Whole> {
    const after = this.#db.prepare('SELECT id, name, type, expires_at AS expiresAt, dump FROM keys WHERE id > ? ORDER BY id LIMIT 1')
    for (let key = after.get(0); key !== undefined; ) {
      const whole = Whole.parse(key)
      yield whole
      key = after.get(whole.id)
    }
  }

  /** Some parts, of no more bytes than a page has; always one, and of pairs none is parted. */
  #partsFrom(id: number, place: number): z.infer<typeof Part>[] {
    const parts = Parts.parse(this.#parts.all(id, place))
    let bytes = 0
    const tooMany = parts.findIndex(({ value }, i) => {
      bytes += value.length
      return i > 0 && i % 2 === 0 && bytes > PAGE_BYTES
    })
    return tooMany === -1 ? parts : parts.slice(0, tooMany)
  }

  async count(): Promise<number> {
    return z.int().parse(this.#db.prepare('SELECT count(*) FROM keys').pluck().get())
  }

  async *names(): AsyncGenerator<readonly Buffer[]> {
    const page = this.#db.prepare(`SELECT id, name FROM keys WHERE id > ? ORDER BY id LIMIT ${PAGE_PARTS}`)
    for (let after = 0; ; ) {
      const rows = z.array(z.object({ id: z.int(), name: z.instanceof(Buffer) })).parse(page.all(after))
      yield rows.map(({ name }) => name)
      if (rows.length < PAGE_PARTS) break
      after = rows.at(-1)?.id ?? after
    }
  }

  async page(name: string | Buffer, { from = '0', fields }: { from?: string; fields?: readonly string[] } = {}) {
    const key = Key.optional().parse(this.#key.get(Buffer.from(name)))
    if (!key) return { type: 'none', values: [], next: null }
    const parts = this.#partsFrom(key.id, Number(from))
    if (fields && key.type === 'hash') return { type: key.type, values: this.#valuesOf(key.id, fields), next: null }
    const last = parts.at(-1)
    const isMore = last !== undefined && this.#parts.get(key.id, last.place + 1) !== undefined
    return {
      type: key.type,
      values: parts.map(({ value }) => (value.length > MAX_VALUE_BYTES ? null : value)),
      next: isMore ? String(last.place + 1) : null,
    }
  }

  #valuesOf(id: number, fields: readonly string[]): (Buffer | null)[] {
    const value = this.#db
      .prepare(
        `SELECT substr(v.value, 1, ${MAX_VALUE_BYTES}) FROM parts f JOIN parts v ON v.key_id = f.key_id AND v.place = f.place + 1
         WHERE f.key_id = ? AND f.place % 2 = 0 AND f.value = ? LIMIT 1`,
      )
      .pluck()
    return fields.map((field) =>
      z
        .instanceof(Buffer)
        .nullable()
        .parse(value.get(id, Buffer.from(field)) ?? null),
    )
  }

  async close(): Promise<void> {
    this.#db.close()
  }
}

async function add(redis: Redis, { type }: Whole, values: readonly Buffer[]): Promise<void> {
  const name = DRAFT
  if (type === 'list') await redis.rpush(name, ...values)
  else if (type === 'set') await redis.sadd(name, ...values)
  else if (type === 'hash') await redis.hset(name, ...values)
  else if (type === 'zset')
    await redis.zadd(name, ...values.flatMap((_, i) => (i % 2 === 0 ? [values[i + 1] ?? '0', values[i] ?? ''] : [])))
  else for (const value of values) await redis.append(name, value)
}
