import { closeSync, constants, existsSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import * as z from 'zod'
import { Head } from './chain.ts'

const Anchor = Head.extend({ inode: z.int() })
/** With the number of the file, which a copy does not share: whoever put a backup back must not go on with a chain that has gone on elsewhere. */
export type Anchor = z.output<typeof Anchor>

/** Long enough for any head, so that writing it in place leaves nothing of the one before. */
const LENGTH = 250

/** A small file beside the log with the newest entry of this server's chain: whoever cuts the end of the log off has to know of it too. */
export class HeadFile {
  readonly #fd: number

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  }

  /** Not synced: after a loss of power it may name an earlier entry, never a later one than the log has. */
  write(anchor: Anchor): void {
    writeSync(this.#fd, `${JSON.stringify(anchor).padEnd(LENGTH)}\n`, 0)
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** Null where there is none, or where it can't be read. */
export function readHead(path: string): Anchor | null {
  if (!existsSync(path)) return null
  try {
    return Anchor.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}

export const inodeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino
