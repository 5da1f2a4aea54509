import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { openReplica } from '../../src/store/failover/replica.ts'
import { MINUTE, NOW } from '../helpers/events.ts'
import { newDataFile } from '../helpers/joined.ts'
import { closed, countPacked, filledBy, OPTIONS } from './packs.ts'
import { behindTheirBacks, expectAllEqual, healed, ownRedis, site } from './several.ts'

const WEIRD = ['a\r\nb', 'nul\0x', '心怡😀', '$5\r\n', '*3\r\n', 'é'.repeat(100), '__proto__', '-1', '0', 'x:profile', ' ']

test('users whose packs are large enough to go from thread to thread without being copied are as they were', {
  timeout: 100_000,
}, async () => {
  const server = await ownRedis()
  const path = newDataFile()
  const replica = await openReplica(path)
  onTestFinished(() => replica.close().catch(() => {}))
  const a = await site({ url: server.url, path, seams: { replica } })
  await healed(server, [a])
  const acceptedAt = NOW - MINUTE
  const users = [...WEIRD, ...Array.from({ length: 3 }, (_, i) => `large ${i}`)]
  for (const user of users) {
    const size = user.startsWith('large') ? 30_000 : 500
    await a.tell(
      ...Array.from({ length: 4 }, (_, i) =>
        a.origin.recorded({
          user,
          id: `${i}`,
          acceptedAt,
          query: randomBytes(size).toString('base64'),
          topics: [`t${i}`, ...WEIRD.slice(0, 5)],
          emotionScore: 0.5,
        }),
      ),
    )
  }
  await healed(server, [a])
  const packedNow = async () => (await replica.packedUsers('', 1_000, OPTIONS)).packed.flatMap(({ users }) => users).length
  await expect.poll(packedNow, { timeout: 60_000, interval: 1_000 }).toBe(users.length)
  await filledBy(server, a)
  expect(countPacked(a)).toBe(users.length)
  const vocabulary = await behindTheirBacks(server, (redis) => redis.zscore('xinyi:vocabulary', '心怡😀'))
  expect(vocabulary).toBe(String(-users.length))
  await expectAllEqual(server, [a])
})

test('small packs, whose bytes lie in a pool with others, do not take it with them', async () => {
  const { path } = await closed()
  const replica = await openReplica(path)
  onTestFinished(() => replica.close())
  const first = await replica.packedUsers('', 1, OPTIONS)
  expect(first.packed.map(({ users }) => users)).toEqual([['ann']])
  for (let i = 0; i < 3; i += 1) expect(await replica.packedUsers('', 1, OPTIONS)).toEqual(first)
})
