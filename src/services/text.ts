import { badInput } from '../errors.ts'

/** Longest user id, and longest idempotency key, in code points. */
export const MAX_USER_ID = 512
export const MAX_IDEMPOTENCY_KEY = 512

export interface TextRule {
  /** Greatest length in code points. */
  max: number
  /** Whether the empty text will do. */
  empty?: boolean
}

/** Text from a caller: well-formed Unicode of bounded length. What is too long is refused, never cut. */
export function checkText(field: string, text: string, { max, empty = false }: TextRule): string {
  if (!text.isWellFormed())
    throw badInput(`${field} is not well-formed Unicode.`, 'It holds half of a surrogate pair; send whole characters.', field)
  if (!empty && text === '') throw badInput(`${field} is empty.`, `Give ${field} at least one character.`, field)
  const length = text.length > max ? codePoints(text) : 0
  if (length > max) {
    throw badInput(`${field} has ${length} code points; at most ${max} are taken.`, `Shorten ${field}: nothing is cut off silently.`, field)
  }
  return text
}

export const checkUserId = (userId: string, field = 'userId'): string => checkText(field, userId, { max: MAX_USER_ID })

/** Length of well-formed text in code points. */
function codePoints(text: string): number {
  let count = 0
  for (let i = 0; i < text.length; i += (text.codePointAt(i) ?? 0) > 0xffff ? 2 : 1) count += 1
  return count
}

/** The first `count` code points. */
export function firstCodePoints(text: string, count: number): string {
  let end = 0
  for (let i = 0; i < count && end < text.length; i += 1) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1
  return text.slice(0, end)
}
