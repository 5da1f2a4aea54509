import { describe, expect, test } from 'vitest'
import {
  EmotionTrendDocument,
  PersonDocument,
  PromptContextDocument,
  RiskAlertsDocument,
  StorageDocument,
  TopicsDocument,
  UsersDocument,
} from '../../src/gql/graphql.ts'
import { stores } from '../helpers/stores.ts'
import { seed, userName } from './seed.ts'
import { serve } from './serve.ts'

describe.each(stores)('the documents of the dashboard on 1,000 users in $name', (kind) => {
  test('answer in full', async () => {
    const { ask, run, services } = await serve(kind)
    await seed(services.store, { count: 1_000 })

    const { users, overview } = await ask(UsersDocument, { first: 20 })
    expect(overview).toEqual({ users: 1_000, activeUsers: 1_000, openAlerts: 300, unassignedHigh: 200, oldestOpenAgeSeconds: 999 * 60 })
    expect(users.totalCount).toBe(1_000)
    expect(users.edges.map(({ node }) => node.userId)).toEqual(Array.from({ length: 20 }, (_, i) => userName(i)))
    expect(users.edges[3]?.node).toMatchObject({
      totalChats: 3,
      totalRiskAlerts: 1,
      currentRisk: 'MEDIUM',
      attention: 'WATCH',
      lastActiveAt: '2026-11-20T11:57:00.000Z',
      createdAt: '2026-11-20T09:57:00.000Z',
      conversations: { edges: [{ node: { query: '问题 3 0 🙂', riskLevel: 'MEDIUM' } }] },
      riskAlerts: { edges: [{ node: { level: 'MEDIUM', status: 'OPEN' } }] },
    })
    expect(users.edges[3]?.node.topics.edges[0]).toEqual({ count: 3, node: expect.objectContaining({ name: '失眠' }) })
    expect(users.edges[3]?.node.emotions.edges.map(({ node }) => node.score)).toEqual([3 / 7, null, 3 / 7 - 0.2])

    const byRisk = await ask(UsersDocument, { first: 3, orderBy: 'RISK_DESC', filter: { minRisk: 'HIGH', hasOpenAlert: true } })
    expect(byRisk.users.edges.map(({ node }) => node.userId)).toEqual([userName(9), userName(19), userName(29)])

    const { user } = await ask(PersonDocument, { userId: userName(9) })
    expect(user).toMatchObject({
      summary: '该用户已咨询3次。主要困扰领域：压力, 焦虑, 工作。历史风险预警：1次。',
      conversations: { totalCount: 3 },
    })
    expect(user?.riskAlerts.edges[0]?.node).toMatchObject({
      level: 'IMMINENT',
      occurrences: 1,
      version: 1,
      trigger: { query: '问题 9 0 🙂' },
    })
    expect(user?.riskAlerts.edges[0]?.node.history.edges.map(({ node }) => node.kind)).toEqual(['RAISED'])

    const trend = await ask(EmotionTrendDocument, { userId: userName(3), window: 2 })
    expect(trend.user?.emotionTrend).toMatchObject({ count: 2, attention: 'WATCH' })
    expect(trend.user?.emotionTrend.mean).toBeCloseTo(3 / 7 - 0.1)
    expect(trend.user?.emotionTrend.movingAverage).toHaveLength(1)
    expect(trend.user?.emotionTrend.slopePerDay).toBeCloseTo(2.4)
    expect(trend.user?.emotions.edges).toHaveLength(3)

    const { topics } = await ask(TopicsDocument, { first: 3, users: 2 })
    expect(topics.totalCount).toBe(7)
    expect(topics.edges[0]).toMatchObject({ node: { name: '焦虑' } })
    expect(topics.edges[0]?.node.users.edges.map(({ node }) => node.userId)).toEqual([userName(0), userName(1)])

    const { riskAlerts } = await ask(RiskAlertsDocument, { first: 2, filter: { status: ['OPEN'], minLevel: 'MEDIUM' } })
    expect(riskAlerts.edges.map(({ node }) => [node.level, node.user.userId])).toEqual([
      ['IMMINENT', userName(999)],
      ['IMMINENT', userName(989)],
    ])

    const context = await ask(PromptContextDocument, { userId: userName(0), maxTurns: 1 })
    expect(context.user?.context.text).toMatch(/^第1轮（2026-11-20）：\n用户：问题 0 0 🙂\n咨询师：response 0-0\.\.\.$/)
    expect(context.user?.context.conversations).toHaveLength(1)

    const { data, extensions } = await run(StorageDocument, {})
    const backend = kind.name === 'redis' ? 'REDIS' : 'SQLITE'
    expect(data?.storage).toMatchObject({
      backend,
      mode: kind.name === 'redis' ? 'PRIMARY' : 'EMBEDDED',
      pendingWrites: 0,
      reconciliation: null,
    })
    expect(data?.storage.redis).toEqual(kind.name === 'redis' ? expect.objectContaining({ reachable: true }) : null)
    expect(extensions.storage).toEqual({ served: backend, pendingWrites: 0 })
  })
})
