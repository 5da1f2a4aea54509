import { isRisky } from '../model.ts'
import type { LegacyPoint, LegacyTurn, LegacyUser } from './legacy.ts'
import { byTime } from './parse.ts'

/** A turn, its emotion point and `last_active` were stamped one after the other, microseconds apart. */
const SAME_MOMENT_MS = 1_000

/** What there is of a user in all sources, to be taken over as one. */
export interface Merged extends Omit<LegacyUser, 'points'> {
  /** Those that belong to no turn: of turns that are no longer kept. */
  points: readonly LegacyPoint[]
  /** Turns and points that both sources had. */
  overlap: number
}

/**
 * One user from what up to two stores hold. Turns are the same where time and query are; of two versions the first store's is taken.
 * Counters are the larger where turns are in both, since both then counted the same; else their sum.
 */
export function merge(first: LegacyUser, second: LegacyUser | null): Merged {
  if (!second) return complete({ ...first, points: pointsWithoutTurn(first), overlap: 0 })
  const turns = new Map([...second.turns, ...first.turns].map((turn) => [nameOf(turn), turn]))
  const same = first.turns.length + second.turns.length - turns.size
  const ours = pointsWithoutTurn(first)
  const theirs = pointsWithoutTurn(second).filter((point) => !ours.some((each) => isSame(each, point)))
  const merged = [...turns.values()].sort(byTime)
  const count = (a: number, b: number) => (same > 0 ? Math.max(a, b) : a + b)
  return complete({
    userId: first.userId,
    createdAt: least(first.createdAt, second.createdAt),
    lastActiveAt: greatest(first.lastActiveAt, second.lastActiveAt),
    totalChats: count(totalOf(first).chats, totalOf(second).chats),
    totalRiskAlerts: count(totalOf(first).risks, totalOf(second).risks),
    topics: [...new Set([...first.topics, ...second.topics])],
    turns: merged,
    // What one store keeps a point of, the other may still have the turn of.
    points: [...ours, ...theirs].filter((point) => !merged.some((turn) => belongs(point, turn))).sort(byTime),
    quarantined: [...first.quarantined, ...second.quarantined],
    async *beyond() {
      yield* first.beyond()
      yield* second.beyond()
    },
    overlap: same,
  })
}

/** Names a turn among those of its user: the predecessor's time has microseconds. */
export const nameOf = ({ stamp, query }: Pick<LegacyTurn, 'stamp' | 'query'>): string => `${stamp}\0${query}`

/** Counters were lost now and then; what is still there was counted. */
const totalOf = ({ totalChats, totalRiskAlerts, turns }: LegacyUser): { chats: number; risks: number } => ({
  chats: Math.max(totalChats, turns.length),
  risks: Math.max(totalRiskAlerts, turns.filter(({ riskLevel }) => isRisky(riskLevel)).length),
})

const complete = (merged: Merged): Merged => {
  const { chats, risks } = totalOf({ ...merged, points: [] })
  return { ...merged, totalChats: chats, totalRiskAlerts: risks }
}

const belongs = (point: LegacyPoint, turn: LegacyTurn): boolean =>
  point.riskLevel === turn.riskLevel && point.at >= turn.at - 1 && point.at - turn.at <= SAME_MOMENT_MS

const isSame = (a: LegacyPoint, b: LegacyPoint): boolean => a.riskLevel === b.riskLevel && Math.abs(a.at - b.at) <= SAME_MOMENT_MS

/** Each turn has at most one point: the first that follows it. */
function pointsWithoutTurn({ turns, points }: LegacyUser): LegacyPoint[] {
  const left = [...points]
  for (const turn of turns) {
    const i = left.findIndex((point) => belongs(point, turn))
    if (i >= 0) left.splice(i, 1)
  }
  return left
}

const least = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.min(a, b))
const greatest = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.max(a, b))
