import type { Database, Statement } from 'better-sqlite3'
import type { z } from 'zod'

export type Param = string | number | Buffer | null

/** A piece of SQL with the values of its placeholders. */
export interface Fragment {
  sql: string
  params: readonly Param[]
}

/** A connection and its prepared statements. Rows are parsed; one that can't be read spoils nothing but itself: it is passed over. */
export class Sql {
  readonly #db: Database
  readonly #statements = new Map<string, Statement<Param[]>>()

  constructor(db: Database) {
    this.#db = db
  }

  /** Answers how many rows changed. */
  run(sql: string, ...params: Param[]): number {
    return this.#statement(sql).run(...params).changes
  }

  get<T>(row: z.ZodType<T>, sql: string, ...params: Param[]): T | null {
    const found = this.#statement(sql).get(...params)
    return found === undefined ? null : (row.safeParse(found).data ?? null)
  }

  all<T>(row: z.ZodType<T>, sql: string, ...params: Param[]): T[] {
    return this.rows(sql, ...params).flatMap((found) => row.safeParse(found).data ?? [])
  }

  rows(sql: string, ...params: Param[]): unknown[] {
    return this.#statement(sql).all(...params)
  }

  exists(sql: string, ...params: Param[]): boolean {
    return this.#statement(sql).get(...params) !== undefined
  }

  transaction<T>(work: () => T): T {
    return this.#db.transaction(work).immediate()
  }

  snapshot<T>(work: () => T): T {
    return this.#db.transaction(work).deferred()
  }

  #statement(sql: string): Statement<Param[]> {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#db.prepare<Param[]>(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

/** Fragments joined by AND. */
export const all = (fragments: readonly Fragment[]): Fragment => ({
  sql: fragments.length > 0 ? fragments.map(({ sql }) => `(${sql})`).join(' AND ') : 'TRUE',
  params: fragments.flatMap(({ params }) => params),
})
