import * as z from 'zod'
import { badInput, cursorExpired } from '../errors.ts'
import { MAX_MARKS } from '../store/trail.ts'
import { type Given, MAX_BEYOND, MAX_DUE, MAX_RECENT_LENGTH, MAX_STEPS, type Progress, type Steps, spansOf } from './given.ts'

/** Of how many origins a cursor says what there was of the events before. */
const RECENT_STEPS = 4
/** How often a cursor says of an origin what was given of older events, and how much of what there was of those before. */
const [MAX_OLDER, MAX_OLDER_LENGTH] = [8, 2_048]

/** Of a cursor; more is not looked at. */
export const MAX_LENGTH = 27_500

const Short = z.string().regex(/^[\w-]{8}$/)
const Recent = z
  .string()
  .max(MAX_RECENT_LENGTH)
  .regex(/^([1-9a-z][0-9a-z]{0,9}(\.(?!$)|$))*$/)
/** Those of one origin come together, what is older behind what is newer. */
const Stepped = z
  .array(z.tuple([Short, z.int().min(1), z.int().min(0), Recent, z.int().min(0)]))
  .max(MAX_STEPS + MAX_OLDER)
  .default([])
/** An alert event that is named: the index of its origin and '!' where that is another than before, its id, and how far its event is behind the last of the origin. */
const NAMED = /^(?:(\d{1,3})!)?([\w-]{8})(-?[0-9a-z]{1,11})$/
const MAX_NAMED_LENGTH = 25
const Cursor = z.strictObject({
  v: z.literal(4),
  d: z.string(),
  e: z.string(),
  n: z.int().min(0),
  marks: z
    .array(z.tuple([z.int().min(1), z.string().regex(/^[0-9a-f]{1,40}$/)]))
    .max(MAX_MARKS)
    .default([]),
  steps: Stepped,
  ahead: Stepped,
  due: z.array(Short).max(MAX_DUE).default([]),
  /** Of `given`. */
  origins: z.array(Short).max(MAX_BEYOND).default([]),
  given: z
    .string()
    .max(MAX_BEYOND * MAX_NAMED_LENGTH)
    .transform(namedIn)
    // As it was written before.
    .or(z.array(z.tuple([Short, z.int().min(0), z.int().min(1)])).max(MAX_BEYOND))
    .refine(({ length }) => length <= MAX_BEYOND)
    .default([]),
})

const encoded = new WeakMap<Given, { dataSetId: string; cursor: string }>()

/** What a reader of one data set has been given, as an opaque text. */
export function encodeCursor(dataSetId: string, given: Given): string {
  const known = encoded.get(given)
  if (known?.dataSetId === dataSetId) return known.cursor
  const cursor = textOf(dataSetId, given)
  encoded.set(given, { dataSetId, cursor })
  return cursor
}

function textOf(dataSetId: string, { upTo, marks, steps, ahead, beyond, due }: Given): string {
  const stepped = (all: Steps) => {
    let [left, room] = [MAX_OLDER, MAX_OLDER_LENGTH]
    const newestFirst = [...all].toReversed().map(([origin, progress], behind) => {
      const [{ seq, ordinal, recent, since }, ...spans] = [progress, ...spansOf(progress).slice(1, 1 + left)]
      left -= spans.length
      const older = spans.map((span): Span => {
        // Where it is not said what there was, nothing is taken for granted: rather is it told again.
        const isSaid = span.recent.length <= room
        if (isSaid) room -= span.recent.length
        return [origin, span.seq, span.ordinal, isSaid ? span.recent : '', isSaid ? span.since : span.seq]
      })
      return [[origin, seq, ordinal, behind < RECENT_STEPS ? recent : '', since] satisfies Span, ...older]
    })
    return newestFirst.toReversed().flat()
  }
  const origins = [...new Set([...beyond.values()].map(({ origin }) => origin))]
  const given = [...beyond].map(([id, { origin, seq }]): Named => [id, origins.indexOf(origin), seq])
  const cursor: z.input<typeof Cursor> = {
    ...{ v: 4, d: dataSetId, e: upTo.epoch, n: upTo.n },
    ...(marks.length > 0 && { marks: marks.map(({ n, chain }): [number, string] => [n, chain]) }),
    ...(steps.size > 0 && { steps: stepped(steps) }),
    ...(ahead.size > 0 && { ahead: stepped(ahead) }),
    ...(due.length > 0 && { due: [...due] }),
    ...(beyond.size > 0 && { origins, given: textOfNamed(given) }),
  }
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

type Span = [origin: string, seq: number, ordinal: number, recent: string, since: number]
type Named = [id: string, origin: number, seq: number]

/** Cursors come in headers, too, for which proxies have little room. */
function textOfNamed(named: readonly Named[]): string {
  const last = new Map<number, number>()
  let before = -1
  const texts = named.map(([id, origin, seq]) => {
    const text = `${origin === before ? '' : `${origin}!`}${id}${(seq - (last.get(origin) ?? 0)).toString(36)}`
    last.set(origin, seq)
    before = origin
    return text
  })
  return texts.join('.')
}

function namedIn(text: string, context: z.RefinementCtx): Named[] {
  const last = new Map<number, number>()
  let origin = 0
  return text.split('.').map((one) => {
    const [, other, id = '', behind = ''] = NAMED.exec(one) ?? []
    origin = other === undefined ? origin : Number(other)
    const seq = (last.get(origin) ?? 0) + Number.parseInt(behind, 36)
    last.set(origin, seq)
    if (!Number.isSafeInteger(seq) || seq < 1) context.addIssue({ code: 'custom', message: 'names no event' })
    return [id, origin, seq]
  })
}

export function decodeCursor(dataSetId: string, cursor: string): Given {
  const { d, e, n, marks, steps, ahead, due, origins, given } = parse(cursor)
  const stepped = (all: typeof steps): Steps => {
    const found = new Map<string, Progress>()
    for (const [origin, seq, ordinal, recent, since] of all) {
      const [newer, span] = [found.get(origin), { seq, ordinal, recent, since }]
      if (newer) Object.assign(spansOf(newer).at(-1) ?? newer, { older: span })
      else found.set(origin, span)
    }
    return found
  }
  if (d !== dataSetId) throw cursorExpired('after')
  return {
    upTo: { epoch: e, n },
    marks: marks.map(([n, chain]) => ({ n, chain })),
    steps: stepped(steps),
    ahead: stepped(ahead),
    due,
    beyond: new Map(given.map(([id, origin, seq]) => [id, { origin: origins[origin] ?? '', seq }])),
  }
}

function parse(cursor: string): z.output<typeof Cursor> {
  try {
    if (cursor.length > MAX_LENGTH) throw new RangeError('longer than a cursor can be')
    return Cursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch {
    throw badInput('after is not a cursor of this subscription.', 'Hand back the cursor of the last message just as it was.', 'after')
  }
}
