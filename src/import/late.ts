import { DAY_MS, isRisky, riskRank } from '../model.ts'
import type { Row } from './row.ts'

interface Choice {
  line: number
  rank: number
  at: number
  /** Of the person's newest risky conversation. */
  newestAt: number
}

/**
 * Which rows are to raise an alert although they happened days ago: for each person whose newest risky one is more than a day old, and not
 * more than seven, the gravest of these, and among equals the newest. Newer ones raise alerts of themselves.
 */
export class LateAlerts {
  readonly #now: number
  readonly #choices = new Map<string, Choice>()
  #lines: ReadonlySet<number> | undefined

  constructor(now: number) {
    this.#now = now
  }

  consider(line: number, { userId, riskLevel, occurredAt }: Row): void {
    const at = occurredAt === null ? this.#now : Date.parse(occurredAt)
    if (!isRisky(riskLevel) || this.#now - at > 7 * DAY_MS) return
    const isUnnamed = userId === '' || userId === 'anonymous'
    const person = isUnnamed ? `line ${line}` : `user ${userId}`
    const [rank, before] = [riskRank(riskLevel), this.#choices.get(person)]
    const isGraver = !before || rank > before.rank || (rank === before.rank && at >= before.at)
    const choice = isGraver ? { line, rank, at } : before
    this.#choices.set(person, { ...choice, newestAt: Math.max(at, before?.newestAt ?? at) })
  }

  /** Whether this row is chosen, of all that were considered. */
  has(line: number): boolean {
    this.#lines ??= new Set(this.#choices.values().flatMap((choice) => (this.#now - choice.newestAt > DAY_MS ? [choice.line] : [])))
    return this.#lines.has(line)
  }
}
