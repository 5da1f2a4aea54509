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
export const MAX_MARKS = 14
/** Of marks of which one lies so many times further back than another, those between are left out. */
const SPREAD = 4

/** The index of a place in the present epoch: in an earlier one, where the log forked from it at the latest. CURSOR_EXPIRED where that is not known. */
export function indexOf({ epoch, n }: Place, lineage: readonly Fork[]): number {
  if (!lineage.some((fork) => fork.epoch === epoch)) throw cursorExpired()
  return Math.min(n, ...forksSince(epoch, lineage).map((fork) => fork.n))
}

/** The epochs after one. CURSOR_EXPIRED where one of them began with a rollback on purpose: places of before mean nothing any more. */
function forksSince(epoch: string, lineage: readonly Fork[]): readonly Fork[] {
  const since = lineage.slice(lineage.findIndex((fork) => fork.epoch === epoch) + 1)
  if (since.some(isRollback)) throw cursorExpired()
  return since
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
  // The oldest stays, however far back.
  if (kept.length > MAX_MARKS) kept.splice(-2, 1)
  return kept
}

/** Those that are left to whoever is back at an index: what came after may be of a log that was left. */
export const marksUpTo = (index: number, marks: readonly Mark[]): readonly Mark[] => marks.filter(({ n }) => n <= index)

/** Where one goes on who left this trail, in a log of this lineage, which ends with the present epoch, with these chains at the marks. */
export const placeOf = (trail: Trail, lineage: readonly Fork[], chains: readonly (string | null)[]): Place => ({
  epoch: lineage.at(-1)?.epoch ?? '',
  n: placeIn(trail, { lineage, chains, byEpoch: () => indexOf(trail, lineage) }),
})

/**
 * The index to go on from in a log with these chains at the marks (null, or '', where it does not tell): the newest of them that it has, else
 * `byEpoch`. CURSOR_EXPIRED where a mark before that is of another log, and where the log was rolled back since.
 */
export function placeIn(
  { epoch, marks }: Pick<Trail, 'epoch' | 'marks'>,
  log: { lineage: readonly Fork[]; chains: readonly (string | null)[]; byEpoch: () => number },
): number {
  const { lineage, chains, byEpoch } = log
  const isKnown = lineage.some((fork) => fork.epoch === epoch)
  if (isKnown) forksSince(epoch, lineage)
  // What is of an epoch that is not known here may be of before.
  const rolledBackTo = isKnown ? undefined : lineage.findLast(isRollback)?.n
  const shared = marks.find(({ n, chain }, i) => chains[i]?.startsWith(chain) && n > (rolledBackTo ?? -1))
  if (shared) return shared.n
  const n = byEpoch()
  if (marks.some((mark, i) => mark.n <= n && chains[i])) throw cursorExpired()
  return n
}
