import { hash } from 'node:crypto'
import type { Mark, Place } from '../store/store.ts'
import { withMark } from '../store/trail.ts'

/** How far the alert events of one origin were given: those of its event `seq`, up to this one of them. */
export interface Step {
  seq: number
  ordinal: number
}

/** How far the alert events of one origin were given, and what there was of the events before. */
export interface Progress extends Step {
  /**
   * Which events before it there was something given of: how far each is behind the one that came after it, newest first, in base 36. One
   * between them had come to nothing, and in another order of the log may come to something. Those before the oldest of these count as given.
   */
  recent: string
  /** But not those before this one, unless they are named, or among the older ones. */
  since: number
  /** The same of those: another server may have told them later, in another order of the log. */
  older?: Progress | undefined
}

/** What a reader has been given. */
export interface Given {
  /** Where to go on in the log: everything up to there was given, or is of the past. Every instance knows the epoch. */
  upTo: Place
  /** Entries of the log that were given, newest first: by them it is known whether a log is still the one that it was given of. */
  marks: readonly Mark[]
  /** By origin, in short, the one that went on last at the end: what was given of the log. Where the log has gone back, its entries come again elsewhere in it. */
  steps: Steps
  /** The same of what was told ahead of the log, and is not settled. */
  ahead: Steps
  /** The newest of that, oldest first, by the ids of alert events in short: what the log settles in another way is told, too. */
  beyond: Beyond
  /** The newest ids, in short, of what each instance says of itself when it is due: where Redis is away, the same may come again, of another origin. */
  due: readonly string[]
}

/** What was given of the alert events that come of themselves when they are told. */
export type Heard = Pick<Given, 'marks' | 'steps' | 'ahead' | 'beyond'>

/** One of the alert events that an event brought about; `isWhole`: the last. `mark`: the entry that tells it, once it is settled. */
export type OneOf = Source & Step & { isWhole: boolean; mark?: Mark | undefined }

export type Beyond = ReadonlyMap<string, Source>

/** An event, by its origin in short. */
export interface Source {
  origin: string
  seq: number
}

export type Steps = ReadonlyMap<string, Progress>

/** How many origins a cursor can name: each start of an instance is one. What others brought about may be given twice where the log has gone back that far, but none is missed. */
export const MAX_STEPS = 32
export const MAX_RECENT_LENGTH = 512
/** How often what was given of one origin may begin anew with what is older than all before. */
const MAX_SPANS = 3
/** How many alert events a cursor can name. Of an older one it is not told that the log has settled it in another way. */
export const MAX_BEYOND = 256
/** How many ids of what was due a cursor can name. */
export const MAX_DUE = 128

/** Enough of an id to tell it from the few others that it is compared with: a cursor may have to name many. */
export const shortId = (id: string): string => hash('sha1', id, 'base64url').slice(0, 8)

/** Whether the log, as far as it was given, came up to an alert event of an origin, or to where it might have been. */
export function isPast(steps: Steps, origin: string, { seq, ordinal }: Step): boolean {
  const last = steps.get(origin)
  return last !== undefined && (seq < last.seq || (seq === last.seq && ordinal <= last.ordinal))
}

/** Whether an alert event of an origin was given. */
export function covers(steps: Steps, origin: string, step: Step): boolean {
  const last = steps.get(origin)
  return last !== undefined && isPast(steps, origin, step) && spansOf(last).some((span) => isWithin(span, step))
}

function isWithin(span: Progress, { seq, ordinal }: Step): boolean {
  if (seq >= span.seq) return seq === span.seq && ordinal <= span.ordinal
  const before = seqsBefore(span)
  return before.includes(seq) || (seq >= span.since && seq < oldestOf(span, before))
}

/** What was given of an origin, and what of it is older than that. */
export const spansOf = (progress: Progress): Progress[] => (progress.older ? [progress, ...spansOf(progress.older)] : [progress])

/** The oldest event from which on all are named of which something was given: those before it count as given, as far as they are not before `since`. */
const oldestOf = (last: Progress, before = seqsBefore(last)): number => before.findLast((seq) => seq >= last.since) ?? last.seq

/** Whether an alert event was told ahead of the log; once it is `settled`: in the same way, as far as that is known. */
export function coversAhead({ ahead, beyond }: Heard, origin: string, step: Step, settled: boolean): boolean {
  if (!covers(ahead, origin, step)) return false
  return !settled || !beyond.values().some((source) => source.origin === origin && source.seq === step.seq)
}

/**
 * The same, with an alert event given that the log has settled. What is ahead of its origin's earlier events, the log has come past. Of that
 * some may have come to nothing; it was given all the same, should another order of the log bring it about again.
 */
export function gaveSettled({ marks, steps, ahead, beyond }: Heard, { origin, isWhole, mark, ...step }: OneOf): Heard {
  const isPassed = (source: Source) => source.origin === origin && source.seq < step.seq
  const [last, after] = [ahead.get(origin), stepTo(steps, origin, step, { isWhole, since: 0 })]
  const isOver = last && isPassed({ ...last, origin })
  return {
    marks: isWhole && mark ? withMark(marks, mark) : marks,
    steps: isOver ? withBefore(after, origin, namedBy(last, steps.get(origin))) : after,
    ahead: isOver ? new Map([...ahead].filter(([each]) => each !== origin)) : ahead,
    beyond: beyond.values().some(isPassed) ? new Map([...beyond].filter(([, source]) => !isPassed(source))) : beyond,
  }
}

