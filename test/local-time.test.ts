import { describe, expect, test } from 'vitest'
import { localDate, naiveTime, timeOfNaive } from '../src/local-time.ts'

const iso = (naive: string) => new Date(timeOfNaive(naive, 'Europe/Berlin')).toISOString()

describe('local time follows the clocks of its zone', () => {
  test('read: a time that was skipped is moved forward, of one that was shown twice the first is meant', () => {
    expect(iso('2026-07-01T12:00:00')).toBe('2026-07-01T10:00:00.000Z')
    expect(iso('2026-03-29T02:30:00')).toBe('2026-03-29T01:30:00.000Z')
    expect(iso('2026-10-25T02:30:00')).toBe('2026-10-25T00:30:00.000Z')
  })

  test('written: across midnight, and where the offset is no whole hour', () => {
    const time = Date.UTC(2026, 11, 31, 18, 30, 0, 7)
    expect(localDate(time, 'Asia/Shanghai')).toBe('2027-01-01')
    expect(localDate(time, 'America/New_York')).toBe('2026-12-31')
    expect(naiveTime(time, 'Asia/Kathmandu')).toBe('2027-01-01T00:15:00.007000')
    expect(naiveTime(time - 7, 'UTC')).toBe('2026-12-31T18:30:00')
  })
})
