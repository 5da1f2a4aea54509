import { isDeepStrictEqual } from 'node:util'
import { DAY_MS } from '../../model.ts'
import { isErased, type UserCopy, type UserState } from '../copy.ts'
import { type Keep, keepOf, type Policy } from '../rules.ts'

/** What has to be done about a user whom the two stores were asked for. */
export type Verdict = 'equal' | 'pull' | 'restore' | 'complete'

/**
 * Compares a user in Redis, as of index n of the log, with the user here, as of that index or a later one. At equal revision
 * Redis is right, unless it knows less; otherwise the higher one is. Whoever is patched in one of them only, gives way to the other.
 */
export function judge(there: UserCopy | null, here: UserCopy, of: { n: number; policies: readonly Policy[]; now: number }): Verdict {
  // Redis has an entry of this user whose keys do not fit together.
  if (!there) return here.state ? 'restore' : 'pull'
  const [theirs, ours] = [there.state?.rev ?? 0, here.state?.rev ?? 0]
  // What came after Redis was asked is no difference.
  if (ours > of.n) return 'equal'
  // Where both hold what should have gone, the erasure itself has yet to come.
  if (here.state && isErased(here.state, there.erasedAt) && !(there.state && isErased(there.state, there.erasedAt))) return 'pull'
  if (isLater(there.erasedAt, here.erasedAt) || isLater(there.expiredAt, here.expiredAt)) return 'pull'
  if (there.state && here.state && there.state.patched !== here.state.patched) return here.state.patched ? 'pull' : 'complete'
  if (ours > theirs) return 'restore'
  if (ours < theirs) return 'pull'
  const [seenThere, seenHere] = [there, here].map(({ state }) => state && visibleOf(state, of.policies, of.now))
  if (isDeepStrictEqual(seenThere, seenHere)) return 'equal'
  return seenThere && seenHere && knowsMore(seenHere, seenThere) ? 'restore' : 'pull'
}

/** Whether all that was recorded in the other is in the one, and more: the other was put back from a copy that was not complete. */
function knowsMore(one: UserState, other: UserState): boolean {
  const ids = new Set(one.seen.map(({ id }) => id))
  return ids.size > other.seen.length && other.seen.every(({ id }) => ids.has(id))
}

const isLater = (one: number | null, other: number | null): boolean => (one ?? -1) > (other ?? -1)

/** How long an id is remembered at the least. */
const SEEN_MS = 7 * DAY_MS

/** What counts of a user: without what has expired, which each store removes in its own time. */
export function visibleOf(state: UserState, policies: readonly Policy[], now: number): UserState {
  const keep = keepOf(policies, state.rev, now)
  return {
    ...state,
    conversations: kept(state.conversations, keep.conversations),
    emotions: kept(state.emotions, keep.emotions),
    seen: state.seen.filter(({ acceptedAt }) => acceptedAt > now - SEEN_MS),
  }
}

function kept<T extends { occurredAt: number }>(items: readonly T[], { cap, floor }: Keep): T[] {
  const found = items.filter(({ occurredAt }) => occurredAt >= floor)
  return Number.isFinite(cap) ? found.slice(0, cap) : found
}
