import { describe, expect, test } from 'vitest'
import { generateHistory, type Invented } from '../../src/demo/history.ts'
import { DAY_MS, isRisky } from '../../src/model.ts'
import { freshSettings, serving } from './xinyi.ts'

const NOW = Date.UTC(2026, 10, 20, 12)
const history = (options = {}): Invented[] => [...generateHistory({ seed: 1, users: 100, now: NOW, ...options })]

describe('the invented history', () => {
  test('is the same for the same seed, users and time, and another for another seed', () => {
    expect(history()).toEqual(history())
    expect(history({ seed: 2 })).not.toEqual(history())
    expect(history({ users: 10 })).toEqual(history().filter(({ userId }) => userId <= 'demo-0010'))
  })

  test('covers three months until now, each user in the order of time', () => {
    const times = history().map(({ occurredAt }) => occurredAt)
    expect(Math.max(...times)).toBeLessThanOrEqual(NOW)
    expect(Math.min(...times)).toBeGreaterThan(NOW - 92 * DAY_MS)
    const all = history()
    for (const [i, said] of all.entries()) {
      const before = all[i - 1]
      if (before?.userId === said.userId) expect(said.occurredAt).toBeGreaterThan(before.occurredAt)
    }
  })

  test('puts people of every risk level at risk within the last day', () => {
    const lately = history().filter(({ riskLevel, occurredAt }) => isRisky(riskLevel) && NOW - occurredAt < DAY_MS)
    expect(new Set(lately.map(({ riskLevel }) => riskLevel))).toEqual(new Set(['MEDIUM', 'HIGH', 'IMMINENT']))
  })

  test('is in Chinese and English, with scores between -1 and 1', () => {
    const chinese = history().filter(({ query }) => /\p{Script=Han}/u.test(query))
    expect(chinese.length / history().length).toBeGreaterThan(0.4)
    expect(chinese.length / history().length).toBeLessThan(0.8)
    for (const { emotionScore } of history()) expect(Math.abs(emotionScore ?? 0)).toBeLessThanOrEqual(1)
  })
})

test('demo fills an empty data set with what a dashboard wants to see, and serves it; the second time it adds nothing', async () => {
  const settings = freshSettings()
  const server = await serving('demo', settings)
  expect(server.said[0]).toMatch(/^The demo has invented 300 users and \d{4} conversations\.$/)
  const question = `{ overview { users openAlerts } topics(first: 100) { edges { userCount } }
    users(first: 3, orderBy: RISK_DESC) { edges { node { currentRisk conversations { edges { node { query } } } emotionTrend { count } } } } }`
  const answer = await server.query(question)
  expect(answer).toMatchObject({
    data: {
      overview: { users: 300, openAlerts: expect.any(Number) },
      users: { edges: [{ node: { currentRisk: 'IMMINENT' } }, {}, {}] },
    },
  })
  await server.stop()
  const again = await serving('demo', settings)
  expect(again.said[0]).toBe('This data set holds 300 users already, so the demo adds none.')
  expect(await again.query(question)).toEqual(answer)
})
