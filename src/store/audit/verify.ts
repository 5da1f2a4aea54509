import type Database from 'better-sqlite3'
import * as z from 'zod'
import { BodyText, baseOf, type Chain, chained, Head, markOf, placeOf } from './chain.ts'
import { readHead } from './head.ts'
import { lookAtAudit } from './open.ts'

export interface Verdict {
  entries: number
  chains: number
  /** What is wrong, as sentences; none: every byte is as it was written. */
  faults: string[]
}

const ChainRow = z.strictObject({ origin: z.string(), key: z.string(), parent: z.string() })
const EntryRow = z.strictObject({ id: z.string(), body: z.string(), hash: z.string() })
const NameRow = z.strictObject({ pseudonym: z.string(), user_id: z.string() })
const ErasureRow = z.strictObject({ pseudonym: z.string(), erased_at: z.int() })

/** Enough to see what has happened. */
const MAX_FAULTS = 20

/**
 * Reads the whole of an audit log, also while a server writes to it. `heads` are those that are known from elsewhere, such as from Redis:
 * the log has to have them where it is of that server, and must not contradict them where it is another's.
 */
export function verifyAudit({ path, headPath, heads = [] }: { path: string; headPath: string; heads?: readonly Head[] }): Verdict {
  // Before the log: what it names is in there by then.
  const anchor = readHead(headPath)
  const db = lookAtAudit(path)
  try {
    return db.transaction(() => new Inspection(db).run(anchor, heads))()
  } finally {
    db.close()
  }
}

class Inspection {
  readonly #db: Database.Database
  readonly #faults: string[] = []
  readonly #chains = new Map<string, Chain>()
  /** Newest entries, as the chains have them. */
  readonly #heads = new Map<string, Head>()
  /** Hashes that are asked for: of heads known from elsewhere, and of parents. */
  readonly #wanted = new Map<string, Head>()
  readonly #found = new Set<string>()
  readonly #erasures = new Map<string, number>()
  /** Keys of the marks of whoever was erased. */
  readonly #erasedUnder = new Set<string>()
  /** The chains of this server. */
  readonly #own = new Set<string>()
  /** Whom their entries name by a mark: the key of it, and when they last did. */
  readonly #named = new Map<string, { key: string; at: number }>()
  #entries = 0

  constructor(db: Database.Database) {
    this.#db = db
  }

