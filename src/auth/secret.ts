import { randomBytes, randomUUID } from 'node:crypto'
import { link, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '../errors.ts'
import { SECRET_NAME } from '../settings/names.ts'

const BYTES = 32

/** The server's own secret, in DATA_DIR and for this account only; made where there is none. Whoever asks at the same time gets the same. */
export async function ownSecret(dataDir: string): Promise<Uint8Array> {
  const path = join(dataDir, SECRET_NAME)
  try {
    return (await read(path)) ?? (await make(path))
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`The secret in ${path} can't be read or made. Check that this account may do so, or set AUTH_JWT_SECRET.`, {
      cause: error,
    })
  }
}

async function read(path: string): Promise<Uint8Array | null> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0)
      throw new StartError(
        `Others may read the secret in ${path}. Remove it, so that a new one is made and tokens of the old one end, or chmod 600 it.`,
      )
    // The text itself, as with AUTH_JWT_SECRET: so it can be moved there.
    const secret = new TextEncoder().encode((await readFile(path, 'utf8')).trim())
    if (secret.length < BYTES)
      throw new StartError(`There is no secret of ${BYTES} bytes in ${path}. Remove it, so that a new one is made.`)
    return secret
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** Written whole under another name, then linked, which succeeds once: nobody ever reads a part of it, or another one. */
async function make(path: string): Promise<Uint8Array> {
  const draft = `${path}.${randomUUID()}`
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(`${randomBytes(BYTES).toString('base64url')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(draft, path).catch((error) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(draft, { force: true })
  }
  const secret = await read(path)
  if (!secret) throw new StartError(`The secret in ${path} was removed while it was made. Try again.`)
  return secret
}
