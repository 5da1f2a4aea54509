import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { StartError } from './errors.ts'
import { type Counselor, STAFF_ROLES } from './model.ts'

/** When somebody is on duty: on these days of the week (1 is Monday), from one time to another; past midnight where that is earlier. */
export interface Duty {
  days: readonly number[]
  /** Minutes after midnight. */
  from: number
  to: number
}

export interface StaffMember extends Counselor {
  duty: readonly Duty[]
  /** IANA name of the time zone of the duty hours. */
  zone: string
}

const Minutes = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'has to be a time such as 09:00')
  .transform((time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3)))
const Name = z.string().normalize('NFC').trim().min(1).max(200)
const Member = z.strictObject({
  sub: Name,
  name: Name,
  role: z.enum(STAFF_ROLES),
  duty: z.array(z.strictObject({ days: z.array(z.int().min(1).max(7)).min(1), from: Minutes, to: Minutes })).default([]),
  zone: z.string().refine(isTimeZone, 'is no time zone').optional(),
})
const File = z
  .array(Member)
  .max(10_000)
  .refine((members) => new Set(members.map(({ sub }) => sub)).size === members.length, 'names somebody twice')

const FORMAT =
  'It has to hold JSON such as [{"sub": "li", "name": "李老师", "role": "COUNSELOR", "duty": [{"days": [1, 2, 3, 4, 5], "from": "09:00", "to": "18:00"}], "zone": "Asia/Shanghai"}].'

/** Reads STAFF_FILE; `zone` is that of whoever names none. */
export function readStaff(file: string, zone: string): readonly StaffMember[] {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    if (error instanceof SyntaxError) throw new StartError(`${file} is not JSON. ${FORMAT}`)
    throw new StartError(`${file} can't be read. Give the path of a file that is there, or leave STAFF_FILE out.`)
  }
  const parsed = File.safeParse(json)
  if (!parsed.success) throw new StartError(`${file}: ${z.prettifyError(parsed.error).replaceAll('\n', ' ').slice(0, 500)}. ${FORMAT}`)
  return Object.freeze(parsed.data.map((member) => ({ ...member, zone: member.zone ?? zone })))
}

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** Whether somebody is on duty at a time. */
export function isOnDuty({ duty, zone }: StaffMember, at: number): boolean {
  const { day, minute } = localMoment(at, zone)
  const before = day === 1 ? 7 : day - 1
  return duty.some(({ days, from, to }) => {
    if (from < to) return days.includes(day) && minute >= from && minute < to
    return (days.includes(day) && minute >= from) || (days.includes(before) && minute < to)
  })
}

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const formats = new Map<string, Intl.DateTimeFormat>()

function localMoment(at: number, zone: string): { day: number; minute: number } {
  const known = formats.get(zone)
  const format =
    known ?? new Intl.DateTimeFormat('en', { timeZone: zone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  formats.set(zone, format)
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]))
  return { day: DAYS.indexOf(parts.weekday ?? '') + 1, minute: Number(parts.hour) * 60 + Number(parts.minute) }
}
