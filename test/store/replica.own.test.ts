import { expect, test } from 'vitest'
import { pair } from './pair.ts'

test('an instance is alone if nobody else has ever written, in Redis or here, and nothing of its own has come back that it did not hold', async () => {
  const p = await pair()
  expect(p.here.isSoleWriter({}), 'nobody has written').toBe(true)
  p.here.beginOrigin('ours')
  await p.there.append([p.ours.recorded({ user: 'a' })])
  await p.follow()
  p.here.journal([p.ours.recorded({ user: 'a' })])
  expect(p.here.isSoleWriter({ ours: 1 })).toBe(true)
  expect(p.here.isSoleWriter({ ours: 1, theirs: 1 }), 'Redis has heard of others').toBe(false)
  expect(p.here.isSoleWriter({ ours: 3 }), 'Redis has what is not here').toBe(false)
  const head = p.open('elsewhere').seedHead('', 0)
  p.here.beginRebuild({ ...head, positions: { ours: 2 } })
  expect(p.here.isSoleWriter({ ours: 2 })).toBe(true)
  p.here.beginRebuild({ ...head, positions: { ours: 3 } })
  expect(p.here.isSoleWriter({ ours: 3 }), 'a copy of this data directory has gone on').toBe(false)
})

test('an instance is not alone that holds what others have written', async () => {
  const p = await pair()
  p.here.journal([p.theirs.recorded({ user: 'a' })])
  expect(p.here.isSoleWriter({})).toBe(false)
})

test('an instance is not alone that has given up what it held', async () => {
  const p = await pair()
  p.here.startOver({ epoch: p.here.facts().epoch, lineage: [] })
  expect(p.here.isSoleWriter({})).toBe(false)
})
