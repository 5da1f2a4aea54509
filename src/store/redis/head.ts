import { z } from 'zod'
import type { Head, Identity, Marks } from '../copy.ts'
import type { Policy } from '../rules.ts'
import { pairs, parse } from './decode.ts'
import { ForkSchema } from './inspect.ts'
import { limitsSchema } from './log.ts'

const texts = z.array(z.string())
const number = z.coerce.number().int()
const Meta = z.object({ n: number, trimmed: number, chain: z.string().default(''), trimmedChain: z.string().default('') })
const PolicySchema = z.object({ n: z.number(), at: z.number(), limits: limitsSchema })

export const decodePositions = (reply: unknown): Record<string, number> =>
  Object.fromEntries(pairs(texts.parse(reply)).map(([origin, seq]) => [origin, number.parse(seq)]))

export const decodePolicy = (text: string): Policy | null => parse(PolicySchema, text)

const decodeMarks = (reply: unknown): Marks => pairs(texts.parse(reply)).map(([mark, at]) => [mark, number.parse(at)])

/** What head.lua answers after 'ok'. */
export function decodeHead({ dataSetId, epoch, tombstoneKey }: Identity, reply: readonly unknown[]): Head {
  const [meta, positions, policies, tombstones, expiries, lineage] = reply
  return {
    dataSetId,
    epoch,
    tombstoneKey,
    ...Meta.parse(Object.fromEntries(pairs(texts.parse(meta)))),
    positions: decodePositions(positions),
    policies: texts.parse(policies).flatMap((text) => decodePolicy(text) ?? []),
    tombstones: decodeMarks(tombstones),
    expiries: decodeMarks(expiries),
    lineage: texts.parse(lineage).flatMap((text) => parse(ForkSchema, text) ?? []),
  }
}
