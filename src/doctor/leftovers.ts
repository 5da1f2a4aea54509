import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DATABASE_NAME } from '../config.ts'
import { erasuresBeside, readErasures } from '../store/sqlite/erasure-file.ts'
import { type Finding, messageOf, ok, problem, warning } from './finding.ts'

/** The note of who was erased: without it a backup that is restored brings people back. */
export function checkErasures(dataDir: string): Finding {
  const check = 'erasures'
  const path = erasuresBeside(join(resolve(dataDir), DATABASE_NAME))
  try {
    const { marks, damaged } = readErasures(path)
    const known = [...marks.values()].reduce((sum, { size }) => sum + size, 0)
    if (damaged > 0)
      return problem(
        check,
        `${damaged} of the lines of ${path} can't be read: whoever they were about may come back with an older backup. Take them from a copy of the file, or take them out once no backup from before is kept any more.`,
      )
    return ok(check, known > 0 ? `${path} knows ${known} who were erased.` : 'Nobody was erased yet.')
  } catch (error) {
    return problem(
      check,
      `${path} can't be read (${messageOf(error)}). Until it can, nobody can be erased, and a backup may bring people back.`,
    )
  }
}

/** What restoring left for somebody to look at: it is read by nothing any more, and erasures do not reach it. */
export function checkLeftovers(dataDir: string): Finding {
  const check = 'leftovers'
  const found = readdirSync(dataDir).filter((name) => /^(set-aside-.*\.jsonl|.*\.db\.replaced-\d+(-wal)?)$/.test(name))
  if (found.length === 0) return ok(check, 'Nothing is left that a restore has moved aside.')
  return warning(
    check,
    `${found.map((name) => join(dataDir, name)).join(', ')} still hold${found.length === 1 ? 's' : ''} what people said, also of whoever was erased since: remove them when they are not needed.`,
  )
}
