import { randomUUID } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../store/store.ts'

const PREFIX = 'snapshot-'
/** Whoever asked for one has long taken or lost it. */
const LEFT_BEHIND_MS = 6 * 60 * 60 * 1_000

/** Copies the SQLite store, as it is at one moment, into a new file in DATA_DIR, and answers its name; whoever asked takes it away. */
export async function takeSnapshot(store: Store, dataDir: string): Promise<string> {
  for (const name of await readdir(dataDir)) {
    const path = join(dataDir, name)
    if (name.startsWith(PREFIX) && (await stat(path)).mtimeMs < Date.now() - LEFT_BEHIND_MS) await rm(path, { force: true })
  }
  const name = `${PREFIX}${randomUUID()}.db`
  await store.snapshot(join(dataDir, name))
  return name
}
