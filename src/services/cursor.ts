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
  /** The same of what was told ahead of the log, and is not settled. */
  ahead: Steps
  /** The newest of that, oldest first, by the ids of alert events in short: what the log settles in another way is told, too. */
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

/** All that an event brought about. */
export const WHOLE = Number.MAX_SAFE_INTEGER

export type Steps = ReadonlyMap<string, Step>

/** How many origins a cursor can name: each start of an instance is one. What others brought about may be given twice where the log has gone back that far, but none is missed. */
export const MAX_STEPS = 32
/** How many alert events a cursor can name. Of an older one it is not told that the log has settled it in another way. */
export const MAX_BEYOND = 256
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
  ahead: z
    .array(z.tuple([Short, z.int().min(1), z.int().min(0)]))
    .max(MAX_STEPS)
    .default([]),
  due: z.array(Short).max(MAX_DUE).default([]),
  /** Of `given`. */
  origins: z.array(Short).max(MAX_BEYOND).default([]),
  given: z
    .array(z.tuple([Short, z.int().min(0), z.int().min(1)]))
    .max(MAX_BEYOND)
    .default([]),
})

/** What a reader of one data set has been given, as an opaque text. */
export function encodeCursor(dataSetId: string, { upTo, steps, ahead, beyond, due }: Given): string {
  const stepped = (all: Steps) => [...all].map(([origin, { seq, ordinal }]): [string, number, number] => [origin, seq, ordinal])
  const origins = [...new Set([...beyond.values()].map(({ origin }) => origin))]
  const cursor: z.input<typeof Cursor> = {
    ...{ v: 3, d: dataSetId, e: upTo.epoch, n: upTo.n },
    ...(steps.size > 0 && { steps: stepped(steps) }),
    ...(ahead.size > 0 && { ahead: stepped(ahead) }),
    ...(due.length > 0 && { due: [...due] }),
    ...(beyond.size > 0 && { origins, given: [...beyond].map(([id, { origin, seq }]) => [id, origins.indexOf(origin), seq]) }),
  }
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

export function decodeCursor(dataSetId: string, cursor: string): Given {
  const { d, e, n, steps, ahead, due, origins, given } = parse(cursor)
  const stepped = (all: typeof steps): Steps => new Map(all.map(([origin, seq, ordinal]) => [origin, { seq, ordinal }]))
  if (d !== dataSetId) throw cursorExpired('after')
  return {
    upTo: { epoch: e, n },
    steps: stepped(steps),
    ahead: stepped(ahead),
    due,
    beyond: new Map(given.map(([id, origin, seq]) => [id, { origin: origins[origin] ?? '', seq }])),
  }
}

/** Whether an alert event of an origin was given. */
export function covers(steps: Steps, origin: string, { seq, ordinal }: Step): boolean {
  const step = steps.get(origin)
  return step !== undefined && (seq < step.seq || (seq === step.seq && ordinal <= step.ordinal))
}

/** Whether an alert event was told ahead of the log; once it is `settled`: in the same way, as far as that is known. */
export function coversAhead({ ahead, beyond }: Pick<Given, 'ahead' | 'beyond'>, origin: string, step: Step, settled: boolean): boolean {
  if (!covers(ahead, origin, step)) return false
  return !settled || ![...beyond.values()].some((source) => source.origin === origin && source.seq <= step.seq)
}

/** Whether the log has come past an event. */
export const isSettled = (steps: Steps, { origin, seq }: Source): boolean => (steps.get(origin)?.seq ?? 0) > seq

/** What is left ahead of a log that was given so far. */
export function unsettled({ ahead, beyond }: Pick<Given, 'ahead' | 'beyond'>, steps: Steps): Pick<Given, 'ahead' | 'beyond'> {
  if (ahead.size === 0) return { ahead, beyond }
  return {
    ahead: new Map([...ahead].filter(([origin, { seq }]) => !isSettled(steps, { origin, seq }))),
    beyond: new Map([...beyond].filter(([, source]) => !isSettled(steps, source))),
  }
}

/** With one more that was told ahead. */
export function named(beyond: Beyond, id: string, source: Source): Beyond {
  const after = new Map(beyond).set(id, source)
  const [oldest] = after.keys()
  if (after.size > MAX_BEYOND && oldest !== undefined) after.delete(oldest)
  return after
}

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
