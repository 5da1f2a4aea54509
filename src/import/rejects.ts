import { type FileHandle, open, rm } from 'node:fs/promises'
import { StartError } from '../errors.ts'

/** The rows set aside, one JSON object a line: where it stood, why it is here, and the row itself. There is no file without such rows. */
export class Rejects {
  readonly path: string
  #file: FileHandle | undefined

  private constructor(path: string) {
    this.path = path
  }

  /** Takes away what an earlier import of the same file set aside. */
  static async beside(input: string): Promise<Rejects> {
    const rejects = new Rejects(`${input.replace(/\.jsonl$/i, '')}.rejected.jsonl`)
    await rejects.#try(() => rm(rejects.path, { force: true }))
    return rejects
  }

  async add(line: number, reason: string, row: string | null): Promise<void> {
    await this.#try(async () => {
      this.#file ??= await open(this.path, 'wx', 0o600)
      await this.#file.appendFile(`${JSON.stringify({ line, reason, row })}\n`)
    })
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }

  async #try(action: () => Promise<void>): Promise<void> {
    try {
      await action()
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
      throw new StartError(
        `${this.path}, where rows are set aside, can't be written${code}. Make room there, or import a copy of the file from elsewhere.`,
        { cause: error },
      )
    }
  }
}
