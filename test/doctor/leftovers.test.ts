import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkErasures, checkLeftovers } from '../../src/doctor/leftovers.ts'
import { noteErasures } from '../../src/store/sqlite/erasure-file.ts'
import { tempDir } from '../helpers/temp.ts'

function place(): string {
  const dir = tempDir()
  onTestFinished(dir.remove)
  return dir.path
}

test('doctor finds a note of who was erased that can not be read, whole or in part', () => {
  const dir = place()
  const note = join(dir, 'xinyi.erased')
  expect(checkErasures(dir)).toMatchObject({ level: 'ok', says: 'Nobody was erased yet.' })
  mkdirSync(note)
  expect(checkErasures(dir)).toMatchObject({ level: 'problem', says: expect.stringMatching(/can't be read \(EISDIR/) })
  rmdirSync(note)
  noteErasures(note, 'a'.repeat(64), [['b'.repeat(64), 1]])
  expect(checkErasures(dir)).toMatchObject({ level: 'ok', says: expect.stringMatching(/knows 1 who were erased/) })
  writeFileSync(note, 'x\n', { flag: 'a' })
  expect(checkErasures(dir)).toMatchObject({ level: 'problem', says: expect.stringMatching(/^1 of the lines .+ can't be read/) })
})

test('doctor tells of what a restore has moved aside, which erasures do not reach', () => {
  const dir = place()
  writeFileSync(join(dir, 'xinyi.db'), '')
  expect(checkLeftovers(dir).level).toBe('ok')
  writeFileSync(join(dir, 'xinyi.db.replaced-1700000000000'), '')
  writeFileSync(join(dir, 'set-aside-2026-11-28T03-00-00.000Z.jsonl'), '')
  expect(checkLeftovers(dir)).toMatchObject({
    level: 'warning',
    says: expect.stringMatching(/set-aside-.+replaced-.+ still hold what people said/),
  })
})
