import { z } from 'zod'
import { type Key, MAX_CANDIDATES, type Page, type Slice } from '../store.ts'
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

type Order = Pick<Ordering<unknown>, 'sort' | 'id' | 'descending'>

interface Walk<T> {
  items: { key: Key; value: T }[]
  /** Whether there are more within the page's bounds. */
  more: boolean
}

const KeyRow = z.object({ sortKey: z.number(), idKey: z.string() }).transform(({ sortKey, idKey }): Key => [sortKey, idKey])
const keyColumns = ({ sort, id }: Order): string => `${sort ?? 0} AS sortKey, ${id} AS idKey`
const keysOf = (rows: readonly unknown[]): Key[] => rows.map((row) => KeyRow.parse(row))

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
function walk<T>(sql: Sql, ordering: Ordering<T>, page: Page): Walk<T> {
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

/**
 * Looks at no more than so many rows of a table, in their order, and ends early when too few of them match. `where` may call them `walked`.
 * By `parts` the table is put together from those that these conditions select, each in the same order.
 */
export function walkMatching<T>(
  sql: Sql,
  { where, ...ordering }: Ordering<T>,
  page: Page,
  parts: readonly Fragment[] = [all([])],
): Slice<T> {
  const forward = page.take === 'first'
  const order = orderBy(ordering, forward)
  const inOrder = (part: Fragment): Fragment => {
    const bounds = all([part, ...boundsOf(ordering, page)])
    return { sql: `FROM ${ordering.from.sql} WHERE ${bounds.sql} ORDER BY ${order}`, params: bounds.params }
  }
  const looked = parts.map(inOrder)
  const limited = looked.map((part) => `SELECT * FROM (SELECT * ${part.sql} LIMIT ${MAX_CANDIDATES + 1})`)
  const range = { sql: `FROM (${limited.join(' UNION ALL ')}) ORDER BY ${order}`, params: looked.flatMap(({ params }) => params) }
  const from = { sql: `(SELECT * ${range.sql} LIMIT ${MAX_CANDIDATES}) AS walked`, params: range.params }
  const { items, more } = walk(sql, { ...ordering, from, where }, page)
  const edge = more ? null : edgeOf(sql, ordering, range)
  const goesOn = more || edge !== null
  const any = { sql: parts.map((part) => `(${part.sql})`).join(' OR '), params: parts.flatMap(({ params }) => params) }
  const around: Ordering<unknown> = { ...ordering, where: [any] }
  return {
    items,
    hasPrevious: (!forward && goesOn) || (page.after !== undefined && isThere(sql, around, within(ordering, page.after, 'back', true))),
    hasNext: (forward && goesOn) || (page.before !== undefined && isThere(sql, around, within(ordering, page.before, 'on', true))),
    total: null,
    resume: items.length < page.limit ? edge : null,
  }
}

/** The key of the last row that such a walk looks at; null when none follows. */
function edgeOf(sql: Sql, ordering: Order, range: Fragment): Key | null {
  const rows = sql.rows(`SELECT ${keyColumns(ordering)} ${range.sql} LIMIT 2 OFFSET ${MAX_CANDIDATES - 1}`, ...range.params)
  const [edge, beyond] = keysOf(rows)
  return edge && beyond ? edge : null
}

/** The part of an ordering that a page's keys leave, both exclusive. */
function boundsOf(ordering: Order, { after, before }: Page): Fragment[] {
  const bounds: Fragment[] = []
  if (after) bounds.push(within(ordering, after, 'on', false))
  if (before) bounds.push(within(ordering, before, 'back', false))
  return bounds
}

/** What lies on from a key, or back from it, in the order of the contract. */
function within(ordering: Order, key: Key, direction: 'on' | 'back', inclusive: boolean): Fragment {
  const { sort, id, descending } = ordering
  const operator = `${(direction === 'on') === descending ? '<' : '>'}${inclusive ? '=' : ''}`
  return sort === null ? { sql: `${id} ${operator} ?`, params: [key[1]] } : { sql: `(${sort}, ${id}) ${operator} (?, ?)`, params: key }
}

function orderBy({ sort, id, descending }: Order, forward: boolean): string {
  const direction = forward === descending ? 'DESC' : 'ASC'
  return sort === null ? `${id} ${direction}` : `${sort} ${direction}, ${id} ${direction}`
}

function isThere(sql: Sql, { from, where }: Ordering<unknown>, condition: Fragment): boolean {
  const conditions = all([...where, condition])
  return sql.exists(`SELECT 1 FROM ${from.sql} WHERE ${conditions.sql} LIMIT 1`, ...from.params, ...conditions.params)
}

function total(sql: Sql, { from, where }: Ordering<unknown>): number {
  const conditions = all(where)
  return (
    sql.get(Count, `SELECT count(*) AS count FROM ${from.sql} WHERE ${conditions.sql}`, ...from.params, ...conditions.params)?.count ?? 0
  )
}
