import { cursorExpired } from '../errors.ts'
import { type Fork, isRollback } from './copy.ts'

/** Where someone is in the log: behind entry n. Indexes mean the same entries only within an epoch. */
export interface Place {
  epoch: string
  n: number
}

/** An entry that someone came past, by the beginning of its chain: it is in a log if, and only if, that is the same up to it. */
export interface Mark {
  n: number
  chain: string
}

/** Where someone was, and entries that they had come past, newest first: Redis may since have given their indexes to others, without a new epoch. */
export interface Trail extends Place {
  marks: readonly Mark[]
}

/** Of a chain: enough to tell two logs apart. */
const CHAIN_LENGTH = 10
export const MAX_MARKS = 10
/** So many times further back lies each mark than the one before, and so at most what is read again of a log that went another way. */
const SPREAD = 4

/**
 * The epochs after this one, or all where it is not known. CURSOR_EXPIRED where one of them began with a rollback on purpose: places of before
 * mean nothing any more.
 */
export function forksSince(epoch: string, lineage: readonly Fork[]): readonly Fork[] {
  const since = lineage.slice(lineage.findIndex((fork) => fork.epoch === epoch) + 1)
  if (since.some(isRollback)) throw cursorExpired()
  return since
}

/** The index of a place in the present epoch: in an earlier one, where the log forked from it at the latest. CURSOR_EXPIRED where that is not known. */
export function indexOf({ epoch, n }: Place, lineage: readonly Fork[]): number {
  if (!lineage.some((fork) => fork.epoch === epoch)) throw cursorExpired()
  return Math.min(n, ...forksSince(epoch, lineage).map((fork) => fork.n))
}

/** The same marks and one more, of which few reach far back: the older they are, the further apart. */
export function withMark(marks: readonly Mark[], { n, chain }: Mark): readonly Mark[] {
  // Entries of before there were chains have none.
  if (chain === '') return marks
  // Those that are not before it are of a log that was left.
  const all = [{ n, chain: chain.slice(0, CHAIN_LENGTH) }, ...marks.filter((mark) => mark.n < n)]
  const kept: Mark[] = []
  for (const [i, mark] of all.entries()) {
    const [newer, older] = [kept.at(-1), all[i + 1]]
    const isBetween = newer && older && n - older.n <= SPREAD * (n - newer.n)
    if (!isBetween) kept.push(mark)
  }
  return kept.slice(0, MAX_MARKS)
}

/** Where one goes on who left this trail, in a log of this lineage, which ends with the present epoch, with these chains at the marks. */
export function placeOf({ marks, ...place }: Trail, lineage: readonly Fork[], chains: readonly (string | null)[]): Place {
  forksSince(place.epoch, lineage)
  return { epoch: lineage.at(-1)?.epoch ?? '', n: placeIn(marks, chains, () => indexOf(place, lineage)) }
}

/**
 * The index to go on from in a log with these chains at the marks (null, or '', where it does not tell): the newest of them that it has, else
 * `byEpoch`. CURSOR_EXPIRED where a mark before that is of another log.
 */
export function placeIn(marks: readonly Mark[], chains: readonly (string | null)[], byEpoch: () => number): number {
  const shared = marks.find(({ chain }, i) => chain !== '' && chains[i]?.startsWith(chain))
  if (shared) return shared.n
  const n = byEpoch()
  if (marks.some((mark, i) => mark.n <= n && chains[i])) throw cursorExpired()
  return n
}
