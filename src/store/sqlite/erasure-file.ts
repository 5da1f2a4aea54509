import { closeSync, constants, existsSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Marks } from '../copy.ts'

/** What a file of erasures holds. */
export interface Erasures {
  /** Of each tombstone key, by marks: up to when. */
  readonly marks: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** The key of the newest line; null where there is none. */
  readonly newestKey: string | null
  /** Lines that can't be read. */
  readonly damaged: number
  /** Whether the last line was never written to its end. */
  readonly isTorn: boolean
}

/** Where the erasures are noted of the data set in this file. */
export const erasuresBeside = (path: string): string => `${path.replace(/\.db$/, '')}.erased`

const LINE = /^(([0-9a-f]{64}) ([0-9a-f]{64}) (\d{1,16})) ([0-9a-f]{8})$/
const NEWLINE = 0x0a

const lineOf = (text: string): string => `${text} ${crc32(text).toString(16).padStart(8, '0')}\n`

/**
 * Each line is a tombstone key, the mark of a user under it, a time (ms), and a checksum. The key is that of the data set: with it a mark can be made of a
 * given id and be recognised, but not be turned back; without it nobody would be recognised where the data file is lost.
 */
export function readErasures(path: string): Erasures {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const lines = text.split('\n')
  // What comes behind the last end of a line is no line.
  const isTorn = lines.pop() !== ''
  const marks = new Map<string, Map<string, number>>()
  let [newestKey, damaged]: [string | null, number] = [null, 0]
  for (const line of lines) {
    const [, said = '', key = '', mark = '', at] = LINE.exec(line) ?? []
    if (`${line}\n` !== lineOf(said)) {
      damaged += 1
      continue
    }
    newestKey = key
    const known = marks.get(key) ?? new Map<string, number>()
    marks.set(key, known.set(mark, Math.max(known.get(mark) ?? 0, Number(at))))
  }
  return { marks, newestKey, damaged, isTorn }
}

/** Adds lines, which are on the disk when this returns. Where it throws, none of them is there. */
export function noteErasures(path: string, key: string, marks: Marks): void {
  const isNew = !existsSync(path)
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  try {
    const end = cutTornLine(fd)
    const bytes = Buffer.from(marks.map(([mark, at]) => lineOf(`${key} ${mark} ${at}`)).join(''))
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written, bytes.length - written, end + written)
      fsyncSync(fd)
    } catch (error) {
      ftruncateSync(fd, end)
      throw error
    }
  } finally {
    closeSync(fd)
  }
  if (isNew) syncDir(dirname(path))
}

/** Takes away what was never written to its end. */
export function mendErasures(path: string): void {
  const fd = openSync(path, constants.O_RDWR)
  try {
    cutTornLine(fd)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Answers where the next line goes. */
function cutTornLine(fd: number): number {
  const { size } = fstatSync(fd)
  const last = Buffer.alloc(1)
  if (size === 0 || (readSync(fd, last, 0, 1, size - 1) === 1 && last[0] === NEWLINE)) return size
  const end = readFileSync(fd).lastIndexOf(NEWLINE) + 1
  ftruncateSync(fd, end)
  return end
}

function syncDir(path: string): void {
  const fd = openSync(path, constants.O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
