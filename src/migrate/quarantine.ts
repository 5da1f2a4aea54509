import { type FileHandle, open, rm } from 'node:fs/promises'
import { StartError } from '../errors.ts'
import { type Quarantined, REASONS } from './legacy.ts'

/** The file of what could not be taken over, one JSON object a line; there is none without such records. */
export class Quarantine {
  readonly path: string
  #file: FileHandle | undefined
  #last: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.path = path
  }

  /** Takes away what an earlier run put aside. */
  async clear(): Promise<void> {
    await this.#try(() => rm(this.path, { force: true }))
  }

  /** One after the other, whoever adds them. */
  add(records: readonly (Quarantined | (Omit<Quarantined, 'reason'> & { reason: string }))[]): Promise<void> {
    if (records.length > 0) this.#last = this.#last.then(() => this.#write(records))
    return this.#last
  }

  async #write(records: Parameters<Quarantine['add']>[0]): Promise<void> {
    await this.#try(async () => {
      this.#file ??= await open(this.path, 'a', 0o600)
      const lines = records.map((record) =>
        JSON.stringify({ ...record, why: REASONS[record.reason as keyof typeof REASONS] ?? record.reason }),
      )
      await this.#file.appendFile(`${lines.join('\n')}\n`)
    })
  }

  async close(): Promise<void> {
    await this.#last.catch(() => {})
    await this.#file?.close()
  }

  async #try(action: () => Promise<void>): Promise<void> {
    try {
      await action()
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
      throw new StartError(`${this.path}, where records are put aside, can't be written${code}. Name another file with --quarantine.`, {
        cause: error,
      })
    }
  }
}
