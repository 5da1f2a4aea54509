import { randomUUID } from 'node:crypto'
import { type Fork, newestRollback } from '../copy.ts'
import type { Place, Trail } from '../store.ts'
import { indexOf, placeIn } from '../trail.ts'

/**
 * What indexes of the log mean here, over time. While Redis orders the log, they are its own, of its epoch. Away from it,
 * what is applied ahead of the log gets indexes of an epoch that lasts as long as the absence, and forks from what Redis
 * is known to have ordered.
 */
export class Places {
  /** Epochs of Redis, oldest first. */
  #lineage: readonly Fork[]
  /** Each absence, and where it forked. */
  readonly #aways = new Map<string, Place>()
  /** Epochs of a log that was given up for another, and from where on that goes on. */
  readonly #moved = new Map<string, Place>()
  #away: string | null = null

  /** Until Redis is joined; n is the newest entry of the log that is here. */
  constructor(lineage: readonly Fork[], n: number) {
    this.#lineage = lineage
    this.leave(n)
  }

  get epoch(): string {
    return this.#away ?? this.#lineage.at(-1)?.epoch ?? ''
  }

  /** The newest entry up to index n that keeps its index. */
  settled(n: number): Place {
    const away = this.#away === null ? undefined : this.#aways.get(this.#away)
    return away ? { epoch: away.epoch, n: Math.min(away.n, n) } : { epoch: this.epoch, n }
  }

  /** Redis orders no more what is told here; n is the newest entry that it did. */
  leave(n: number): void {
    const from = { epoch: this.#lineage.at(-1)?.epoch ?? '', n }
    this.#away = randomUUID()
    this.#aways.set(this.#away, from)
  }

  join(lineage: readonly Fork[]): void {
    this.#lineage = lineage
    this.#away = null
  }

  /**
   * Joins another log, which has everything up to index n that was ever told here, unless it was rolled back on purpose since. One that
   * others have begun was not, as far as concerns what was told here.
   */
  joinAnother(lineage: readonly Fork[], n: number): void {
    const to = { epoch: lineage.at(-1)?.epoch ?? '', n }
    const isOurs = this.#lineage.some(({ epoch }) => lineage.some((fork) => fork.epoch === epoch))
    if (!isOurs || newestRollback(lineage) === newestRollback(this.#lineage))
      for (const { epoch } of this.#lineage) if (!lineage.some((fork) => fork.epoch === epoch)) this.#moved.set(epoch, to)
    this.join(lineage)
  }

  /** The index, in the present epoch, behind which everything is that comes after this place. */
  indexOf(place: Place): number {
    return place.epoch === this.epoch ? place.n : this.settled(indexOf(this.#ordered(place), this.#lineage)).n
  }

  /** Where one goes on who left such a trail, in the log with these chains at its marks. */
  placeOf({ marks, ...place }: Trail, chains: readonly (string | null)[]): Place {
    if (place.epoch === this.#away) return place
    const { epoch } = this.#ordered(place)
    const n = placeIn({ epoch, marks }, { lineage: this.#lineage, chains, byEpoch: () => this.indexOf(place) })
    return { epoch: this.epoch, n: this.settled(n).n }
  }

  /** The newest place up to this one that Redis had ordered, in its epoch. */
  #ordered(place: Place): Place {
    const away = this.#aways.get(place.epoch)
    const before = away ? { epoch: away.epoch, n: Math.min(away.n, place.n) } : place
    return this.#moved.get(before.epoch) ?? before
  }
}
