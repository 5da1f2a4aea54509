import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh directory; `remove` takes it away again. Its path is short, so that a unix socket fits below it (108 bytes). */
export function tempDir(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'xy-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
