import { statSync } from 'node:fs'
import { storeUnavailable, XinyiError } from '../../errors.ts'

/** The database file as it was opened, and whether it takes what is written. */
export class DataFile {
  readonly #path: string
  readonly #inode: number
  #error: string | null = null

  constructor(path: string) {
    this.#path = path
    this.#inode = statSync(path).ino
  }

  /** Does what writes. Throws STORE_UNAVAILABLE where the file was removed or replaced: SQLite would go on writing to it, and all of that would be lost. */
  write<T>(work: () => T): T {
    if (this.#isGone) throw storeUnavailable(Object.assign(new Error('The data file was moved or removed.'), { code: 'FILE_GONE' }))
    try {
      const answer = work()
      this.#error = null
      return answer
    } catch (error) {
      const cause = error instanceof XinyiError ? error.cause : error
      if (cause instanceof Error && 'code' in cause) this.#error = String(cause.code)
      throw error
    }
  }

  /** Why nothing can be written, in a word: FILE_GONE, or what the last write failed with; null where it was taken. */
  get writeError(): string | null {
    return this.#isGone ? 'FILE_GONE' : this.#error
  }

  get #isGone(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.ino !== this.#inode
  }
}
