import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** In memory where it has room: thousands of writes are synced, and none has to outlive the test. */
const ROOM_BYTES = 2 * 1024 ** 3
/** Of one run of the tests (setup.ts), which takes away what those left behind that were ended early; else each takes away its own. */
export const RUN_DIR = 'XINYI_TEST_RUN_DIR'
const BASE = process.env[RUN_DIR] ?? (hasRoom('/dev/shm') ? '/dev/shm' : tmpdir())

/** A fresh directory; `remove` takes it away again. Its path is short, so that a unix socket fits below it (108 bytes). */
export function tempDir(): { path: string; remove(): void } {
  const path = mkdtempSync(join(BASE, 'xy-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

function hasRoom(directory: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize > ROOM_BYTES
  } catch {
    return false
  }
}
