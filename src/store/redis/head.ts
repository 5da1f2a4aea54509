import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Counts, Head, Identity, Marks } from '../copy.ts'
import { joinedText } from '../joined.ts'
import type { Policy } from '../rules.ts'
import { decodeStaff, pairs, parse, replies, texts } from './decode.ts'
import { fenced } from './faults.ts'
import { ForkSchema } from './inspect.ts'
import { limitsSchema } from './log.ts'

const number = z.coerce.number().int()
const Meta = z.object({ n: number, trimmed: number, chain: z.string().default(''), trimmedChain: z.string().default('') })
const PolicySchema = z.object({ n: z.number(), at: z.number(), limits: limitsSchema })

export const decodePositions = (reply: unknown): Record<string, number> =>
  Object.fromEntries(pairs(texts.parse(reply)).map(([origin, seq]) => [origin, number.parse(seq)]))

export const decodePolicy = (text: string): Policy | null => parse(PolicySchema, text)

const decodeMarks = (reply: unknown): Marks => pairs(texts.parse(reply)).map(([mark, at]) => [mark, number.parse(at)])

const CountsReply = z.tuple([number, number, number, number])

/** What counts.lua answers after 'ok'. */
export function decodeCounts(reply: readonly unknown[]): Counts {
  const [tombstones, expiries, policies, staff] = CountsReply.parse(reply)
  return { tombstones, expiries, policies, staff }
}

/** As many as one script is given: there may be marks of as many users as there ever were. */
const RAISED_PER_STEP = 2_000
const MARKS_PER_SCAN = 1_000

/** What is to be made good of what surrounds the users. */
export type Lost = Partial<Pick<Head, 'positions' | 'policies' | 'staff' | keyof ScannedMarks>>

/** It, as raise.lua takes it, step by step. */
export function* raising({ positions = {}, policies, staff = [], ...marks }: Lost): Generator<object> {
  for (const [name, all] of Object.entries({ ...marks, staff: staff.map(joinedText), positions: Object.entries(positions) }))
    for (let i = 0; i < all.length; i += RAISED_PER_STEP) yield { [name]: all.slice(i, i + RAISED_PER_STEP) }
  if (policies) yield { policies: policies.map((policy) => JSON.stringify(policy)) }
}

/** How many raise.lua has raised. */
export function decodeRaised(reply: unknown): number {
  const [state, raised] = replies.parse(reply)
  fenced(state)
  return number.parse(raised)
}

export type ScannedMarks = Pick<Head, 'tombstones' | 'expiries'>

/** Some of the marks: those after the cursors, and the next cursors; '0' is both ends. */
export async function scanMarks(redis: Redis, after: readonly string[]): Promise<{ marks: ScannedMarks; next: string[] }> {
  const [tombstones, expiries] = await Promise.all(
    ['xinyi:tombstones', 'xinyi:expiries'].map((key, i) => redis.hscan(key, after[i] ?? '0', 'COUNT', MARKS_PER_SCAN)),
  )
  return {
    marks: { tombstones: decodeMarks(tombstones?.[1] ?? []), expiries: decodeMarks(expiries?.[1] ?? []) },
    next: [tombstones?.[0] ?? '0', expiries?.[0] ?? '0'],
  }
}

/** What head.lua answers after 'ok'. */
export function decodeHead({ dataSetId, epoch, tombstoneKey }: Identity, reply: readonly unknown[]): Head {
  const [meta, positions, policies, tombstones, expiries, lineage, staff] = reply
  return {
    dataSetId,
    epoch,
    tombstoneKey,
    ...Meta.parse(Object.fromEntries(pairs(texts.parse(meta)))),
    positions: decodePositions(positions),
    policies: texts.parse(policies).flatMap((text) => decodePolicy(text) ?? []),
    staff: decodeStaff(staff),
    tombstones: decodeMarks(tombstones),
    expiries: decodeMarks(expiries),
    lineage: texts.parse(lineage).flatMap((text) => parse(ForkSchema, text) ?? []),
  }
}
