import { z } from 'zod'
import type { UserCopy } from '../copy.ts'
import type { Marks } from './encode.ts'
import { fenced } from './faults.ts'
import { putTexts } from './put.ts'

/**
 * How a user comes back. Unless told, only at the revision that Redis knows of. `force`: whatever that is, and as of now; it changes nothing for
 * a user of whom nothing is missing. `wholeAsOf`: over somebody who is `patched`, by whoever had all of them at this index of the log.
 */
export type Manner = { force?: boolean; wholeAsOf?: number }

const Answer = z.enum(['ok', 'refused', 'behind'])

/** 'refused': they were erased or expired after this copy, or Redis knows of another event; 'behind': they are not as they were then. */
export type Restored = z.infer<typeof Answer>

/** Puts a user, who is there as the copy says, into Redis. */
export async function restoreUser(
  run: (argument: object, texts: readonly string[]) => Promise<unknown>,
  { user, state, erasedAt, expiredAt }: UserCopy,
  { marks, timeZone, ...manner }: Manner & { marks: Marks; timeZone: string },
): Promise<Restored> {
  if (!state) return 'refused'
  const marked = { mark: marks.of(user), erasedAt: erasedAt ?? -1, expiredAt: expiredAt ?? -1 }
  const answer = await run({ user, ...marked, rev: state.rev, since: state.oldestAt, ...manner }, putTexts(user, state, timeZone))
  if (answer === 'stale') fenced(answer)
  return Answer.parse(answer)
}
