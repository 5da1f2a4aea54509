import { createHash } from 'node:crypto'
import type { Client } from '../commands/client.ts'
import { type Item, recordBatch } from './batches.ts'
import { LateAlerts } from './late.ts'
import type { Line } from './lines.ts'
import type { Rejects } from './rejects.ts'
import { type Row, rowSchema } from './row.ts'
import { Tally } from './tally.ts'

export interface Counts {
  /** Rows, good and bad; empty lines are none. */
  read: number
  recorded: number
  /** Of those, the ones that count but are not kept: beyond what the retention keeps. */
  beyondRetention: number
  alreadyKnown: number
  rejected: number
  users: number
}

const MIB = 1024 * 1024
export const MAX_LINE_BYTES = 8 * MIB
const MAX_BATCH_ROWS = 500
const MAX_BATCH_BYTES = 8 * MIB

/** One import under way: takes the lines of a file in their order. */
export class ImportRun {
  readonly counts: Counts = { read: 0, recorded: 0, beyondRetention: 0, alreadyKnown: 0, rejected: 0, users: 0 }
  readonly #client: Client
  readonly #rejects: Rejects
  readonly #schema: ReturnType<typeof rowSchema>
  readonly #rows = new Tally()
  readonly #users = new Tally()
  #late: LateAlerts | undefined
  #batch: Item[] = []
  #batchBytes = 0

  constructor(client: Client, rejects: Rejects, timeZone: string) {
    this.#client = client
    this.#rejects = rejects
    this.#schema = rowSchema(timeZone)
  }

  /** To be called with all lines before any is taken: then an alert is raised for whoever was at risk within the last seven days. */
  lookAhead({ number, text, wellFormed }: Line, now: number): void {
    this.#late ??= new LateAlerts(now)
    const parsed = text !== null && wellFormed ? this.#schema.safeParse(jsonOf(text)) : undefined
    if (parsed?.success) this.#late.consider(number, parsed.data)
  }

  async take({ number, text, wellFormed }: Line): Promise<void> {
    if (text?.trim() === '') return
    this.counts.read += 1
    if (text === null) return this.#reject(number, `The line is longer than ${MAX_LINE_BYTES / MIB} MiB.`, null)
    if (!wellFormed) return this.#reject(number, 'The line is not UTF-8; its wrong bytes show as \uFFFD here.', text)
    const parsed = this.#schema.safeParse(jsonOf(text))
    if (!parsed.success) {
      const reasons = parsed.error.issues.map(({ path, message }) => `${[...path, message].join(' ')}.`)
      return this.#reject(number, reasons.join(' '), text)
    }
    const input = { ...this.#identified(parsed.data), ...(this.#late?.has(number) && { raiseAlert: true }) }
    const bytes = Buffer.byteLength(JSON.stringify(input)) + 1
    if (this.#batch.length === MAX_BATCH_ROWS || this.#batchBytes + bytes > MAX_BATCH_BYTES) await this.flush()
    this.#batch.push({ line: number, text, input })
    this.#batchBytes += bytes
  }

  /** Records what is still waiting for its batch to be full. */
  async flush(): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    if (batch.length === 0) return
    for (const [{ line, text, input }, fate] of await recordBatch(this.#client, batch)) {
      if (fate.type === 'refused') {
        await this.#reject(line, fate.reason, text)
        continue
      }
      if (fate.type === 'known') this.counts.alreadyKnown += 1
      if (fate.type === 'recorded') this.counts.recorded += 1
      if (fate.type === 'recorded' && !fate.kept) this.counts.beyondRetention += 1
      // Each row of somebody unnamed gets a user of its own, who follows from its key.
      const unnamed = input.userId === '' || input.userId === 'anonymous'
      if (this.#users.add(unnamed ? input.idempotencyKey : input.userId) === 0) this.counts.users += 1
    }
  }

  close(): void {
    this.#rows.close()
    this.#users.close()
  }

  #reject(line: number, reason: string, text: string | null): Promise<void> {
    this.counts.rejected += 1
    return this.#rejects.add(line, reason, text)
  }

  /** The same row again in the file is an exchange of its own: it counts how many came before. */
  #identified({ timestamp, ...row }: Row): Item['input'] {
    const identity = [row.userId, timestamp, row.query, row.response]
    const content = JSON.stringify([...identity, this.#rows.add(...identity)])
    return { ...row, idempotencyKey: createHash('sha256').update(content).digest('hex') }
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
