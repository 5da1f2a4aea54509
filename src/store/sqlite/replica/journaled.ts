import type { Event, LogEntry } from '../../store.ts'
import type { Sql } from '../sql.ts'
import { eventInJournal } from './journal.ts'
import type { OwnEntry } from './tail.ts'

/** Many times what the log is behind the journal. */
const REMEMBERED = 5_000

const keyOf = ({ origin, seq }: { origin: string; seq: number }): string => `${seq} ${origin}`

/** Of what is in the journal, the newest that came there, as it came: the log brings it back before long. */
export class JournaledEvents {
  readonly #events = new Map<string, Event>()

  remember(events: readonly Event[]): void {
    for (const event of events) this.#events.set(keyOf(event), event)
    for (const key of this.#events.keys()) {
      if (this.#events.size <= REMEMBERED) break
      this.#events.delete(key)
    }
  }

  forget(entries: readonly { origin: string; seq: number }[]): void {
    for (const entry of entries) this.#events.delete(keyOf(entry))
  }

  clear(): void {
    this.#events.clear()
  }

  /** The entries with their events, up to one whose event is not here any more. */
  complete(sql: Sql, entries: readonly (LogEntry | OwnEntry)[]): LogEntry[] {
    const whole = entries.map((entry): LogEntry | null => {
      if (entry.event !== 'journaled') return { ...entry, event: entry.event }
      const event = this.#events.get(keyOf(entry)) ?? eventInJournal(sql, entry.origin, entry.seq)
      return event && { ...entry, event }
    })
    const missing = whole.indexOf(null)
    return whole.slice(0, missing === -1 ? undefined : missing).filter((entry) => entry !== null)
  }
}
