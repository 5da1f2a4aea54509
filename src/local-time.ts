/** Times of day in a time zone, named as IANA does; times are milliseconds since 1970. */

const DAY_MS = 86_400_000
/** Zones change their offset on quarters of an hour, so what was found for one holds for all of it. */
const QUARTER_MS = 900_000

type Offset = (time: number) => number
const offsets = new Map<string, Offset>()
/** Of one zone; more are found out again. */
const MAX_DAYS = 10_000

function newOffset(timeZone: string): Offset {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  const find = (time: number): number => {
    const name = format.formatToParts(time).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT'
    const [, sign, hours = 0, minutes = 0, seconds = 0] = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(name) ?? []
    return (sign === '-' ? -1 : 1) * ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
  }
  const quarters = new Map<number, number>()
  const days = new Map<number, number | null>()
  return (time) => {
    // No zone changes its offset twice within a day: where it is the same at both ends it is so all day.
    const day = Math.floor(time / DAY_MS)
    const allDay = remembered(days, day, () => {
      const [first, last] = [find(day * DAY_MS), find((day + 1) * DAY_MS)]
      return first === last ? first : null
    })
    const quarter = Math.floor(time / QUARTER_MS)
    return allDay ?? remembered(quarters, quarter, () => find(quarter * QUARTER_MS))
  }
}

function remembered<T>(known: Map<number, T>, key: number, find: () => T): T {
  let value = known.get(key)
  if (value === undefined) {
    if (known.size === MAX_DAYS) known.clear()
    value = find()
    known.set(key, value)
  }
  return value
}

/** How far the clocks of a zone are ahead of UTC at a time, in milliseconds. */
function offsetAt(time: number, timeZone: string): number {
  let offset = offsets.get(timeZone)
  if (!offset) {
    offset = newOffset(timeZone)
    offsets.set(timeZone, offset)
  }
  return offset(time)
}

/** YYYY-MM-DDTHH:MM:SS.mmm, without a zone. */
const localIso = (time: number, timeZone: string): string => new Date(time + offsetAt(time, timeZone)).toISOString().slice(0, -1)

/** YYYY-MM-DD. */
export const localDate = (time: number, timeZone: string): string => localIso(time, timeZone).slice(0, -13)

/** As the predecessor wrote it: 26 characters without a zone, 19 when the fraction is 0. */
export const naiveTime = (time: number, timeZone: string): string =>
  localIso(time, timeZone)
    .concat('000')
    .replace(/\.000000$/, '')

/**
 * The time that a clock in the zone showed as `naive` (`2026-03-01T08:30:00`, fraction and all).
 * One that the clocks skipped is moved forward by what they skipped; of one that they showed twice, the first is meant.
 */
export function timeOfNaive(naive: string, timeZone: string): number {
  const asUtc = Date.parse(`${naive}Z`)
  // No zone changes its offset twice within two days, so one of these two holds then.
  const before = asUtc - offsetAt(asUtc - DAY_MS, timeZone)
  const after = asUtc - offsetAt(asUtc + DAY_MS, timeZone)
  return [before, after].find((time) => time + offsetAt(time, timeZone) === asUtc) ?? before
}

/** Whether IANA has a zone of this name. */
export const isTimeZone = (zone: string): boolean => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
