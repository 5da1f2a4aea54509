import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import * as z from 'zod'
import { StartError } from '../errors.ts'
import { settle } from '../store/audit/copy.ts'
import { inspectSnapshot } from '../store/sqlite/snapshot.ts'

/** Of the framing: one line of JSON, then the database, gzipped. */
const VERSION = 1
const MAX_MANIFEST_BYTES = 1024 * 1024

const count = z.int().min(0)
const Sum = z.object({ bytes: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) })
const Manifest = z.object({
  xinyiBackup: z.literal(VERSION),
  takenAt: z.iso.datetime(),
  contents: z.object({
    dataSetId: z.string(),
    epoch: z.string(),
    n: count,
    format: count,
    pendingWrites: count,
    positions: z.record(z.string(), count),
    rows: z.record(z.string(), count),
  }),
  database: Sum,
  compressed: Sum,
  /** Behind the database. */
  audit: z.object({ entries: count, file: Sum, compressed: Sum }).nullable().default(null),
})
/** The first line of a backup: what it holds, as of when, and the sizes and sums to know a damaged one by. */
export type Manifest = z.infer<typeof Manifest>
type Sum = z.infer<typeof Sum>

/** The files that a backup is made of, which nobody else uses. */
export interface Parts {
  database: string
  audit?: string | null
}

/** Writes a backup, for this account only; under its name stands either what was there before, or all of the new one. */
export async function writeBackup(file: string, { database, audit = null }: Parts): Promise<Manifest> {
  const takenAt = new Date().toISOString()
  const contents = inspectSnapshot(database)
  const entries = audit === null ? 0 : settle(audit)
  const draft = `${file}.part`
  const bodies = [`${draft}.gz`, `${draft}.audit.gz`] as const
  try {
    // What it comes to is only known at the end, and stands at the beginning.
    const packed = await pack(database, bodies[0])
    const packedAudit = audit === null ? null : await pack(audit, bodies[1])
    const manifest: Manifest = {
      xinyiBackup: VERSION,
      takenAt,
      contents,
      database: packed.whole,
      compressed: packed.compressed,
      audit: packedAudit && { entries, file: packedAudit.whole, compressed: packedAudit.compressed },
    }
    await rm(draft, { force: true })
    const out = await open(draft, 'wx', 0o600)
    try {
      await out.writeFile(`${JSON.stringify(manifest)}\n`)
      for (const body of audit === null ? bodies.slice(0, 1) : bodies)
        for await (const chunk of createReadStream(body)) await out.writeFile(chunk)
      await out.sync()
    } finally {
      await out.close()
    }
    await rename(draft, file)
    await syncDir(dirname(file))
    return manifest
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`The backup ${file} can't be written (${codeOf(error)}). Check the place, its permissions and the space there.`, {
      cause: error,
    })
  } finally {
    await Promise.all([draft, ...bodies].map((path) => rm(path, { force: true })))
  }
}

async function pack(file: string, into: string): Promise<{ whole: Sum; compressed: Sum }> {
  const [whole, compressed] = [summing(), summing()]
  const writer = createWriteStream(into, { mode: 0o600, flags: 'w' })
  await pipeline(createReadStream(file), whole.through, createGzip({ level: 6 }), compressed.through, writer)
  return { whole: whole.sum(), compressed: compressed.sum() }
}

/** The manifest of a backup. Throws a StartError where there is none, or one that this version does not know. */
async function readManifest(file: string): Promise<{ manifest: Manifest; bodyAt: number }> {
  const line = await firstLine(file)
  const parsed = jsonOf(line)
  const { data: version } = z.object({ xinyiBackup: z.int() }).safeParse(parsed)
  if (version && version.xinyiBackup > VERSION)
    throw new StartError(
      `${file} was written by a newer Xinyi (backup format ${version.xinyiBackup}; this one knows ${VERSION}). Restore it with that version.`,
    )
  const manifest = Manifest.safeParse(parsed).data
  if (!manifest)
    throw new StartError(`${file} is no backup of Xinyi, or its first line is damaged. Nothing was changed; take another backup.`)
  return { manifest, bodyAt: Buffer.byteLength(line) + 1 }
}

/** Takes the files out of a backup into new ones, for this account only, and checks them against the manifest; the audit log where there is one. Leaves no file where it throws. */
export async function unpackBackup(file: string, into: Required<Parts>): Promise<Manifest> {
  const { manifest, bodyAt } = await readManifest(file)
  const { database, compressed, audit } = manifest
  const { size } = await stat(file)
  if (size !== bodyAt + compressed.bytes + (audit?.compressed.bytes ?? 0)) throw damaged(file)
  try {
    await unpack(file, { from: bodyAt, compressed, whole: database, into: into.database })
    if (audit && into.audit !== null)
      await unpack(file, { from: bodyAt + compressed.bytes, compressed: audit.compressed, whole: audit.file, into: into.audit })
    return manifest
  } catch (error) {
    await Promise.all([into.database, into.audit ?? []].flat().map((path) => rm(path, { force: true })))
    throw error
  }
}

async function unpack(file: string, part: { from: number; compressed: Sum; whole: Sum; into: string }): Promise<void> {
  const { from, into } = part
  const [compressed, whole] = [summing(), summing()]
  try {
    const reader = createReadStream(file, { start: from, end: from + part.compressed.bytes - 1 })
    const writer = createWriteStream(into, { mode: 0o600, flags: 'wx', flush: true })
    await pipeline(reader, compressed.through, createGunzip(), whole.through, writer)
  } catch (error) {
    const code = codeOf(error)
    // Of zlib: the bytes themselves.
    if (code.startsWith('Z_')) throw damaged(file)
    throw new StartError(`${into} can't be written (${code}). Check the directory, its permissions and the space there.`, { cause: error })
  }
  if (differs(compressed.sum(), part.compressed) || differs(whole.sum(), part.whole)) throw damaged(file)
}

export async function syncDir(path: string): Promise<void> {
  const dir = await open(path)
  await dir.sync().finally(() => dir.close())
}

const damaged = (file: string): StartError =>
  new StartError(`The backup ${file} is damaged: it is not what its manifest says. Nothing was changed; take another backup.`)

const differs = (found: Sum, told: Sum): boolean => found.bytes !== told.bytes || found.sha256 !== told.sha256

/** Lets bytes through, and tells how many there were, and their sum. */
function summing(): { through: Transform; sum(): Sum } {
  const hash = createHash('sha256')
  let bytes = 0
  const through = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk)
      bytes += chunk.length
      done(null, chunk)
    },
  })
  return { through, sum: () => ({ bytes, sha256: hash.digest('hex') }) }
}

async function firstLine(file: string): Promise<string> {
  try {
    const handle = await open(file)
    try {
      const { size } = await stat(file)
      const { buffer } = await handle.read(Buffer.alloc(Math.min(size, MAX_MANIFEST_BYTES)), 0, Math.min(size, MAX_MANIFEST_BYTES), 0)
      return buffer.subarray(0, Math.max(0, buffer.indexOf(0x0a))).toString()
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw new StartError(`The backup ${file} can't be read (${codeOf(error)}). Check its path and permissions.`, { cause: error })
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason')
