import { existsSync, readdirSync, type Stats, statSync } from 'node:fs'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ownSecret } from '../auth/secret.ts'
import { type Config, DATABASE_NAME, SECRET_NAME } from '../config.ts'
import { type Finding, messageOf, ok, problem, warning } from './finding.ts'
import { checkErasures, checkLeftovers } from './leftovers.ts'

const MIB = 1024 * 1024
/** A server that can't write refuses recordings. */
const FREE = { warning: 1024 * MIB, problem: 128 * MIB }
/** File systems and clocks may be a little apart. */
const SLACK_MS = 60_000

/** DATA_DIR: whether it is ours alone, can be written, and has room; and what else can be told without opening anything in it. */
export async function checkDirectory({ dataDir, auth }: Pick<Config, 'dataDir' | 'auth'>, now: number): Promise<Finding[]> {
  const found = statSync(dataDir, { throwIfNoEntry: false })
  if (!found) return [ok('data directory', `${dataDir} is not there yet; the first start makes it.`)]
  if (!found.isDirectory())
    return [problem('data directory', `${dataDir} is not a directory. Name another one with DATA_DIR, or move that file away.`)]
  return [
    checkOwner(dataDir, found),
    await checkWritable(dataDir),
    await checkRoom(dataDir),
    checkTimes(dataDir, now),
    ...(await checkKey(dataDir, auth)),
    checkErasures(dataDir),
    checkLeftovers(dataDir),
  ]
}

function checkOwner(dataDir: string, { mode, uid }: Stats): Finding {
  const check = 'permissions'
  const open = [
    ...((mode & 0o077) === 0 ? [] : [`chmod 700 ${dataDir}`]),
    ...readdirSync(dataDir)
      .map((name) => join(dataDir, name))
      .filter((path) => isOpen(statSync(path, { throwIfNoEntry: false })))
      .map((path) => `chmod 600 ${path}`),
  ]
  if (open.length > 0) return problem(check, `Other accounts of this machine may get at what people said: ${open.join('; ')}.`)
  const us = process.getuid?.()
  if (us !== undefined && uid !== us)
    return warning(check, `${dataDir} belongs to another account (uid ${uid}, this is ${us}). Run the service, and this, as one account.`)
  return ok(check, 'The data directory is for this account only.')
}

const isOpen = (found: Stats | undefined): boolean => found?.isFile() === true && (found.mode & 0o077) !== 0

async function checkWritable(dataDir: string): Promise<Finding> {
  const probe = join(dataDir, `.doctor-${process.pid}`)
  try {
    await writeFile(probe, 'x', { mode: 0o600, flush: true })
    return ok('writable', 'The data directory can be written.')
  } catch (error) {
    return problem('writable', `${dataDir} can't be written (${messageOf(error)}). Check its permissions, its mount and its disk.`)
  } finally {
    await rm(probe, { force: true })
  }
}

async function checkRoom(dataDir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(dataDir)
  return roomOf(bavail * bsize)
}

export function roomOf(freeBytes: number): Finding {
  const free = `${Math.floor(freeBytes / MIB).toLocaleString('en')} MiB are free on the disk of the data directory`
  if (freeBytes < FREE.problem) return problem('disk', `${free}: soon recordings are refused. Make room now.`)
  if (freeBytes < FREE.warning) return warning('disk', `${free}: a backup, or an outage of Redis, may need more. Make room.`)
  return ok('disk', `${free}.`)
}

function checkTimes(dataDir: string, now: number): Finding {
  const written = statSync(join(dataDir, DATABASE_NAME), { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (written > now + SLACK_MS)
    return problem(
      'clock',
      `The data file was written at ${new Date(written).toISOString()}, and the clock of this machine says ${new Date(now).toISOString()}. Set it right (NTP) before anything is recorded.`,
    )
  return ok('clock', `The clock of this machine (${new Date(now).toISOString()}) is not behind what was written.`)
}

async function checkKey(dataDir: string, { required, secret, jwks }: Config['auth']): Promise<Finding[]> {
  const check = 'tokens'
  if (!required)
    return [
      warning(check, 'AUTH is off: whoever works on this machine may read and change everything. Leave it on, but for trying things out.'),
    ]
  const from = [secret && 'AUTH_JWT_SECRET', jwks && 'the key set'].filter(Boolean).join(' and ')
  if (from) return [ok(check, `Tokens are checked with ${from}.`)]
  if (!existsSync(join(dataDir, SECRET_NAME))) return [ok(check, `There is no ${SECRET_NAME} yet; the first start makes it.`)]
  try {
    await ownSecret(dataDir)
    return [ok(check, `Tokens are checked with ${SECRET_NAME} in the data directory.`)]
  } catch (error) {
    return [problem(check, messageOf(error))]
  }
}
