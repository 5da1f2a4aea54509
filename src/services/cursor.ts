import { hash } from 'node:crypto'
import * as z from 'zod'
import { badInput, cursorExpired } from '../errors.ts'

/** A place among alert events: the index of a log entry that keeps it, in an epoch that every instance knows, and the place within that entry. */
export interface Position {
  epoch: string
  n: number
  ordinal: number
}

/** What a reader has been given: everything up to a position, and some alert events that the log has not settled there. */
export interface Given {
  upTo: Position
  /** Their ids in short, oldest first. */
  beyond: readonly string[]
}

/** Behind everything in an entry. */
export const END = Number.MAX_SAFE_INTEGER
/** How many alert events a cursor can name. An older one may be given twice, but none is missed. */
export const MAX_BEYOND = 1_000

/** Enough of an id to tell it from any other: a cursor may have to name many. */
export const shortId = (id: string): string => hash('sha1', id, 'base64url').slice(0, 12)

const Short = z.string().regex(/^[\w-]{12}$/)
const Cursor = z.strictObject({
  v: z.literal(2),
  d: z.string(),
  e: z.string(),
  n: z.int().min(0),
  ordinal: z.int().min(0),
  given: z.array(Short).max(MAX_BEYOND).default([]),
})

/** What a reader of one data set has been given, as an opaque text. */
export function encodeCursor(dataSetId: string, { upTo, beyond }: Given): string {
  const { epoch, n, ordinal } = upTo
  const cursor: z.input<typeof Cursor> = { v: 2, d: dataSetId, e: epoch, n, ordinal, ...(beyond.length > 0 && { given: [...beyond] }) }
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

export function decodeCursor(dataSetId: string, cursor: string): Given {
  const { d, e, n, ordinal, given } = parse(cursor)
  if (d !== dataSetId) throw cursorExpired('after')
  return { upTo: { epoch: e, n, ordinal }, beyond: given }
}

function parse(cursor: string): z.output<typeof Cursor> {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch {
    throw badInput('after is not a cursor of this subscription.', 'Hand back the cursor of the last message just as it was.', 'after')
  }
}