  run(anchor: Head | null, heads: readonly Head[]): Verdict {
    this.#readFile()
    this.#readChains()
    for (const head of [...heads, ...(anchor ? [anchor] : []), ...[...this.#chains.values()].flatMap(({ parent }) => parent ?? [])])
      this.#wanted.set(placeKey(head), head)
    for (let each = anchor?.origin; each !== undefined && !this.#own.has(each); each = this.#chains.get(each)?.parent?.origin)
      this.#own.add(each)
    this.#readEntries()
    this.#readNames()
    if (anchor) this.#compare(anchor, 'The file audit.head', true)
    else if (this.#entries > 0) this.#fault('The file audit.head, which says how far this log went, is missing or damaged.')
    for (const { origin, parent } of this.#chains.values()) if (parent) this.#compare(parent, `Chain ${origin}`, true)
    for (const head of heads) this.#compare(head, 'Redis', head.origin === anchor?.origin)
    return { entries: this.#entries, chains: this.#chains.size, faults: this.#faults }
  }

  #fault(sentence: string): void {
    if (this.#faults.length < MAX_FAULTS) this.#faults.push(sentence)
  }

  #readFile(): void {
    try {
      const found = String(this.#db.pragma('integrity_check(1)', { simple: true }))
      if (found !== 'ok') this.#fault(`The file is damaged: ${found.replace(/\s+/g, ' ').slice(0, 200)}.`)
    } catch (error) {
      this.#fault(`The file is damaged (${error instanceof Error && 'code' in error ? error.code : 'unreadable'}).`)
    }
  }

  #readChains(): void {
    for (const row of this.#rows('SELECT origin, key, parent FROM chains')) {
      try {
        const { parent, ...rest } = ChainRow.parse(row)
        const chain = { ...rest, parent: Head.nullable().parse(JSON.parse(parent)) }
        this.#chains.set(chain.origin, chain)
        this.#heads.set(chain.origin, { origin: chain.origin, seq: 0, hash: baseOf(chain) })
      } catch {
        this.#fault('The row of a chain can not be read.')
      }
    }
  }

  #readEntries(): void {
    // What is broken once in a chain is told once, and the rest of it is checked for itself.
    for (const row of this.#rows('SELECT id, body, hash FROM entries ORDER BY id')) {
      this.#entries += 1
      const entry = EntryRow.safeParse(row).data
      const place = entry && placeOf(entry.id)
      const head = place && this.#heads.get(place.origin)
      if (!entry || !place || !head) {
        this.#fault(`An entry is of no chain, or can not be read${entry ? `: ${entry.id}` : ''}.`)
        continue
      }
      if (place.seq !== head.seq + 1) this.#fault(`Entries are missing before ${entry.id}: the one before it is number ${head.seq}.`)
      else if (chained(head.hash, entry.body) !== entry.hash)
        this.#fault(`Entry ${entry.id} is not as it was written, or the one before it is not.`)
      const next = { ...place, hash: entry.hash }
      this.#heads.set(place.origin, next)
      if (this.#wanted.get(placeKey(next))?.hash === next.hash) this.#found.add(placeKey(next))
      this.#noteMark(entry.body, place.origin)
    }
    for (const { origin, seq } of this.#heads.values()) if (seq === 0) this.#fault(`Chain ${origin} has no entries any more.`)
  }

  #noteMark(json: string, origin: string): void {
    const body = BodyText.safeParse(json).data
    if (!body) this.#fault('An entry can not be read.')
    const { at = 0, user = null, erases } = body ?? {}
    const key = this.#chains.get(origin)?.key
    if (user === null || key === undefined) return
    if (erases) {
      this.#erasures.set(user, Math.max(at, this.#erasures.get(user) ?? 0))
      this.#erasedUnder.add(key)
    } else if (this.#own.has(origin)) this.#named.set(user, { key, at: Math.max(at, this.#named.get(user)?.at ?? 0) })
  }

  #readNames(): void {
    const keys = [...new Set([...this.#chains.values()].map(({ key }) => key))]
    for (const row of this.#rows('SELECT pseudonym, user_id FROM names')) {
      const name = NameRow.safeParse(row).data
      if (!name || !keys.some((key) => markOf(key, name.user_id) === name.pseudonym))
        this.#fault('A mark is said to stand for another user than it does.')
      else this.#named.delete(name.pseudonym)
    }
    for (const [mark, { key, at }] of this.#named) {
      // Whoever was erased under a mark of another key is nameless under this one too.
      const mayBeErased = at <= (this.#erasures.get(mark) ?? -1) || [...this.#erasedUnder].some((each) => each !== key)
      if (!mayBeErased) this.#fault(`Nothing says any more for whom the mark ${mark} stands, who was not erased.`)
    }
    let erasures = 0
    for (const row of this.#rows('SELECT pseudonym, erased_at FROM erasures')) {
      erasures += 1
      const erasure = ErasureRow.safeParse(row).data
      if (!erasure || this.#erasures.get(erasure.pseudonym) !== erasure.erased_at) this.#fault('An erasure is noted that is in no entry.')
    }
    if (erasures < this.#erasures.size) this.#fault('An erasure that is in the entries is not noted.')
  }

  /** `mustHave`: nothing may be behind; otherwise only what is here must not be another. */
  #compare(head: Head, said: string, mustHave: boolean): void {
    if (head.seq === 0) return
    const here = this.#heads.get(head.origin)
    if (this.#found.has(placeKey(head))) return
    if (here && here.seq >= head.seq) this.#fault(`${said} knows entry ${head.seq} of chain ${head.origin} as another than is here.`)
    else if (mustHave)
      this.#fault(`${said} knows ${head.seq} entries of chain ${head.origin}, and ${here?.seq ?? 'none'} are here: the end was cut off.`)
  }

  #rows(sql: string): Iterable<unknown> {
    const statement = this.#db.prepare(sql)
    const fault = (error: unknown) =>
      this.#fault(`A table can not be read to its end (${error instanceof Error && 'code' in error ? error.code : 'unreadable'}).`)
    return (function* () {
      try {
        yield* statement.iterate()
      } catch (error) {
        fault(error)
      }
    })()
  }
}

const placeKey = ({ origin, seq }: Head): string => `${origin} ${seq}`
