import { hash } from 'node:crypto'
import * as z from 'zod'
import { badInput, cursorExpired } from '../errors.ts'
import type { Place } from '../store/store.ts'

/** How far the alert events of one origin were given: those of its event `seq`, up to this one of them. */
export interface Step {
  seq: number
  ordinal: number
}

/** What a reader has been given. */
export interface Given {
  /** Where to go on in the log: everything up to there was given, or is of the past. Every instance knows the epoch. */
  upTo: Place
  /** By origin, in short, the one that went on last at the end: what was given of the log. Where the log has gone back, its entries come again elsewhere in it. */
  steps: Steps
  /** What was given ahead of the log, oldest first, by the ids of alert events in short: of which event of which origin. */
  beyond: Beyond
  /** The newest ids, in short, of what each instance says of itself when it is due: where Redis is away, the same may come again, of another origin. */
  due: readonly string[]
}

export type Beyond = ReadonlyMap<string, Source>

/** An event, by its origin in short. */
export interface Source {
  origin: string
  seq: number
}

export type Steps = ReadonlyMap<string, Step>

/** How many origins a cursor can name: each start of an instance is one. What others brought about may be given twice where the log has gone back that far, but none is missed. */
export const MAX_STEPS = 32
/** How many alert events a cursor can name. An older one may be given twice, but none is missed. */
export const MAX_BEYOND = 1_000

/** How many ids of what was due a cursor can name. */
export const MAX_DUE = 64

/** Enough of an id to tell it from any other: a cursor may have to name many. */
export const shortId = (id: string): string => hash('sha1', id, 'base64url').slice(0, 12)

const Short = z.string().regex(/^[\w-]{12}$/)
const Cursor = z.strictObject({
  v: z.literal(3),
  d: z.string(),
  e: z.string(),
  n: z.int().min(0),
  steps: z
    .array(z.tuple([Short, z.int().min(1), z.int().min(0)]))
    .max(MAX_STEPS)
    .default([]),
  due: z.array(Short).max(MAX_DUE).default([]),
  given: z
    .array(z.tuple([Short, Short, z.int().min(1)]))
    .max(MAX_BEYOND)
    .default([]),
})

/** What a reader of one data set has been given, as an opaque text. */
export function encodeCursor(dataSetId: string, { upTo, steps, beyond, due }: Given): string {
  const cursor: z.input<typeof Cursor> = {
    ...{ v: 3, d: dataSetId, e: upTo.epoch, n: upTo.n },
    ...(steps.size > 0 && { steps: [...steps].map(([origin, { seq, ordinal }]) => [origin, seq, ordinal]) }),
    ...(due.length > 0 && { due: [...due] }),
    ...(beyond.size > 0 && { given: [...beyond].map(([id, { origin, seq }]) => [id, origin, seq]) }),
  }
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

export function decodeCursor(dataSetId: string, cursor: string): Given {
  const { d, e, n, steps, due, given } = parse(cursor)
  if (d !== dataSetId) throw cursorExpired('after')
  return {
    upTo: { epoch: e, n },
    steps: new Map(steps.map(([origin, seq, ordinal]) => [origin, { seq, ordinal }])),
    due,
    beyond: new Map(given.map(([id, origin, seq]) => [id, { origin, seq }])),
  }
}

/** Whether an alert event of an origin was given. */
export function covers(steps: Steps, origin: string, { seq, ordinal }: Step): boolean {
  const step = steps.get(origin)
  return step !== undefined && (seq < step.seq || (seq === step.seq && ordinal <= step.ordinal))
}

/** Whether the log has come past an event. */
export const isSettled = (steps: Steps, { origin, seq }: Source): boolean => (steps.get(origin)?.seq ?? 0) > seq

/** The same, with this one given. */
export function stepTo(steps: Steps, origin: string, step: Step): Steps {
  if (covers(steps, origin, step)) return steps
  const after = new Map(steps)
  after.delete(origin)
  after.set(origin, step)
  const [oldest] = after.keys()
  if (after.size > MAX_STEPS && oldest !== undefined) after.delete(oldest)
  return after
}

function parse(cursor: string): z.output<typeof Cursor> {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch {
    throw badInput('after is not a cursor of this subscription.', 'Hand back the cursor of the last message just as it was.', 'after')
  }
}
