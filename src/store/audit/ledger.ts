import { randomBytes } from 'node:crypto'
import type Database from 'better-sqlite3'
import * as z from 'zod'
import { StartError, storeUnavailable } from '../../errors.ts'
import type { Slice } from '../page.ts'
import { type Ordering, slice } from '../sqlite/pages.ts'
import { type Fragment, Sql } from '../sqlite/sql.ts'
import type { AuditEntry, AuditNote, AuditQuestion } from './audit.ts'
import { BodyText, baseOf, bodyOf, type Chain, chained, entryOf, Head, idOf, markOf } from './chain.ts'
import { type Anchor, HeadFile, inodeOf, readHead } from './head.ts'
import { openAudit } from './open.ts'

const MAX_REMEMBERED = 10_000

const ChainRow = z.object({
  origin: z.string(),
  key: z.string(),
  parent: z.string().transform((json) => Head.nullable().parse(JSON.parse(json))),
})
const HashRow = z.object({ hash: z.string() })
const LastRow = z.object({ id: z.string(), hash: z.string() })

const Row = z
  .object({ id: z.string(), body: BodyText, userId: z.string().nullable() })
  .transform(({ id, body, userId }): AuditEntry => entryOf(id, body, userId))

/** Whom an entry names: nobody who was erased since. */
const NAMED =
  'entries LEFT JOIN names ON names.pseudonym = entries.mark LEFT JOIN erasures ON erasures.pseudonym = entries.mark AND entries.at <= erased_at'

/** The audit log of one server, in a file of its own. Everything is synchronous. */
export class Ledger {
  readonly #path: string
  readonly #db: Database.Database
  readonly #sql: Sql
  readonly #inode: number
  readonly #headFile: HeadFile
  /** Of this server. */
  #chain: Chain
  #head: Head
  /** Users and their marks, whose names are in the file. */
  readonly #marks = new Map<string, string>()

