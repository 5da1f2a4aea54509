import { statSync } from 'node:fs'
import { storeUnavailable, XinyiError } from '../../errors.ts'

/** What says that the file, or the note beside it, could not be written; anything else is not the disk's fault. */
const OF_THE_DISK = /^(SQLITE_(FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB)|E[A-Z]+$)/

/** The database file as it was opened, and whether it takes what is recorded. */
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
    const gone = this.#goneAs()
    if (gone !== null) throw storeUnavailable(Object.assign(new Error('The data file was moved or removed.'), { code: gone }))
    return work()
  }

  /** Does what records, which always changes something, and notes whether the disk took it. */
  keep<T>(work: () => T): T {
    try {
      const answer = work()
      this.#error = null
      return answer
    } catch (error) {
      const cause = error instanceof XinyiError ? error.cause : error
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
      if (OF_THE_DISK.test(code)) this.#error = code
      throw error
    }
  }

  /** Why nothing can be recorded, in a word: FILE_GONE, or what the last recording failed with; null where it was taken. */
  get writeError(): string | null {
    return this.#goneAs() ?? this.#error
  }

  /** FILE_GONE, or why the file can't be found; null where it is in its place. */
  #goneAs(): string | null {
    try {
      return statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode ? null : 'FILE_GONE'
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : 'FILE_GONE'
    }
  }
}
