import type { Pack, UserCopy } from '../copy.ts'
import type { LogEntry } from '../store.ts'
import { bodyOf, Marks } from './encode.ts'
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
const STEP_BYTES = 150_000
const STEP_ITEMS = 64

/** Users whom Redis has packed itself, as many as are put back at once (seedpacked.lua). */
export interface PackedUsers {
  users: string[]
  /** MessagePack: of each what its pack tells. */
  about: Uint8Array
  /** As they go to Redis: all or none, and only while nothing that was watched has changed. It answers the last of them alone. */
  commands: Uint8Array
}

const commandOf = (...words: string[]): string => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
const BEFORE = Buffer.from(commandOf('CLIENT', 'REPLY', 'OFF') + commandOf('MULTI'))
const AFTER = Buffer.from(commandOf('EXEC') + commandOf('CLIENT', 'REPLY', 'ON'))
/** One transaction: some milliseconds of Redis. */
const TRANSACTION_BYTES = 500_000
const TRANSACTION_USERS = 128

export function packPacks(packs: readonly Pack[]): PackedUsers[] {
  const all: PackedUsers[] = []
  let [first, size] = [0, 0]
  for (const [i, { commands }] of packs.entries()) {
    size += commands.length
    if (size < TRANSACTION_BYTES && i + 1 - first < TRANSACTION_USERS && i + 1 < packs.length) continue
    const some = packs.slice(first, i + 1)
    const header = Buffer.from([0xdd, 0, 0, 0, 0])
    header.writeUInt32BE(some.length, 1)
    all.push({
      users: some.map(({ user }) => user),
      about: Buffer.concat([header, ...some.map(({ about }) => about)]),
      commands: Buffer.concat([BEFORE, ...some.map((pack) => pack.commands), AFTER]),
    })
    ;[first, size] = [i + 1, 0]
  }
  return all
}

/** Texts as one MessagePack array. Redis takes one long argument faster than many short ones, and so does the client. */
export function packTexts(texts: readonly string[]): Buffer {
  const packed = Buffer.allocUnsafe(texts.reduce((size, text) => size + 5 + Buffer.byteLength(text), 5))
  packed[0] = 0xdd
  let at = packed.writeUInt32BE(texts.length, 1)
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

/** Entries of the log, for seedlog.lua; they come in order. */
export function packLog(entries: readonly LogEntry[]): Packed[] {
  // A void does not tell its time: it is as old as what came before it, or with nothing before it as what comes next.
  let at = entries.find(({ event }) => event)?.event?.acceptedAt ?? 0
  const textsOf = (entry: LogEntry) => {
    at = entry.event?.acceptedAt ?? at
    return entryTexts(entry, at)
  }
  return inSteps(entries, textsOf, () => ({}))
}

function entryTexts({ n, origin, seq, chain, event, formerly, outcome, alertEvents }: LogEntry, at: number): string[] {
  const fingerprint = event?.kind === 'recorded' ? event.payload.fingerprint : ''
  return [
    ...[String(n), origin, String(seq), chain, event?.id ?? '', event?.user ?? '', event?.kind ?? 'void', String(at)],
    ...[String(event?.occurredAt ?? at), fingerprint, event ? bodyOf(event) : '', outcome, JSON.stringify(alertEvents), formerly ?? ''],
  ]
}
