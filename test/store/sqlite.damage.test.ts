import { describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { ALL, beginningOf, newPath, open, tamper } from './sqlite.files.ts'

describe('bad data spoils nothing but itself', () => {
  /** No number of ours is so large; JavaScript can't even tell it from its neighbours. */
  const HUGE = '9223372036854775807'
  const healthy = {
    createdAt: NOW - 5,
    lastActiveAt: NOW,
    totalChats: 2,
    totalRiskAlerts: 2,
    currentRisk: 'HIGH',
    attention: 'WATCH',
    counselor: null,
  }
  const recorded = { createdAt: NOW - 5, lastActiveAt: NOW + 2, totalChats: 3, totalRiskAlerts: 3, currentRisk: 'IMMINENT' }
  const alerted = { level: 'IMMINENT', status: 'OPEN', occurrences: 3, raisedAt: NOW, lastSeenAt: NOW + 2, version: 2 }
  const topic = { name: 'work', count: 3, firstSeenAt: NOW - 5, lastSeenAt: NOW + 2 }

  /** What is read of the one user, their alert and topic. */
  async function seen(store: Store) {
    const {
      answers: [user, { items }, userTopics, conversations, emotions, overview],
    } = await store.read(
      [
        { kind: 'user', userId: 'u' },
        { kind: 'alerts', page: ALL },
        { kind: 'userTopics', userId: 'u' },
        { kind: 'conversations', userId: 'u', page: ALL },
        { kind: 'emotions', userId: 'u', page: ALL },
        { kind: 'overview' },
      ] as const,
      NOW + 2,
    )
    const ids = [conversations, emotions].map((list) => list.items.map(({ value }) => value.id).join(''))
    return { user, alerts: items.map(({ value }) => value), topics: userTopics, ids, users: overview.users }
  }

  const cases: [sql: string, now?: object, then?: object, alert?: object, topic?: object][] = [
    ...['rev', 'accepted_at', 'stripped_at', 'alerts_raised', 'trend_day'].map((column): [string] => [
      `UPDATE users SET ${column} = ${HUGE}`,
    ]),
    [`UPDATE users SET created_at = ${HUGE}`, { createdAt: NOW }, { createdAt: NOW }],
    ['UPDATE users SET created_at = -1', { createdAt: NOW }, { createdAt: NOW }],
    ['UPDATE users SET last_active_at = 9007199254740993', { lastActiveAt: null }],
    [`UPDATE users SET total_chats = ${HUGE}`, { totalChats: 0 }, { totalChats: 1 }],
    ['UPDATE users SET total_risk_alerts = -1', { totalRiskAlerts: 0 }, { totalRiskAlerts: 1 }],
    ["UPDATE users SET last_points = '{'"],
    ['UPDATE users SET open_alert_level = 9'],
    ['UPDATE users SET open_alert_level = NULL'],
    ['UPDATE users SET current_risk = 7', { currentRisk: 'UNKNOWN' }],
    ["UPDATE users SET attention = 'x'", { attention: 'NONE' }],
    ['UPDATE alerts SET level = 9'],
    ["UPDATE alerts SET status = 'x'"],
    [`UPDATE alerts SET occurrences = ${HUGE}`, {}, {}, { occurrences: 2 }],
    ['UPDATE alerts SET raised_at = 9007199254740993', {}, {}, { raisedAt: 0 }],
    [`UPDATE alerts SET last_seen_at = ${HUGE}`],
    [`UPDATE alerts SET version = ${HUGE}`],
    ["UPDATE alerts SET exchange = '{'"],
    ...['acknowledged', 'resolved', 'escalation'].map((column): [string] => [`UPDATE alerts SET ${column} = '{'`]),
    [`UPDATE alerts SET due = ${HUGE}`],
    [`UPDATE alert_events SET place = ${HUGE} WHERE place = 0`],
    ["UPDATE alert_events SET kind = 'x', level = 9, at = -1"],
    [`UPDATE user_topics SET count = ${HUGE}`, {}, {}, {}, { count: 2 }],
    [`UPDATE user_topics SET first_seen_at = ${HUGE}`, {}, {}, {}, { firstSeenAt: 0 }],
    [`UPDATE user_topics SET last_seen_at = ${HUGE}`],
    [`UPDATE topics SET user_count = ${HUGE}`],
    [`UPDATE seen SET accepted_at = ${HUGE}`],
    ["UPDATE policies SET limits = '{'"],
    ["UPDATE policies SET limits = 'null'"],
    [`UPDATE policies SET limits = '{"conversations": "x", "emotions": null}'`],
    ['UPDATE meta SET n = 0, trimmed = 7'],
    [`UPDATE meta SET trimmed = ${HUGE}`],
  ]

  const damaged = async (sql: string) => {
    const path = newPath()
    const store = await openSqliteStore({ path })
    const origin = new Origin()
    const said = { user: 'u', topics: ['work'] }
    await store.append([
      origin.policy({ conversations: 50 }),
      origin.recorded({ ...said, id: 'a', riskLevel: 'HIGH', occurredAt: NOW - 5, acceptedAt: NOW }),
      origin.recorded({ ...said, id: 'b', riskLevel: 'MEDIUM', acceptedAt: NOW }),
    ])
    await store.close()
    tamper(path, sql)
    const next = origin.recorded({ ...said, id: 'c', acceptedAt: NOW + 2, riskLevel: 'IMMINENT' })
    const again = () => origin.recorded({ ...said, id: 'b', riskLevel: 'MEDIUM', acceptedAt: NOW })
    return { path, store: await open(path), origin, next, again }
  }

  test.each(cases)('%s', async (sql, now = {}, then = {}, alert = {}, counted = {}) => {
    const { store, origin, next, again } = await damaged(sql)
    const before = await seen(store)
    expect(before.user).toEqual({ userId: 'u', ...healthy, ...now })
    expect(before).toMatchObject({ alerts: [{ userId: 'u' }], topics: [{ name: 'work' }], ids: ['ba', 'ba'], users: 1 })
    expect((await store.log(await beginningOf(store), 10)).entries).toHaveLength(3)

    expect((await store.append([next, next, again()])).outcomes).toMatchObject([
      { type: 'applied', n: 4, kept: true, alertId: before.alerts[0]?.id },
      { type: 'known' },
      { type: 'duplicate', n: 5 },
    ])
    const after = await seen(store)
    expect(after.user).toMatchObject({ ...recorded, ...then })
    expect(after.alerts).toMatchObject([{ ...alerted, ...alert }])
    expect(after.topics).toEqual([{ ...topic, ...counted }])
    expect(after).toMatchObject({ ids: ['cba', 'cba'], users: 1 })

    await store.sweep(NOW + 3)
    expect((await store.append([origin.cleared('u', NOW + 3), origin.erased('u', NOW + 4)])).outcomes).toMatchObject([
      { type: 'applied', removed: { conversations: 3, emotions: 3, topics: 1 } },
      { type: 'applied', removed: { alerts: 1 } },
    ])
    expect(await seen(store)).toMatchObject({ user: null, alerts: [], users: 0 })
  })

  test.each([
    ["UPDATE users SET open_alert_id = 'lost'", 2],
    ['DELETE FROM alerts', 1],
    [`DELETE FROM alerts; UPDATE users SET alerts_raised = ${HUGE}`, 1],
    [`UPDATE users SET open_alert_id = NULL, alerts_raised = ${HUGE}`, 2],
  ])('%s: the next alert is raised beside what there is', async (sql, alerts) => {
    const { store, next } = await damaged(sql)
    expect((await seen(store)).user).toMatchObject(healthy)
    expect((await store.append([next])).outcomes).toMatchObject([{ type: 'applied', alertId: expect.any(String) }])
    const after = await seen(store)
    expect(after.user).toMatchObject(recorded)
    expect(after.alerts).toHaveLength(alerts)
  })

  test("another user's alert is not added to", async () => {
    const { path, store, origin, next } = await damaged('UPDATE users SET open_alert_id = NULL')
    await store.append([next, origin.recorded({ user: 'v', riskLevel: 'HIGH', acceptedAt: NOW + 1 })])
    await store.close()
    tamper(path, "UPDATE users SET open_alert_id = (SELECT open_alert_id FROM users WHERE user_id = 'v') WHERE user_id = 'u'")
    const again = await open(path)
    await again.append([origin.recorded({ user: 'u', riskLevel: 'HIGH', acceptedAt: NOW + 2 })])
    const alerts = (await seen(again)).alerts.filter(({ userId }) => userId === 'v')
    expect(alerts).toMatchObject([{ occurrences: 1 }])
  })

  test('a user that can not be read in full does not end the sweep', async () => {
    const { store, origin, next } = await damaged(`UPDATE users SET rev = ${HUGE}`)
    await store.append([next])
    await store.append(Array.from({ length: 150 }, (_, i) => origin.recorded({ user: `v${i}`, acceptedAt: NOW + 1 })))
    expect(await store.sweep(NOW + 2)).toMatchObject({ users: 151 })
  })
})
