import { parseArgs } from 'node:util'
import * as z from 'zod'
import { MAX_PAGE } from '../../src/graphql/paging.ts'
import { MARGIN } from './caller.ts'
import { FAULT_KINDS, type FaultKind } from './faults/kinds.ts'

export interface Options {
  /** How long there is load and there are faults; healing and checking come on top. */
  seconds: number
  seed: number
  writers: number
  clients: number
  /** Most conversations that are recorded by one request. */
  batch: number
  /** Of alerts; they are cut off and come back all the time. */
  subscribers: number
  faults: readonly FaultKind[]
  /** Leaves logs and data directories where they are. */
  keep: boolean
}

export const USAGE = `npm run torture -- [--seconds N] [--seed S] [--writers W] [--clients C] [--batch B] [--subscribers N] [--faults kind,kind,…] [--keep]
  kinds: ${FAULT_KINDS.join(' ')}; none for no fault at all`

const count = (max: number, min = 1) => z.coerce.number().pipe(z.int().min(min).max(max))
const Given = z.object({
  seconds: count(86_400).default(30),
  seed: z.coerce
    .number()
    .pipe(
      z
        .int()
        .min(0)
        .max(2 ** 32 - 1),
    )
    .default(1),
  writers: count(16).default(2),
  clients: count(500).default(16),
  // So that those of one batch, and some more, are within what a context may hold. It is spread over a client's users: each has far fewer than are kept.
  batch: count(MAX_PAGE - MARGIN, 2).default(20),
  subscribers: count(1_000, 0).default(8),
  faults: z
    .string()
    .transform((text) => (text === 'none' ? [] : text.split(',')))
    .pipe(z.array(z.enum(FAULT_KINDS)))
    .default([...FAULT_KINDS]),
  keep: z.boolean().default(false),
})

/** What the command line asks for; throws with a sentence for what it can't be understood by. */
export function readOptions(args: readonly string[]): Options {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: text,
      seed: text,
      writers: text,
      clients: text,
      batch: text,
      subscribers: text,
      faults: text,
      keep: { type: 'boolean' },
    },
  })
  const parsed = Given.safeParse(values)
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error))
  return parsed.data
}
