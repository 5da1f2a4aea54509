import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The first of these programs that can be run: a path, or a name on the PATH. */
function find(candidates: readonly (string | undefined)[]): string | null {
  for (const candidate of candidates) {
    if (!candidate) continue
    const places = isAbsolute(candidate) ? [candidate] : (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, candidate))
    const found = places.find(executable)
    if (found) return found
  }
  return null
}

/** A program named by the environment is the only candidate: one that can't be run must not be replaced silently. */
export const findRedisServer = (): string | null => find([process.env.REDIS_SERVER_BIN || 'redis-server'])

export const findChromium = (): string | null =>
  find(process.env.CHROMIUM_BIN ? [process.env.CHROMIUM_BIN] : ['chromium', 'chromium-browser', 'google-chrome'])

export const findProgram = (name: string): string | null => find([name])
