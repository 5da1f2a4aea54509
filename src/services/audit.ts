import { setImmediate } from 'node:timers/promises'
import type { Logger } from 'pino'
import { XinyiError } from '../errors.ts'
import type { AuditEntry, AuditLog, AuditNote, AuditQuestion } from '../store/audit/audit.ts'
import type { Slice } from '../store/page.ts'

export type { AuditEntry, AuditNote, AuditQuestion }

/** One commit occupies the disk for some milliseconds at most. */
const MAX_BATCH = 1_000
const RETRY_MS = 1_000
/** So many notes wait for a disk that can take them again; of more the oldest are lost. */
const MAX_OWED = 50_000

interface Waiting {
  notes: readonly AuditNote[]
  resolve(): void
  reject(error: unknown): void
}

/** Keeps who did, or was shown, what of whom. What comes while a commit is under way goes into the next. */
export class Audit {
  readonly #log: AuditLog
  readonly #logger: Logger
  #queue: Waiting[] = []
  #writing: Promise<void> | undefined
  /** Of what was done or given all the same while nothing could be written. */
  #owed: AuditNote[] = []
  #paying = 0
  #lost = 0
  #failing = false
  #retry: NodeJS.Timeout | undefined

  constructor(log: AuditLog, { logger }: { logger: Logger }) {
    this.#log = log
    this.#logger = logger
  }

  /** How many notes are not written though what they tell of has been answered: they are tried again every second. */
  get owed(): number {
    return this.#owed.length + this.#paying
  }

  /** How many notes were given up since the start. */
  get lost(): number {
    return this.#lost
  }

  /** Resolves when all of the notes are on the disk; rejects with STORE_UNAVAILABLE when none of them is. */
  write(notes: readonly AuditNote[]): Promise<void> {
    if (notes.length === 0) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queue.push({ notes, resolve, reject })
    this.#writing ??= this.#drain()
    return promise
  }

  /** For what can't be undone, or must not wait for a disk: resolves when the notes are written, or are owed. */
  async owe(notes: readonly AuditNote[]): Promise<void> {
    try {
      await this.write(notes)
    } catch {
      this.#owed.push(...notes)
      const tooMany = this.#owed.length - MAX_OWED
      if (tooMany > 0) this.#lost += this.#owed.splice(0, tooMany).length
      this.#retry ??= setTimeout(() => this.#pay(), RETRY_MS).unref()
    }
  }

  /** Whether the last attempt to write failed. What is owed is tried again every second. */
  get isFailing(): boolean {
    return this.#failing
  }

  page(asked: AuditQuestion): Promise<Slice<AuditEntry>> {
    return this.#log.page(asked)
  }

  /** Waits for what is being written, and tries once more what is owed. */
  async close(): Promise<void> {
    clearTimeout(this.#retry)
    if (this.#owed.length > 0) await this.#pay()
    clearTimeout(this.#retry)
    while (this.#writing) await this.#writing
    if (this.#owed.length > 0)
      this.#logger.error({ entries: this.#owed.length }, 'the service ends with audit entries that could not be written')
    await this.#log.close()
  }

  async #drain(): Promise<void> {
    // What else comes in this turn of the event loop goes along.
    await setImmediate()
    while (this.#queue.length > 0) {
      let count = 0
      const tooMany = this.#queue.findIndex(({ notes }, i) => {
        count += notes.length
        return i > 0 && count > MAX_BATCH
      })
      const batch = this.#queue.splice(0, tooMany === -1 ? this.#queue.length : tooMany)
      try {
        await this.#log.append(batch.flatMap(({ notes }) => notes))
        this.#recovered()
        for (const { resolve } of batch) resolve()
      } catch (error) {
        this.#failed(error)
        for (const { reject } of batch) reject(unauditable(error))
      }
    }
    // In the same turn as the look at the queue: whoever comes after it begins anew.
    this.#writing = undefined
  }

  async #pay(): Promise<void> {
    this.#retry = undefined
    const owed = this.#owed
    this.#owed = []
    this.#paying = owed.length
    await this.owe(owed)
    this.#paying = 0
    if (this.#owed.length === 0) this.#logger.warn({ entries: owed.length, lost: this.#lost }, 'audit entries were written late')
  }

  #failed(error: unknown): void {
    if (this.#failing) return
    this.#failing = true
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const because = cause instanceof Error && 'code' in cause ? cause.code : undefined
    this.#logger.error({ because }, 'the audit log can not be written: nobody is given what people said until it can')
  }

  #recovered(): void {
    if (!this.#failing) return
    this.#failing = false
    this.#logger.warn('the audit log is written again')
  }
}

/** Why text is refused. */
export const unauditable = (cause?: unknown): XinyiError =>
  new XinyiError(
    'STORE_UNAVAILABLE',
    'The audit log can not be written, so nothing that people said is given out.',
    'Try again; whoever runs the service has to see to its disk.',
    { cause },
  )

/** Why a mutation that asks for text is not begun. */
export const unaccountable = (): XinyiError =>
  new XinyiError(
    'STORE_UNAVAILABLE',
    'The audit log can not be written, so nothing was done: the answer was to hold what people said.',
    'Send it again without the fields of text: it is done then, and written down later. Whoever runs the service has to see to its disk.',
  )

/** What a mutation is answered, besides what it did, where its text could not be written down. */
export const textWithheld = (): XinyiError =>
  new XinyiError(
    'STORE_UNAVAILABLE',
    'This took effect, but for what has an error of its own. The audit log can not be written, so what people said is left out: its fields are empty.',
    'Do not send it again. Ask for the text later; whoever runs the service has to see to its disk.',
  )

/** For whoever only looks at how the service is doing: nothing is written, so that no text is given. */
export const NO_LOG: AuditLog = {
  append: () => Promise.reject(unauditable()),
  page: () => Promise.reject(unauditable()),
  close: () => Promise.resolve(),
}
