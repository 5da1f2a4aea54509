import type { LogEntry } from '../store.ts'
import { bodyOf } from './encode.ts'
import { type Packed, packEach, STEP_BYTES, STEP_ITEMS } from './pack.ts'

/** An entry whose texts are packed already (packEach), and when it was accepted. */
export interface ReadyEntry {
  at: number
  packed: Uint8Array
}

/** Entries of the log, for seedlog.lua; they come in order. */
export function packLog(entries: readonly (LogEntry | ReadyEntry)[]): Packed[] {
  const steps: Packed[] = []
  let some: Uint8Array[] = []
  let size = 0
  const end = () => {
    if (some.length > 0) steps.push({ about: {}, texts: Buffer.concat(some) })
    ;[some, size] = [[], 0]
  }
  // A void does not tell its time: it is as old as what came before it, or with nothing before it as what comes next.
  let at = timeOf(entries.find(timeOf)) ?? 0
  for (const entry of entries) {
    at = timeOf(entry) ?? at
    const packed = 'packed' in entry ? entry.packed : packEach(entryTexts(entry, at))
    some.push(packed)
    size += packed.length
    if (size >= STEP_BYTES || some.length === STEP_ITEMS) end()
  }
  end()
  return steps
}

const timeOf = (entry: LogEntry | ReadyEntry | undefined): number | undefined =>
  entry && ('packed' in entry ? entry.at : entry.event?.acceptedAt)

function entryTexts({ n, origin, seq, chain, event, formerly, outcome, alertEvents }: LogEntry, at: number): string[] {
  const fingerprint = event?.kind === 'recorded' ? event.payload.fingerprint : ''
  return [
    ...[String(n), origin, String(seq), chain, event?.id ?? '', event?.user ?? '', event?.kind ?? 'void', String(at)],
    ...[String(event?.occurredAt ?? at), fingerprint, event ? bodyOf(event) : '', outcome, JSON.stringify(alertEvents), formerly ?? ''],
  ]
}
