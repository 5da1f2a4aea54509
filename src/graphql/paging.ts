import { createHash } from 'node:crypto'
import * as z from 'zod'
import { badInput } from '../errors.ts'
import type { Key, Page, Slice } from '../store/store.ts'
import { checkRange } from './check.ts'
import type { Seal } from './seal.ts'

export const DEFAULT_PAGE = 20
export const MAX_PAGE = 100

export interface PageArgs {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
}

/** What makes two lists the same list, so that a cursor of one means something in the other: field, whose, order, filter. */
export type Ordering = readonly [field: string, ...details: unknown[]]

const Cursor = z.tuple([z.string(), z.int(), z.string()])

const digestOf = (ordering: Ordering): string => createHash('sha256').update(JSON.stringify(ordering)).digest('base64url').slice(0, 8)

const textOf = (digest: string, [sort, id]: Key): string => JSON.stringify([digest, sort, id])

function encodeCursor({ digest, seal }: List, key: Key): string {
  const text = textOf(digest, key)
  return seal ? seal.close(text) : Buffer.from(text).toString('base64url')
}

function parseCursor(argument: 'after' | 'before', cursor: string, { digest, seal }: List): Key {
  let json: unknown
  try {
    json = JSON.parse((seal ? seal.open(cursor) : Buffer.from(cursor, 'base64url').toString()) ?? 'null')
  } catch {
    json = null
  }
  const parsed = Cursor.safeParse(json)
  if (!parsed.success || !parsed.data[2].isWellFormed()) {
    throw badInput(
      `${argument} is not a cursor.`,
      `Give ${argument} a cursor just as an answer had it, or leave it out to start anew.`,
      argument,
    )
  }
  if (parsed.data[0] !== digest) {
    throw badInput(
      `${argument} is a cursor of another list, order or filter.`,
      'Cursors only go with the field and the arguments that they were given with; leave it out to start anew.',
      argument,
    )
  }
  return [parsed.data[1], parsed.data[2]]
}

interface List {
  digest: string
  seal: Seal | undefined
}

function pageOf(args: PageArgs, list: List): Page {
  const { first, after, last, before } = args
  if (first != null && last != null)
    throw badInput('first and last are both given.', 'Give only one of them: first to page forwards, last to page backwards.', 'last')
  const backwards = last != null || (first == null && before != null && after == null)
  const limit = first != null ? checkRange('first', first, 0, MAX_PAGE) : checkRange('last', last ?? DEFAULT_PAGE, 0, MAX_PAGE)
  return {
    take: backwards ? 'last' : 'first',
    limit,
    after: after == null ? undefined : parseCursor('after', after, list),
    before: before == null ? undefined : parseCursor('before', before, list),
  }
}

/**
 * One page of a list as a Relay connection; `read` gets the slice that the arguments ask for. With a seal no cursor is taken but those that
 * were given: what lies before and behind a place of the reader's own choice would tell of people whom they may not see. And that of a
 * page that ended early tells nobody where: that may be with one of them.
 */
export async function connection<T>(args: PageArgs, ordering: Ordering, read: (page: Page) => Slice<T> | Promise<Slice<T>>, seal?: Seal) {
  const list = { digest: digestOf(ordering), seal }
  const page = pageOf(args, list)
  const { items, hasNext, hasPrevious, resume, total } = await read(page)
  const edges = items.map(({ key, value }) => ({ cursor: encodeCursor(list, key), node: value }))
  const stopped = resume && encodeCursor(list, resume)
  return {
    edges,
    totalCount: total,
    pageInfo: {
      hasNextPage: hasNext,
      hasPreviousPage: hasPrevious,
      startCursor: (page.take === 'last' && stopped) || (edges[0]?.cursor ?? args.before ?? null),
      endCursor: (page.take === 'first' && stopped) || (edges.at(-1)?.cursor ?? args.after ?? null),
    },
  }
}
