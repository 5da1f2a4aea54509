import { expect, test } from 'vitest'
import { backupName, expendable, parseKeep } from '../../src/backup/rotation.ts'

const at = (time: string) => backupName(new Date(time))
const DAY_MS = 86_400_000
const daily = (from: string, days: number) => Array.from({ length: days }, (_, i) => backupName(new Date(Date.parse(from) - i * DAY_MS)))
const kept = (names: readonly string[], keep: string) => {
  const gone = new Set(expendable(names, parseKeep(keep)))
  return names.filter((name) => !gone.has(name))
}

test('of daily backups the last seven stay, and the newest of each of the last four weeks', () => {
  // A Friday. Weeks begin on Mondays: the newest of the weeks before are Sundays.
  const names = daily('2026-11-27T03:20:00Z', 60)
  expect(kept(names, '7d,4w')).toEqual([...names.slice(0, 7), at('2026-11-15T03:20:00Z'), at('2026-11-08T03:20:00Z')])
  expect(kept(names, '1d,12m')).toEqual(
    [names[0], at('2026-10-31T03:20:00Z'), at('2026-09-30T03:20:00Z')].filter((name) => names.includes(name ?? '')),
  )
})

test('of several of one day the newest stays', () => {
  const names = [at('2026-11-27T12:00:00Z'), at('2026-11-27T03:20:00Z'), at('2026-11-26T23:59:59Z'), at('2026-11-26T00:00:00Z')]
  expect(kept(names, '2d')).toEqual([names[0], names[2]])
})

test('a time without backups takes none away, and the newest stays however old it is', () => {
  const names = [at('2026-11-27T00:00:00Z'), at('2026-03-01T00:00:00Z'), at('2025-01-01T00:00:00Z')]
  expect(kept(names, '3d')).toEqual(names)
  expect(kept(names, '0d,1w')).toEqual(names.slice(0, 1))
})

test('what has another name is never removed', () => {
  const others = ['notes.txt', 'xinyi.backup', 'xinyi-2026-11-27T03-20-00Z.backup.part', 'xinyi.db']
  expect(kept([at('2026-11-27T03:20:00Z'), ...others], '1d')).toEqual([at('2026-11-27T03:20:00Z'), ...others])
})

test.each(['', '7', 'd', '7x', '7d,', '0d,0w', '-1d', '99999d'])('--keep %j is refused with a sentence', (text) => {
  expect(() => parseKeep(text)).toThrow(/^--keep is .*; give how many days/)
})
