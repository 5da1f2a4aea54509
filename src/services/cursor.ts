import * as z from 'zod'
import { badInput, cursorExpired } from '../errors.ts'

/** Which alert event a reader was given last: the index of its log entry, and its place among the alert events of that entry. */
export interface Position {
  n: number
  ordinal: number
}

const Cursor = z.strictObject({ v: z.literal(1), d: z.string(), n: z.int().min(1), ordinal: z.int().min(0) })

/** A position in the log of one data set, as an opaque text. */
export const encodeCursor = (dataSetId: string, { n, ordinal }: Position): string =>
  Buffer.from(JSON.stringify({ v: 1, d: dataSetId, n, ordinal } satisfies z.infer<typeof Cursor>)).toString('base64url')

export function decodeCursor(dataSetId: string, cursor: string): Position {
  const { d, ...position } = parse(cursor)
  if (d !== dataSetId) throw cursorExpired('after')
  return position
}

function parse(cursor: string): z.infer<typeof Cursor> {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch {
    throw badInput('after is not a cursor of this subscription.', 'Hand back the cursor of the last message just as it was.', 'after')
  }
}
