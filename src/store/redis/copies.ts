import { z } from 'zod'
import { riskRank } from '../../model.ts'
import type { Pack, UserCopy, UserState } from '../copy.ts'
import { compareBytes, compareKeys } from '../rules.ts'
import {
  decodeAlert,
  decodeAlertEvent,
  decodeConversation,
  decodePoint,
  decodeTally,
  pairs,
  parse,
  rank,
  recordSchema,
  replies,
  texts,
  time,
} from './decode.ts'
import type { Marks } from './encode.ts'
import { fenced } from './faults.ts'
import { decodePositions } from './head.ts'

const StateReply = z.tuple([z.string(), texts, texts, texts, texts, z.array(z.union([z.string(), texts]))])
const UserReply = z
  .tuple([z.string(), z.string(), z.string(), z.number(), z.union([z.enum(['none', 'damaged']), StateReply])])
  .rest(z.instanceof(Uint8Array))
const userReplies = z.array(UserReply)

const count = z.number().int()
const Record = recordSchema.extend({
  rev: z.number().int(),
  accepted: time,
  raised: z.number().int(),
  alert: z.string().optional(),
  stripped: time.optional(),
  kept: z.array(z.number()).optional(),
  last: z.array(z.tuple([time, z.string(), rank.transform(riskRank)])).optional(),
  since: time.optional(),
  trend: z.number().int().optional(),
  sources: z.record(z.string(), z.tuple([count, count, count, count])).optional(),
})

/** Whatever can't be read is missing. */
const all = <T>(elements: readonly string[], decode: (element: string) => T | null): T[] => elements.flatMap((text) => decode(text) ?? [])

const without = <T extends { userId: string }>({ userId: _, ...rest }: T): Omit<T, 'userId'> => rest

function decodeSeen(id: string, text: string): UserState['seen'][number] | null {
  const [, acceptedAt, fingerprint, alertId, source = ''] = /^(\d+) ([0-9a-f]+) ([0-9a-f]*) ?(.*)$/s.exec(text) ?? []
  return fingerprint === undefined ? null : { id, acceptedAt: Number(acceptedAt), fingerprint, alertId: alertId || null, source }
}

function decodeAlerts(reply: readonly (string | string[])[]): UserState['alerts'] | null {
  const alerts: UserState['alerts'][number][] = []
  for (let i = 0; i < reply.length; i += 3) {
    const alert = decodeAlert(String(reply[i]), texts.parse(reply[i + 1]))
    if (!alert) return null
    alerts.push({ ...without(alert), history: all(texts.parse(reply[i + 2]), decodeAlertEvent) })
  }
  return alerts
}

/** Newest first, as both stores have their lists: one that somebody has put another way could be taken over again and again. */
const isInOrder = (list: readonly { occurredAt: number; id: string }[]): boolean =>
  list.every((item, i) => {
    const next = list[i + 1]
    return !next || compareKeys([item.occurredAt, item.id], [next.occurredAt, next.id]) >= 0
  })

/** Null where the state does not hold all that the record says it does, or not in order. */
function decodeState(
  user: string,
  [text, conversations, emotions, tally, seen, alertRows]: z.infer<typeof StateReply>,
  isPatched: boolean,
): UserState | null {
  const record = parse(Record, text)
  const alerts = decodeAlerts(alertRows)
  if (!record || !alerts) return null
  const state: UserState = {
    rev: record.rev,
    createdAt: record.created,
    lastActiveAt: record.active ?? null,
    totalChats: record.chats,
    totalRiskAlerts: record.risks,
    acceptedAt: record.accepted,
    oldestAt: record.since ?? 0,
    lastPoints: record.last ?? [],
    alertsRaised: record.raised,
    openAlertId: record.alert ?? null,
    openAlertLevel: record.level === undefined ? null : riskRank(record.level),
    strippedAt: record.stripped ?? null,
    trendDay: record.trend ?? null,
    counselor: record.counselor ?? null,
    patched: isPatched,
    sources: record.sources ?? {},
    conversations: all(conversations, (element) => decodeConversation(user, element)).map(without),
    emotions: all(emotions, (element) => decodePoint(user, element)).map(without),
    topics: pairs(tally)
      .flatMap(([name, value]) => decodeTally(name, value) ?? [])
      .sort((a, b) => compareBytes(a.name, b.name)),
    seen: pairs(seen)
      .flatMap(([id, value]) => decodeSeen(id, value) ?? [])
      .sort((a, b) => compareKeys([a.acceptedAt, a.id], [b.acceptedAt, b.id])),
    alerts,
  }
  if (!isInOrder(state.conversations) || !isInOrder(state.emotions)) return null
  const kept = record.kept ?? []
  // A list that has expired by itself has nothing, and is not damaged.
  const lacks = (list: readonly unknown[], i: number, elements: number) => elements > 0 && list.length < (kept[i] ?? 0)
  if (lacks(state.conversations, 0, conversations.length) || lacks(state.emotions, 1, emotions.length)) return null
  if (lacks(state.topics, 2, tally.length) || lacks(state.seen, 3, seen.length)) return null
  return state
}