  constructor({ path, headPath }: { path: string; headPath: string }) {
    this.#path = path
    this.#db = openAudit(path)
    this.#sql = new Sql(this.#db)
    this.#inode = inodeOf(path) ?? 0
    const anchor = readHead(headPath)
    const chain = anchor && this.#toGoOnWith(anchor)
    this.#chain = chain ?? {
      origin: randomBytes(8).toString('hex'),
      key: this.#keyInUse() ?? randomBytes(32).toString('hex'),
      parent: this.#parentAt(anchor),
    }
    this.#head = this.#headOf(this.#chain.origin) ?? { origin: this.#chain.origin, seq: 0, hash: baseOf(this.#chain) }
    try {
      this.#headFile = new HeadFile(headPath)
    } catch (error) {
      this.#db.close()
      throw new StartError(`The file ${headPath} can't be made or written. Check DATA_DIR and its permissions.`, { cause: error })
    }
  }

  /** All of them, or none. */
  append(notes: readonly AuditNote[]): void {
    if (inodeOf(this.#path) !== this.#inode) throw storeUnavailable(new Error('the audit log was moved or deleted'))
    try {
      this.#head = this.#sql.transaction(() => {
        if (this.#head.seq === 0) this.#begin()
        return notes.reduce((head, note) => this.#add(head, note), this.#head)
      })
    } catch (error) {
      // What was named in it is not.
      this.#marks.clear()
      throw error
    }
    this.#anchor()
  }

  page({ userId, actor, from, to, page }: AuditQuestion): Slice<AuditEntry> {
    const where: Fragment[] = []
    if (userId !== undefined) {
      const marks = this.#keys().map((key) => markOf(key, userId))
      where.push({ sql: `mark IN (${marks.map(() => '?').join()})`, params: marks })
    }
    if (actor !== undefined) where.push({ sql: 'sub = ?', params: [actor] })
    if (from !== undefined) where.push({ sql: 'at >= ?', params: [from] })
    if (to !== undefined) where.push({ sql: 'at <= ?', params: [to] })
    const ordering: Ordering<AuditEntry> = {
      columns: 'id, body, iif(erased_at IS NULL, user_id, NULL) AS userId',
      from: { sql: NAMED, params: [] },
      where: where.length > 0 ? where : [{ sql: 'TRUE', params: [] }],
      sort: 'at',
      id: 'id',
      descending: true,
      row: Row,
    }
    return this.#sql.snapshot(() => slice(this.#sql, ordering, page, false))
  }

  close(): void {
    this.#headFile.close()
    this.#db.close()
  }

  #begin(): void {
    const { origin, key, parent } = this.#chain
    this.#sql.run('INSERT INTO chains (origin, key, parent) VALUES (?, ?, ?)', origin, key, JSON.stringify(parent))
  }

  #add({ origin, seq, hash }: Head, note: AuditNote): Head {
    const mark = note.userId === null ? null : this.#markOf(note.userId, note)
    const body = JSON.stringify(bodyOf(note, mark))
    const next = { origin, seq: seq + 1, hash: chained(hash, body) }
    this.#sql.run('INSERT INTO entries (id, body, hash) VALUES (?, ?, ?)', idOf(origin, next.seq), body, next.hash)
    if (mark !== null && note.erases) this.#forget(mark, note.at)
    return next
  }

  /** Takes the name along, unless they are, or were by then, erased. */
  #markOf(userId: string, { at, erases }: AuditNote): string {
    const known = this.#marks.get(userId)
    if (known !== undefined && !erases) return known
    const mark = known ?? markOf(this.#chain.key, userId)
    const isErased = 'SELECT 1 FROM erasures WHERE pseudonym = ? AND erased_at >= ?'
    if (erases) this.#marks.delete(userId)
    else if (!this.#sql.exists(isErased, mark, at)) {
      this.#sql.run('INSERT INTO names (pseudonym, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING', mark, userId)
      if (this.#marks.size >= MAX_REMEMBERED) this.#marks.clear()
      this.#marks.set(userId, mark)
    }
    return mark
  }

  #forget(mark: string, at: number): void {
    this.#sql.run('DELETE FROM names WHERE pseudonym = ?', mark)
    this.#sql.run(
      'INSERT INTO erasures (pseudonym, erased_at) VALUES (?, ?) ON CONFLICT DO UPDATE SET erased_at = max(erased_at, excluded.erased_at)',
      mark,
      at,
    )
  }

  /** The entries are durable; where this can't be written, it is with the next ones. */
  #anchor(): void {
    try {
      this.#headFile.write({ ...this.#head, inode: this.#inode })
    } catch {}
  }

  /** The chain that the file beside speaks of, if it is here, whole, and not a copy. */
  #toGoOnWith(anchor: Anchor): Chain | null {
    const chain = this.#sql.get(ChainRow, 'SELECT origin, key, parent FROM chains WHERE origin = ?', anchor.origin)
    return anchor.inode === this.#inode && this.#holds(anchor) ? chain : null
  }

  #parentAt(anchor: Anchor | null): Head | null {
    if (!anchor) return null
    const { inode: _, ...head } = anchor
    return (this.#holds(head) && this.#headOf(head.origin)) || head
  }

  #holds({ origin, seq, hash }: Head): boolean {
    return this.#sql.get(HashRow, 'SELECT hash FROM entries WHERE id = ?', idOf(origin, seq))?.hash === hash
  }

  #headOf(origin: string): Head | null {
    const last = this.#sql.get(
      LastRow,
      'SELECT id, hash FROM entries WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1',
      idOf(origin, 0),
      `${origin}-:`,
    )
    return last && { origin, seq: Number(last.id.slice(origin.length + 1)), hash: last.hash }
  }

  #keys(): string[] {
    const keys = this.#sql.all(z.object({ key: z.string() }), 'SELECT DISTINCT key FROM chains').map(({ key }) => key)
    return keys.length > 0 ? keys : [this.#chain.key]
  }

  #keyInUse(): string | null {
    return this.#sql.get(z.object({ key: z.string() }), 'SELECT key FROM chains LIMIT 1')?.key ?? null
  }
}
