import { expect, test } from 'vitest'
import { inFallback, until } from '../helpers/joined.ts'
import { chatsOf, expectAllEqual, healed, heldReplica, ownRedis, type Site, savedCopy, site, totalOf } from './several.ts'

type Part = 'redis' | 'A' | 'B'

const orders: readonly { order: readonly Part[]; back: 'empty' | 'older' }[] = [
  { order: ['redis', 'A', 'B'], back: 'older' },
  { order: ['A', 'redis', 'B'], back: 'empty' },
  { order: ['B', 'A', 'redis'], back: 'older' },
  { order: ['B', 'redis', 'A'], back: 'empty' },
]

test.each(orders)(
  'everything ends and starts again in the order $order.0, $order.1, $order.2, with Redis $back: nothing is lost',
  async ({ order, back }) => {
    const server = await ownRedis({ persistence: back === 'empty' ? 'none' : 'rdb' })
    const [a, b] = [await site({ url: server.url }), await site({ url: server.url })]
    await healed(server, [a, b])
    await Promise.all([a.record('ann', ['a1'], { riskLevel: 'HIGH' }), b.record('bob', ['b1'], { topics: ['exams'] })])
    if (back === 'older') await savedCopy(server)
    await Promise.all([a.record('ann', ['a2']), b.record('ann', ['b2'])])
    await server.kill()
    await Promise.all([a.record('ann', ['a3']), b.record('bob', ['b3'])])
    await Promise.all([a.store.close(), b.store.close()])
    const opened: Record<'A' | 'B', Site> = { A: a, B: b }
    for (const part of order)
      if (part === 'redis') await server.restart()
      else {
        opened[part] = await opened[part].reopen({ url: server.url })
        await opened[part].record('ann', [`${part} again`])
      }
    const [againA, againB] = [opened.A, opened.B]
    await healed(server, [againA, againB])
    expect(await chatsOf(againA.store, 'ann')).toEqual(['A again', 'B again', 'a1', 'a2', 'a3', 'b2'])
    expect(await totalOf(againB.store, 'ann')).toBe(6)
    expect(await chatsOf(againA.store, 'bob')).toEqual(['b1', 'b3'])
    await expectAllEqual(server, [againA, againB])
  },
)

test('a new server that Redis leaves before everybody was taken over says so, until it has everybody', async () => {
  const server = await ownRedis()
  const a = await site({ url: server.url })
  await healed(server, [a])
  await a.record('ann', ['a1'])
  const held = heldReplica()
  const reached = held.before('replaceUsers')
  const b = await site({ url: server.url, path: held.path, seams: { replica: held.replica } })
  await reached
  expect(await b.store.status()).toMatchObject({ mode: 'PRIMARY', complete: true })
  await server.kill()
  expect(await until(b.store, inFallback)).toMatchObject({ complete: false })
  expect(await until(a.store, inFallback)).toMatchObject({ complete: true })
  held.goOn()
  await server.restart()
  await healed(server, [a, b])
  await b.store.pin('sqlite')
  expect(await b.store.status()).toMatchObject({ mode: 'FALLBACK', complete: true })
  expect(await chatsOf(b.store, 'ann')).toEqual(['a1'])
})
