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
const NameRow = z.object({ userId: z.string() })
const CopyRow = z.object({ id: z.string(), body: z.string(), hash: z.string(), userId: z.string().nullable() })
const HashRow = z.object({ hash: z.string() })
const LastRow = z.object({ id: z.string(), hash: z.string() })

const Row = z
  .object({ id: z.string(), body: BodyText, userId: z.string().nullable() })
  .transform(({ id, body, userId }): AuditEntry => entryOf(id, body, userId))

/** An entry as it goes from one server to another; userId: whom it names, which is not part of it. */
export interface Copy {
  seq: number
  body: string
  hash: string
  userId: string | null
}

export interface Holdings {
  /** Of this server: the chain that it goes on with, and its newest entry. */
  own: Chain & Head
  chains: (Chain & Head)[]
  /** How many erasures were seen since it was opened. */
  erasures: number
}

const newOrigin = (): string => randomBytes(8).toString('hex')

/** Whom an entry names: nobody who was erased since. */
const NAMED =
  'entries LEFT JOIN names ON names.pseudonym = entries.mark LEFT JOIN erasures ON erasures.pseudonym = entries.mark AND entries.at <= erased_at'

/** What comes late of another server must not take the name of somebody who has come again since. */
const UNNAME = `DELETE FROM names WHERE pseudonym = ?
  AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.mark = names.pseudonym AND entries.at > ?)`

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
  /** How many it has seen since it was opened. */
  #erasures = 0

  constructor({ path, headPath }: { path: string; headPath: string }) {
    this.#path = path
    this.#db = openAudit(path)
    this.#sql = new Sql(this.#db)
    this.#inode = inodeOf(path) ?? 0
    const anchor = readHead(headPath)
    const chain = anchor && this.#toGoOnWith(anchor)
    this.#chain = chain ?? {
      origin: newOrigin(),
      key: this.#keyInUse() ?? randomBytes(32).toString('hex'),
      parent: this.#parentAt(anchor),
    }
    this.#head = this.#headOf(this.#chain.origin) ?? { origin: this.#chain.origin, seq: 0, hash: baseOf(this.#chain) }
    try {
      this.#headFile = new HeadFile(headPath)
      // That this is missing later tells that somebody took it away.
      if (!anchor) this.#anchor()
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
        if (this.#head.seq === 0) this.#begin(this.#chain)
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

  /** How far it has each chain, and with what this server's own goes on. */
  holdings(): Holdings {
    const chains = this.#sql.all(ChainRow, 'SELECT origin, key, parent FROM chains').flatMap((chain) => {
      const head = this.#headOf(chain.origin)
      return head ? [{ ...chain, ...head }] : []
    })
    return { own: { ...this.#chain, ...this.#head }, chains, erasures: this.#erasures }
  }

  /** Entries of a chain behind number `after`, up to number `last`. */
  give(origin: string, after: number, last: number): Copy[] {
    return this.#sql
      .all(
        CopyRow,
        `SELECT id, body, hash, iif(erased_at IS NULL, user_id, NULL) AS userId FROM ${NAMED} WHERE id > ? AND id <= ? ORDER BY id`,
        idOf(origin, after),
        idOf(origin, last),
      )
      .map(({ id, ...copy }) => ({ seq: Number(id.slice(origin.length + 1)), ...copy }))
  }

  /**
   * Takes over what follows here on the entries of another server's chain, up to where one is missing. Answers how many; null, and takes
   * nothing, where that is not what followed there.
   */
  take(chain: Chain, copies: readonly Copy[]): number | null {
    return this.#sql.transaction(() => {
      const known = this.#sql.get(ChainRow, 'SELECT origin, key, parent FROM chains WHERE origin = ?', chain.origin)
      if (known && baseOf(known) !== baseOf(chain)) return null
      let head = this.#headOf(chain.origin) ?? { origin: chain.origin, seq: 0, hash: baseOf(chain) }
      const first = head.seq + 1
      const next = copies.filter(({ seq }) => seq >= first).filter(({ seq }, i) => seq === first + i)
      for (const { seq, body, hash } of next) {
        if (chained(head.hash, body) !== hash) return null
        head = { origin: chain.origin, seq, hash }
      }
      if (!known && next.length > 0) this.#begin(chain)
      for (const { seq, body, hash, userId } of next) {
        this.#sql.run('INSERT INTO entries (id, body, hash) VALUES (?, ?, ?)', idOf(chain.origin, seq), body, hash)
        const { at = 0, user = null, erases } = BodyText.safeParse(body).data ?? {}
        if (user === null) continue
        if (erases) this.#forget(chain.key, user, at)
        else if (userId !== null && markOf(chain.key, userId) === user) this.#name(user, userId, at)
      }
      return next.length
    })
  }

  /** From now on marks are made with this key, as those of all other servers are. */
  adopt(key: string): void {
    if (key === this.#chain.key) return
    this.#goOnIn({
      origin: this.#head.seq === 0 ? this.#chain.origin : newOrigin(),
      key,
      parent: this.#head.seq === 0 ? this.#chain.parent : this.#head,
    })
  }

  /** Goes on in another chain, behind an entry that is not here. */
  renew(parent: Head): void {
    this.#goOnIn({ origin: newOrigin(), key: this.#chain.key, parent })
  }

  close(): void {
    this.#headFile.close()
    this.#db.close()
  }

  #goOnIn(chain: Chain): void {
    this.#chain = chain
    this.#head = { origin: chain.origin, seq: 0, hash: baseOf(chain) }
    this.#marks.clear()
  }

  #begin({ origin, key, parent }: Chain): void {
    this.#sql.run('INSERT INTO chains (origin, key, parent) VALUES (?, ?, ?)', origin, key, JSON.stringify(parent))
  }

  #add({ origin, seq, hash }: Head, note: AuditNote): Head {
    const mark = note.userId === null ? null : this.#markOf(note.userId, note)
    const body = JSON.stringify(bodyOf(note, mark))
    const next = { origin, seq: seq + 1, hash: chained(hash, body) }
    this.#sql.run('INSERT INTO entries (id, body, hash) VALUES (?, ?, ?)', idOf(origin, next.seq), body, next.hash)
    if (mark !== null && note.erases) this.#forget(this.#chain.key, mark, note.at)
    return next
  }

  #markOf(userId: string, { at, erases }: AuditNote): string {
    const known = this.#marks.get(userId)
    if (known !== undefined && !erases) return known
    const mark = known ?? markOf(this.#chain.key, userId)
    if (!erases && this.#name(mark, userId, at)) {
      if (this.#marks.size >= MAX_REMEMBERED) this.#marks.clear()
      this.#marks.set(userId, mark)
    }
    return mark
  }

  /** Notes whom a mark stands for, unless they are, or were by then, erased. Answers whether it is known. */
  #name(mark: string, userId: string, at: number): boolean {
    if (this.#sql.exists('SELECT 1 FROM erasures WHERE pseudonym = ? AND erased_at >= ?', mark, at)) return false
    this.#sql.run('INSERT INTO names (pseudonym, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING', mark, userId)
    return true
  }

  #forget(key: string, mark: string, at: number): void {
    const others = this.#keys().filter((each) => each !== key)
    const known = this.#sql.all(NameRow, 'SELECT user_id AS userId FROM names WHERE pseudonym = ?', mark)
    // Servers that have not met each other yet make their marks with keys of their own.
    const named = known.length > 0 || others.length === 0 ? known : this.#sql.all(NameRow, 'SELECT user_id AS userId FROM names')
    for (const { userId } of named.filter(({ userId }) => markOf(key, userId) === mark))
      for (const each of [key, ...others]) this.#sql.run(UNNAME, markOf(each, userId), at)
    this.#sql.run(
      'INSERT INTO erasures (pseudonym, erased_at) VALUES (?, ?) ON CONFLICT DO UPDATE SET erased_at = max(erased_at, excluded.erased_at)',
      mark,
      at,
    )
    this.#erasures += 1
    this.#marks.clear()
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
    return anchor.inode === this.#inode && this.holds(anchor) ? chain : null
  }

  #parentAt(anchor: Anchor | null): Head | null {
    if (!anchor || anchor.seq === 0) return null
    const { inode: _, ...head } = anchor
    return (this.holds(head) && this.#headOf(head.origin)) || head
  }

  /** Whether an entry is here, and the same. */
  holds({ origin, seq, hash }: Head): boolean {
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
