import { existsSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { AUDIT_HEAD_NAME, AUDIT_NAME, type Config } from './config.ts'
import { StartError } from './errors.ts'

/** Makes DATA_DIR where it is not there yet. */
export async function makeDataDir(dataDir: string): Promise<void> {
  try {
    // What is in it is for this account only.
    await makeDir(resolve(dataDir))
  } catch (error) {
    throw new StartError(`The directory ${dataDir} can't be made. Choose one that this account can write to with DATA_DIR.`, {
      cause: error,
    })
  }
}

/** As mkdir -p does; Node's own recursive mkdir never returns where nothing can be made, as below /proc. */
async function makeDir(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    if (code !== 'ENOENT' || existsSync(dirname(path)) || dirname(path) === path) throw error
    await makeDir(dirname(path))
    await mkdir(path, { mode: 0o700 })
  }
}

/** Where the audit log is. */
export const auditFiles = ({ dataDir }: Config) => ({ path: join(dataDir, AUDIT_NAME), headPath: join(dataDir, AUDIT_HEAD_NAME) })
