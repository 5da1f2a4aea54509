import { expect, test } from 'vitest'
import { pair } from './pair.ts'

test('nobody counts as whole here who was to be taken over and never was, whatever is recorded of them later', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'a' })])
  await p.follow()
  p.here.markDirty(['b'])
  await p.there.append([p.theirs.recorded({ user: 'a' }), p.theirs.recorded({ user: 'b' })])
  await p.follow()
  expect(p.here.wholeAmong(['a', 'b'])).toEqual(['a'])
})

test('nor who could not be taken over when all others were', async () => {
  const p = await pair()
  await p.there.append([p.theirs.recorded({ user: 'a' }), p.theirs.recorded({ user: 'b' })])
  await p.follow()
  const { n, epoch, chain } = p.here.facts()
  p.here.beginRebuild({ ...p.open('elsewhere').seedHead('', 0), epoch, n, chain, trimmed: n, positions: { theirs: 2 } })
  p.here.noteRevs({ epoch, after: '', last: null, revs: [] })
  expect(p.here.wholeAmong(['a', 'b']), 'while everybody is taken over').toEqual([])
  await p.pull(['b'])
  p.here.letGo()
  expect(p.here.wholeAmong(['a', 'b'])).toEqual(['b'])
})
