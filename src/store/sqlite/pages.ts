import { z } from 'zod'
import type { Key, Page, Slice } from '../store.ts'
import { Count } from './rows.ts'
import { all, type Fragment, type Sql } from './sql.ts'

/** Rows in an order that an index keeps, to be paged through by key. */
export interface Ordering<T> {
  columns: string
  from: Fragment
  where: readonly Fragment[]
  /** The sort number; null where all have 0. */
  sort: string | null
  id: string
  descending: boolean
  row: z.ZodType<T>
}

interface Walk<T> {
  items: { key: Key; value: T }[]
  /** Whether there are more within the page's bounds. */
  more: boolean
}

const KeyRow = z.object({ sortKey: z.number(), idKey: z.string() }).transform(({ sortKey, idKey }): Key => [sortKey, idKey])
export const keyColumns = ({ sort, id }: Ordering<unknown>): string => `${sort ?? 0} AS sortKey, ${id} AS idKey`
export const keysOf = (rows: readonly unknown[]): Key[] => rows.map((row) => KeyRow.parse(row))

/** A page, with what lies around it. */
export function slice<T>(sql: Sql, ordering: Ordering<T>, page: Page, counted: boolean): Slice<T> {
  const { items, more } = walk(sql, ordering, page)
  const before = page.after !== undefined && isThere(sql, ordering, within(ordering, page.after, 'back', true))
  const behind = page.before !== undefined && isThere(sql, ordering, within(ordering, page.before, 'on', true))
  return {
    items,
    hasPrevious: before || (page.take === 'last' && more),
    hasNext: behind || (page.take === 'first' && more),
    total: counted ? total(sql, ordering) : null,
    resume: null,
  }
}

/** The page's items, in the order of the contract. Rows that can't be read are passed over. */
export function walk<T>(sql: Sql, ordering: Ordering<T>, page: Page): Walk<T> {
  const { columns, from } = ordering
  const forward = page.take === 'first'
  const items: Walk<T>['items'] = []
  let bounds = page
  for (;;) {
    const wanted = page.limit + 1 - items.length
    const where = all([...ordering.where, ...boundsOf(ordering, bounds)])
    const rows = sql.rows(
      `SELECT ${columns}, ${keyColumns(ordering)} FROM ${from.sql} WHERE ${where.sql} ORDER BY ${orderBy(ordering, forward)} LIMIT ?`,
      ...from.params,
      ...where.params,
      wanted,
    )
    for (const row of rows) {
      const value = ordering.row.safeParse(row)
      if (value.success) items.push({ key: KeyRow.parse(row), value: value.data })
    }
    const last = rows.at(-1)
    if (rows.length < wanted || items.length > page.limit || last === undefined) break
    bounds = forward ? { ...bounds, after: KeyRow.parse(last) } : { ...bounds, before: KeyRow.parse(last) }
  }
  const more = items.length > page.limit
  if (more) items.pop()
  return { items: forward ? items : items.reverse(), more }
}

/** The part of an ordering that a page's keys leave, both exclusive. */
export function boundsOf(ordering: Ordering<unknown>, { after, before }: Page): Fragment[] {
  const bounds: Fragment[] = []
  if (after) bounds.push(within(ordering, after, 'on', false))
  if (before) bounds.push(within(ordering, before, 'back', false))
  return bounds
}

/** What lies on from a key, or back from it, in the order of the contract. */
export function within(ordering: Ordering<unknown>, key: Key, direction: 'on' | 'back', inclusive: boolean): Fragment {
  const { sort, id, descending } = ordering
  const operator = `${(direction === 'on') === descending ? '<' : '>'}${inclusive ? '=' : ''}`
  return sort === null ? { sql: `${id} ${operator} ?`, params: [key[1]] } : { sql: `(${sort}, ${id}) ${operator} (?, ?)`, params: key }
}

export function orderBy({ sort, id, descending }: Ordering<unknown>, forward: boolean): string {
  const direction = forward === descending ? 'DESC' : 'ASC'
  return sort === null ? `${id} ${direction}` : `${sort} ${direction}, ${id} ${direction}`
}

export function isThere(sql: Sql, { from, where }: Ordering<unknown>, condition: Fragment): boolean {
  const conditions = all([...where, condition])
  return sql.exists(`SELECT 1 FROM ${from.sql} WHERE ${conditions.sql} LIMIT 1`, ...from.params, ...conditions.params)
}

function total(sql: Sql, { from, where }: Ordering<unknown>): number {
  const conditions = all(where)
  return (
    sql.get(Count, `SELECT count(*) AS count FROM ${from.sql} WHERE ${conditions.sql}`, ...from.params, ...conditions.params)?.count ?? 0
  )
}
