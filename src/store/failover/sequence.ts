import type { Event, Outcome } from '../store.ts'
import type { RemoteReplica } from './replica.ts'

/** Sees to it that the events of an origin come into the journal one after the other, without a gap. */
export class Sequence {
  readonly #replica: RemoteReplica
  /** origin -> its newest event in the journal, or in the log. */
  readonly #last = new Map<string, number>()

  constructor(replica: RemoteReplica) {
    this.#replica = replica
  }

  /** For each event null if it comes next in its origin, and is now taken; else what is to be said of it. */
  async take(events: readonly Event[]): Promise<(Outcome | null)[]> {
    for (const { origin } of events) if (!this.#last.has(origin)) this.#last.set(origin, await this.#replica.beginOrigin(origin))
    return events.map(({ origin, seq }) => {
      const position = this.#last.get(origin) ?? 0
      if (position < 0) return { type: 'gap', position: 0 }
      if (seq <= position) return { type: 'known', position }
      if (seq > position + 1) return { type: 'gap', position }
      this.#last.set(origin, seq)
      return null
    })
  }

  /** From now on whatever comes in this origin comes behind a gap. */
  close(origin: string): void {
    this.#last.set(origin, -1)
  }

  /** It is not known whether these came into the journal. */
  forget(events: readonly Event[]): void {
    for (const { origin } of events) this.#last.delete(origin)
  }
}
