import { XinyiError } from '../../errors.ts'

/** A Redis that must not be joined; the sentence is for the operator. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** What was seen is not so any more (another instance was faster); to be looked at again. */
export class Outdated extends Error {
  override readonly name = 'Outdated'
}

/** The log of Redis does not go on from what is here: entries in between are missing there. */
export class Interrupted extends Outdated {
  constructor() {
    super('the log of Redis does not go on from what is here')
  }
}

/** In a word or two; an error of a store never holds more than that. */
export function wordOf(error: unknown): string {
  const cause = error instanceof XinyiError && error.cause ? error.cause : error
  if (!(cause instanceof Error)) return 'no answer'
  if (cause instanceof Refused || cause instanceof Outdated) return cause.message
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
}

/** Whether it was only time that ran out: Redis may be well, and the question too long. */
export const isTimeout = (error: unknown): boolean => /timed out/i.test(wordOf(error))
