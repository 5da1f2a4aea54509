import { type FileHandle, open } from 'node:fs/promises'
import type { Config } from '../config.ts'
import { StartError } from '../errors.ts'
import { lines } from '../import/lines.ts'
import { Rejects } from '../import/rejects.ts'
import { type Counts, ImportRun, MAX_LINE_BYTES } from '../import/run.ts'
import { connect } from './client.ts'
import { startProgress } from './progress.ts'

export interface ImportReport extends Counts {
  file: string
  /** Where the rejected rows are. */
  rejectedFile: string | null
}

/** Records the rows of a JSON Lines file in constant memory, and prints what became of them. */
export async function importFile(
  config: Config,
  path: string,
  options: { json?: boolean; raiseAlerts?: boolean } = {},
): Promise<ImportReport> {
  const input = await openInput(path)
  try {
    const client = await connect(config)
    try {
      const rejects = await Rejects.beside(path)
      try {
        const counts = await importLines(new ImportRun(client, rejects, config.localTimeZone), input, options)
        const report = { file: path, ...counts, rejectedFile: counts.rejected > 0 ? rejects.path : null }
        console.log(options.json ? JSON.stringify(report) : summary(report))
        return report
      } finally {
        await rejects.close()
      }
    } finally {
      await client.close()
    }
  } finally {
    await input.close()
  }
}

async function openInput(path: string): Promise<FileHandle> {
  try {
    const file = await open(path)
    if (!(await file.stat()).isDirectory()) return file
    await file.close()
  } catch (error) {
    const reason = error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'is not there' : "can't be read"
    throw new StartError(`${path} ${reason}. Give the path of a JSON Lines file.`)
  }
  throw new StartError(`${path} is a directory. Give the path of a JSON Lines file.`)
}

async function importLines(run: ImportRun, input: FileHandle, { raiseAlerts = false }: { raiseAlerts?: boolean }): Promise<Counts> {
  const stat = await input.stat()
  // What comes through a pipe can be read once, and from nowhere else.
  if (raiseAlerts && !stat.isFile()) throw new StartError('--raise-alerts reads the rows twice: put them into a file first.')
  const progress = startProgress(stat.size)
  const linesOf = () => lines(input.createReadStream({ autoClose: false, ...(stat.isFile() && { start: 0 }) }), MAX_LINE_BYTES)
  try {
    const now = Date.now()
    if (raiseAlerts) for await (const line of linesOf()) run.lookAhead(line, now)
    for await (const line of linesOf()) {
      await run.take(line)
      progress.update(line.end, run.counts.read)
    }
    await run.flush()
    return run.counts
  } finally {
    progress.stop()
    run.close()
  }
}

function summary({ file, read, recorded, beyondRetention, alreadyKnown, rejected, users, rejectedFile }: ImportReport): string {
  const figures: [number, string][] = [
    [read, `rows read from ${file}`],
    [recorded, 'recorded'],
    [beyondRetention, 'of these counted but not kept, being beyond what the retention keeps'],
    [alreadyKnown, 'already known'],
    [rejected, rejectedFile ? `rejected: ${rejectedFile} says why` : 'rejected'],
    [users, 'users'],
  ]
  const width = String(read).length
  return figures.map(([count, what]) => `${String(count).padStart(width)} ${what}`).join('\n')
}
