import type { UserCopy } from '../copy.ts'
import { Marks } from './encode.ts'
import { putTexts } from './put.ts'

/**
 * What Redis is filled with, in steps, each as one script takes it: made where it is read, so that nothing but bytes comes to the thread
 * that sends them.
 */
export interface Packed {
  /** Goes into the JSON argument. */
  about: object
  texts: Uint8Array
}

/** So much is written in one step at most, if that is more than one thing: nobody at this Redis waits for long, and what it works on stays in its cache. */
export const STEP_BYTES = 150_000
export const STEP_ITEMS = 64

/** Texts as one MessagePack array. Redis takes one long argument faster than many short ones, and so does the client. */
export function packTexts(texts: readonly string[]): Buffer {
  const packed = packEach(texts, 5)
  packed[0] = 0xdd
  packed.writeUInt32BE(texts.length, 1)
  return packed
}

/** Each in MessagePack, one behind the other, with so much room before the first. */
export function packEach(texts: readonly string[], room = 0): Buffer {
  const packed = Buffer.allocUnsafe(texts.reduce((size, text) => size + 5 + Buffer.byteLength(text), room))
  let at = room
  for (const text of texts) {
    packed[at] = 0xdb
    const length = packed.write(text, at + 5)
    at = packed.writeUInt32BE(length, at + 1) + length
  }
  return packed
}

function inSteps<T>(items: readonly T[], textsOf: (item: T) => string[], about: (some: readonly T[]) => object): Packed[] {
  const steps: Packed[] = []
  let texts: string[] = []
  let first = 0
  let size = 0
  for (const [i, item] of items.entries()) {
    for (const text of textsOf(item)) {
      texts.push(text)
      size += Buffer.byteLength(text)
    }
    if (size < STEP_BYTES && i + 1 - first < STEP_ITEMS && i + 1 < items.length) continue
    steps.push({ about: about(items.slice(first, i + 1)), texts: packTexts(texts) })
    texts = []
    first = i + 1
    size = 0
  }
  return steps
}

/** Users, for seedusers.lua, as of index n at the most: the log that they go with ends there, though they were read later. */
export function packUsers(
  copies: readonly UserCopy[],
  { tombstoneKey, timeZone, n }: { tombstoneKey: string; timeZone: string; n: number },
): Packed[] {
  const marks = new Marks(tombstoneKey)
  const textsOf = ({ user, state }: UserCopy) =>
    state ? ['1', ...putTexts(user, { ...state, rev: Math.min(state.rev, n) }, timeZone)] : ['0']
  const marked = ({ user, erasedAt, expiredAt }: UserCopy) =>
    erasedAt === null && expiredAt === null ? [] : [[marks.of(user), erasedAt ?? -1, expiredAt ?? -1]]
  return inSteps(copies, textsOf, (some) => ({ users: some.map(({ user }) => user), marks: some.flatMap(marked) }))
}
