import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isOnDuty, readStaff } from '../src/staff.ts'
import { STAFF } from './helpers/staff.ts'
import { tempDir } from './helpers/temp.ts'

function written(content: unknown): string {
  const dir = tempDir()
  onTestFinished(dir.remove)
  const file = join(dir.path, 'staff.json')
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

const li = { sub: 'li', name: '李老师', role: 'COUNSELOR' }

test('a file lists who works here, with duty hours in a time zone', () => {
  const duty = [{ days: [1, 5], from: '09:00', to: '24:00' }]
  expect(
    readStaff(
      written([
        { ...li, duty, zone: 'Europe/Berlin' },
        { ...li, sub: 'b' },
      ]),
      'Asia/Shanghai',
    ),
  ).toEqual([
    { ...li, duty: [{ days: [1, 5], from: 540, to: 1_440 }], zone: 'Europe/Berlin' },
    { ...li, sub: 'b', duty: [], zone: 'Asia/Shanghai' },
  ])
})

test.each([
  ['no JSON', '[', /is not JSON\. It has to hold/],
  ['an unknown role', [{ ...li, role: 'SERVICE' }], /role/],
  ['a time that is none', [{ ...li, duty: [{ days: [1], from: '9', to: '25:00' }] }], /such as 09:00/],
  ['somebody twice', [li, li], /names somebody twice/],
  ['a zone that is none', [{ ...li, zone: 'Mars/Olympus' }], /no time zone/],
])('%s is refused with what is wrong', (_, content, message) => {
  expect(() => readStaff(written(content), 'UTC')).toThrow(message)
})

test('a file that is not there is refused', () => {
  expect(() => readStaff('/nowhere/staff.json', 'UTC')).toThrow(/can't be read/)
})

test('somebody is on duty on their days and hours, by their own clock, also past midnight', () => {
  const at = (text: string) => Date.parse(`${text}+08:00`)
  const onDuty = (time: string) => STAFF.filter((member) => isOnDuty(member, at(time))).map(({ sub }) => sub)
  expect(onDuty('2026-11-20T08:59')).toEqual([])
  expect(onDuty('2026-11-20T09:00')).toEqual(['li'])
  expect(onDuty('2026-11-20T18:00')).toEqual(['wang', 'zhao'])
  expect(onDuty('2026-11-21T00:00')).toEqual(['wang'])
  expect(onDuty('2026-11-21T01:59')).toEqual(['wang'])
  expect(onDuty('2026-11-21T02:00')).toEqual([])
})
