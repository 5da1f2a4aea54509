import { createHash } from 'node:crypto'
import Database from 'better-sqlite3'

/** Counts how often each value has come. Keeps 16 bytes of digest a value, in a temporary file: memory stays the same however many there are. */
export class Tally {
  // An empty name is an unnamed temporary database, gone when it is closed.
  readonly #db = new Database('')
  readonly #count: Database.Statement<[Buffer], number>

  constructor() {
    this.#db.exec(`
      PRAGMA journal_mode = OFF;
      PRAGMA synchronous = OFF;
      PRAGMA cache_size = -16384;
      CREATE TABLE tally (digest BLOB PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
    `)
    this.#count = this.#db
      .prepare<[Buffer], number>('INSERT INTO tally VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count - 1')
      .pluck()
  }

  /** How often this value came before. */
  add(...value: readonly (string | null)[]): number {
    const digest = createHash('sha256').update(JSON.stringify(value)).digest().subarray(0, 16)
    return this.#count.get(digest) ?? 0
  }

  close(): void {
    this.#db.close()
  }
}
