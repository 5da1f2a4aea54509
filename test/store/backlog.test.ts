import { expect, onTestFinished, test, vi } from 'vitest'
import { Backlog } from '../../src/store/failover/backlog.ts'

/** What is noted every half second; answers how long the next batch has to wait after each. */
function delays(events: readonly number[]): number[] {
  let now = 1_000
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  onTestFinished(() => clock.mockRestore())
  const backlog = new Backlog()
  return events.map((count) => {
    now += 500
    backlog.note(count)
    return backlog.delayMs
  })
}

test('whoever writes is not slowed down while what Redis lacks becomes less', () => {
  expect(delays([9_000, 8_000, 7_900, 6_000, 4_000, 2_000])).toEqual([0, 0, 0, 0, 0, 0])
})

test('where it does not, they are slowed down until it is all there, though it becomes less then', () => {
  expect(delays([9_000, 8_000, 9_000, 8_000, 4_000, 500])).toEqual([0, 0, 0, 100, 100, 100])
})

test('a little does not matter, however long it lasts', () => {
  expect(delays([800, 800, 900, 1_000, 900, 1_000])).toEqual([0, 0, 0, 0, 0, 0])
})
