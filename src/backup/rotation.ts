import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '../errors.ts'

/** How many days, weeks and months a backup is kept of: the newest of each. */
export interface Keep {
  d: number
  w: number
  m: number
}

const NAME = /^xinyi-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z\.backup$/
const MOST = 10_000

/** Names sort by their times. */
export const backupName = (at: Date): string => `xinyi-${at.toISOString().slice(0, 19).replaceAll(':', '-')}Z.backup`

/** Such as `7d,4w,12m`. */
export function parseKeep(text: string): Keep {
  const keep: Keep = { d: 0, w: 0, m: 0 }
  for (const part of text.split(',')) {
    const [, count, unit] = /^ *(\d{1,5})([dwm]) *$/.exec(part) ?? []
    if (unit !== 'd' && unit !== 'w' && unit !== 'm') throw badKeep(text)
    keep[unit] = Number(count)
  }
  if (keep.d + keep.w + keep.m === 0 || Math.max(keep.d, keep.w, keep.m) > MOST) throw badKeep(text)
  return keep
}

const badKeep = (text: string): StartError =>
  new StartError(`--keep is ${JSON.stringify(text)}; give how many days, weeks or months to keep a backup of, such as 7d,4w or 14d,8w,12m.`)

/**
 * Which of these files are not kept. Of the days (UTC) that have a backup the last so many count, so that a time without backups takes none
 * away; the same of weeks, from Monday on, and months. The newest always stays, and so does what is no backup of ours.
 */
export function expendable(names: readonly string[], keep: Keep): string[] {
  const backups = names
    .filter((name) => NAME.test(name))
    .sort()
    .reverse()
  const kept = new Set(backups.slice(0, 1))
  const periods: [count: number, of: (day: string) => string][] = [
    [keep.d, (day) => day],
    [keep.w, mondayOf],
    [keep.m, (day) => day.slice(0, 7)],
  ]
  for (const [count, of] of periods) {
    const newest = new Map<string, string>()
    for (const name of backups) {
      const period = of(NAME.exec(name)?.[1] ?? '')
      if (!newest.has(period)) newest.set(period, name)
    }
    for (const name of [...newest.values()].slice(0, count)) kept.add(name)
  }
  return backups.filter((name) => !kept.has(name))
}

function mondayOf(day: string): string {
  const date = new Date(`${day}T00:00:00Z`)
  date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7))
  return date.toISOString().slice(0, 10)
}

/** Removes what is not kept of a directory of backups. Answers the names. */
export async function rotate(dir: string, keep: Keep): Promise<string[]> {
  const names = expendable(await readdir(dir), keep)
  for (const name of names) await rm(join(dir, name), { force: true })
  return names
}