/** How deep in the reply each user is, and the place of the pack there. */
const USER_DEPTH = 2
const PACK_PLACE = 5

const timeOf = (reply: string): number | null => (reply === '' ? null : Number(reply))

/** What copies.lua tells of users. */
function decodeCopies(reply: unknown): Pick<Copied, 'copies' | 'damaged' | 'packs'> {
  const copies: UserCopy[] = []
  const damaged: string[] = []
  const packs: Copied['packs'] = []
  for (const [user, erasedAt, expiredAt, patched, state, about, commands] of userReplies.parse(reply)) {
    const found = typeof state === 'string' ? null : decodeState(user, state, patched === 1)
    if (!found && state !== 'none') damaged.push(user)
    else copies.push({ user, state: found, erasedAt: timeOf(erasedAt), expiredAt: timeOf(expiredAt) })
    if (found && about && commands && commands.length > 0) packs.push({ user, rev: found.rev, about, commands })
  }
  return { copies, damaged, packs }
}

/** Bytes as texts, but for the last two of each user, which are a pack. */
function withTexts(reply: unknown, depth = 0): unknown {
  if (reply instanceof Uint8Array) return Buffer.from(reply.buffer, reply.byteOffset, reply.length).toString()
  if (!Array.isArray(reply)) return reply
  return reply.map((part: unknown, i) => (depth === USER_DEPTH && i >= PACK_PLACE ? part : withTexts(part, depth + 1)))
}

export type Asked = { users: readonly string[] } | { after: string; limit: number }

export interface Copied {
  n: number
  positions: Record<string, number>
  copies: UserCopy[]
  /** Users whose keys do not fit together. */
  damaged: string[]
  /** Of those who were asked for to be packed, and are (packed.lua). */
  packs: Pack[]
  /** Where the next users begin; null when there are no more. */
  last: string | null
}

const Found = z.tuple([z.number(), z.unknown(), z.string(), z.unknown()])

/** Everything that is kept of some users, at one moment; null where the order of users is lost. */
export async function readCopies(run: (argument: object) => Promise<unknown>, known: Marks, of: Asked): Promise<Copied | null> {
  const marks = new Map<string, string>()
  let users = 'users' in of ? of.users : []
  while (true) {
    for (const user of users) marks.set(user, known.of(user))
    const [state, ...rest] = replies.parse(await run({ ...of, marks: [...marks] }))
    if (state === 'unindexed') return null
    if (state !== 'unnamed') {
      fenced(state)
      const [n, positions, last, found] = Found.parse(rest)
      return { n, positions: decodePositions(positions), last: last || null, ...decodeCopies(found) }
    }
    // Only now it is known who they are.
    users = texts.parse(rest[0])
  }
}

/** The same of these users, and their packs. */
export async function readPacks(run: (argument: object) => Promise<unknown>, known: Marks, users: readonly string[]): Promise<Copied> {
  const found = await readCopies(async (argument) => withTexts(await run({ ...argument, packed: true })), known, { users })
  if (!found) throw new Error('Users who are named need no order.')
  return found
}

export interface Revs {
  /** As of this index of the log. */
  n: number
  /** User, and `rev acceptedAt totalChats` of their state; '' where that can't be read. */
  revs: [user: string, state: string][]
  last: string | null
}

const FoundRevs = z.tuple([z.number(), z.string(), z.array(z.string())])

/** What tells in short of which state the next users after an id are; null where the order of users is lost. */
export async function readRevs(run: (argument: object) => Promise<unknown>, of: { after: string; limit: number }): Promise<Revs | null> {
  const [state, ...rest] = replies.parse(await run(of))
  if (state === 'unindexed') return null
  fenced(state)
  const [n, last, found] = FoundRevs.parse(rest)
  const revs: Revs['revs'] = []
  for (let i = 0; i < found.length; i += 2) revs.push([found[i] ?? '', found[i + 1] ?? ''])
  return { n, revs, last: last || null }
}

/** Who want.lua says is wanted. */
export function decodeWanted(reply: unknown): string[] {
  const [state, users] = replies.parse(reply)
  fenced(state)
  return texts.parse(users)
}

const PATCHED_PER_SCAN = 1_000
const FoundPatched = z.tuple([z.string(), texts])

/** Everybody who was put back by somebody who need not have had all of them. */
export async function readPatched(ask: (argument: object) => Promise<unknown[]>): Promise<string[]> {
  const all = new Set<string>()
  let cursor = '0'
  do {
    const [next, users] = FoundPatched.parse(await ask({ cursor, count: PATCHED_PER_SCAN }))
    for (const user of users) all.add(user)
    cursor = next
  } while (cursor !== '0')
  return [...all]
}

/** Those of these users who are not among them (any more). */
export const readCompleted = async (ask: (argument: object) => Promise<unknown[]>, users: readonly string[]): Promise<string[]> =>
  texts.parse((await ask({ users }))[0])