/**
 * The same, with an alert event given ahead of the log; `isNew`: not under this id before. In another order the event may have brought about
 * another. `since`: what came before it in its origin does not count as given.
 */
export function gaveAhead(heard: Heard, id: string, one: OneOf, { isNew, since = one.seq }: { isNew: boolean; since?: number }): Heard {
  const { origin, isWhole, mark: _, ...step } = one
  if (!isNew && (isPast(heard.steps, origin, step) || covers(heard.ahead, origin, step))) return heard
  const beyond = new Map(heard.beyond).set(id, { origin, seq: step.seq })
  const [oldest] = beyond.values()
  // Of one event all are named, or none.
  if (beyond.size > MAX_BEYOND && oldest)
    for (const [each, source] of beyond) if (source.origin === oldest.origin && source.seq === oldest.seq) beyond.delete(each)
  return { ...heard, ahead: stepTo(heard.ahead, origin, step, { isWhole, since }), beyond }
}

/** The same, with this one given; `isWhole`: and all of its event. `since`: what came before it does not count as given. */
function stepTo(steps: Steps, origin: string, step: Step, { isWhole, since }: { isWhole: boolean; since: number }): Steps {
  if (covers(steps, origin, step)) return steps
  const last = steps.get(origin)
  const progress = progressAfter(last, step, { isWhole, since, spans: MAX_SPANS })
  if (progress === last) return steps
  const after = new Map(steps)
  after.delete(origin)
  after.set(origin, progress)
  const [oldest] = after.keys()
  if (after.size > MAX_STEPS && oldest !== undefined) after.delete(oldest)
  return after
}

function progressAfter(last: Progress | undefined, step: Step, by: { isWhole: boolean; since: number; spans: number }): Progress {
  if (!last) return { ...step, recent: '', since: by.since }
  if (step.seq < last.since && by.spans > 1) {
    const older = progressAfter(last.older, step, { ...by, spans: by.spans - 1 })
    return older === last.older ? last : { ...last, older }
  }
  // A part of an event before the last can't be named: it would be given again, but not missed.
  if (step.seq < last.seq && !by.isWhole) return last
  return { ...progressTo(last, step), since: sinceOf(last, by.since) }
}

/** Since when events count as given, where one of `since` was: where some do that are not named, what lies between these and an older one does not. */
const sinceOf = (last: Progress, since: number): number => (since >= last.since || last.since < oldestOf(last) ? last.since : since)

/** The events that are named as given, but for those that count as given without that, here or by what else is known. */
function namedBy(last: Progress, known: Progress | undefined): number[] {
  const spans = spansOf(last)
  // What comes before the oldest that is named counts as given, as it does here.
  const claiming = spans.findIndex((span) => span.since < oldestOf(span))
  const named = claiming < 0 ? spans : spans.slice(0, claiming + 1)
  const oldest = Math.max(oldestOf(named.at(-1) ?? last), known ? oldestOf(known) : 0)
  return named.flatMap((span) => [span.seq, ...seqsBefore(span)]).filter((seq) => seq >= oldest)
}

/** The same, with these events of an origin, which come before its last, given as well. */
function withBefore(steps: Steps, origin: string, seqs: readonly number[]): Steps {
  const last = steps.get(origin)
  return last ? new Map(steps).set(origin, { ...last, recent: recentOf(last.seq, [...seqsBefore(last), ...seqs]) }) : steps
}

function recentOf(last: number, seqs: readonly number[]): string {
  const before = [...new Set(seqs)].filter((seq) => seq < last).sort((a, b) => b - a)
  return shortened(before.map((seq, i) => behind(before[i - 1] ?? last, seq)).join('.'))
}

function progressTo(last: Progress, { seq, ordinal }: Step): Progress {
  if (seq === last.seq) return { ...last, ordinal }
  if (seq > last.seq) return { ...last, seq, ordinal, recent: shortened(behind(seq, last.seq) + (last.recent && `.${last.recent}`)) }
  return { ...last, recent: recentOf(last.seq, [...seqsBefore(last), seq]) }
}

/** One who comes back asks of the same for each event that they have missed, or not. */
const parsed = new WeakMap<Progress, readonly number[]>()

/** The events before it that something was given of, newest first. */
function seqsBefore(progress: Progress): readonly number[] {
  const known = parsed.get(progress)
  if (known) return known
  let at = progress.seq
  const seqs = progress.recent === '' ? [] : progress.recent.split('.').map((distance) => (at -= Number.parseInt(distance, 36)))
  parsed.set(progress, seqs)
  return seqs
}

const behind = (later: number, earlier: number): string => (later - earlier).toString(36)

const shortened = (recent: string): string =>
  recent.length <= MAX_RECENT_LENGTH ? recent : recent.slice(0, recent.lastIndexOf('.', MAX_RECENT_LENGTH))
