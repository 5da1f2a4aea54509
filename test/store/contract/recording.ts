import { expect, test } from 'vitest'
import { DAY_MS } from '../../../src/model.ts'
import { HOUR, MINUTE, NOW, Origin } from '../../helpers/events.ts'
import { given, type Open } from './harness.ts'

export function recording(open: Open): void {
  test('a recorded conversation can be asked for, with everything it was given', async () => {
    const it = await given(open)
    const said = { query: '我最近睡不好 😔', response: 'Tell me more.', riskLevel: 'LOW', emotionScore: -0.25, references: 3 } as const
    const outcome = await it.tell(
      it.origin.recorded({ user: 'Li Na', id: 'c1', occurredAt: NOW - MINUTE, ...said, topics: ['失眠', '压力'] }),
    )
    expect(outcome).toEqual({ type: 'applied', n: 1, kept: true, alertId: null, removed: null })
    const conversation = { id: 'c1', userId: 'Li Na', occurredAt: NOW - MINUTE, ...said, topics: ['失眠', '压力'] }
    expect(await it.ask({ kind: 'conversation', userId: 'Li Na', id: 'c1' })).toEqual(conversation)
    expect(await it.conversations('Li Na')).toEqual({
      items: [{ key: [NOW - MINUTE, 'c1'], value: conversation }],
      hasPrevious: false,
      hasNext: false,
      total: 1,
      resume: null,
    })
    const point = { id: 'c1', userId: 'Li Na', occurredAt: NOW - MINUTE, score: -0.25, riskLevel: 'LOW' }
    expect(await it.ask({ kind: 'emotion', userId: 'Li Na', id: 'c1' })).toEqual(point)
    expect(await it.emotions('Li Na')).toEqual([point])
    expect(await it.user('Li Na')).toEqual({
      userId: 'Li Na',
      createdAt: NOW - MINUTE,
      lastActiveAt: NOW - MINUTE,
      totalChats: 1,
      totalRiskAlerts: 0,
      currentRisk: 'LOW',
      attention: 'NONE',
      counselor: null,
    })
  })

  test('a conversation without a score has a point without a score', async () => {
    const it = await given(open)
    await it.record({ id: 'c', emotionScore: null })
    expect(await it.emotions()).toMatchObject([{ id: 'c', score: null }])
  })

  test('asking for what is not there answers null or an empty page, and creates nothing', async () => {
    const it = await given(open)
    const page = { limit: 5, take: 'first' } as const
    const nothing = { items: [], hasPrevious: false, hasNext: false, resume: null }
    expect(
      await it.read(
        [
          { kind: 'user', userId: 'nobody' },
          { kind: 'conversations', userId: 'nobody', page },
          { kind: 'conversation', userId: 'nobody', id: 'c' },
          { kind: 'emotions', userId: 'nobody', page },
          { kind: 'emotion', userId: 'nobody', id: 'c' },
          { kind: 'userTopics', userId: 'nobody' },
          { kind: 'topic', name: 'none' },
          { kind: 'topicUsers', name: 'none', page },
          { kind: 'alert', alertId: 'none' },
          { kind: 'userAlerts', userId: 'nobody', page },
          { kind: 'alertHistory', alertId: 'none', page },
          { kind: 'topics', page },
          { kind: 'alerts', page },
          { kind: 'users', order: 'USER_ID_ASC', filter: {}, page },
          { kind: 'overview' },
        ] as const,
        NOW,
      ),
    ).toEqual([
      null,
      { ...nothing, total: 0 },
      null,
      { ...nothing, total: 0 },
      null,
      [],
      null,
      { ...nothing, total: 0 },
      null,
      { ...nothing, total: 0 },
      { ...nothing, total: 0 },
      { ...nothing, total: 0 },
      { ...nothing, total: 0 },
      { ...nothing, total: 0 },
      { users: 0, activeUsers: 0, openAlerts: 0, unassignedHigh: 0, oldestOpenRaisedAt: null },
    ])
    expect(await it.store.status()).toMatchObject({ n: 0 })
  })

  test('one read answers many questions, in the order asked, each as if asked alone', async () => {
    const it = await given(open)
    for (const user of ['a', 'b', 'c']) await it.record({ user, id: `${user}1`, topics: ['work'] })
    const asked = ['c', 'a', 'nobody', 'b', 'a'].map(
      (userId) => ({ kind: 'conversations', userId, page: { limit: 3, take: 'first' } }) as const,
    )
    const together = await it.read(asked, NOW)
    expect(together).toEqual(await Promise.all(asked.map((each) => it.ask(each))))
    expect(together.map(({ items }) => items.map(({ value }) => value.id))).toEqual([['c1'], ['a1'], [], ['b1'], ['a1']])
    expect(await it.read([], NOW)).toEqual([])
  })

  test('the events of a batch are applied in order, and each is answered with its index', async () => {
    const it = await given(open)
    const again = { id: 'c1', query: 'again' }
    const outcomes = await it.recordAll([again, { id: 'c2' }, again, { id: 'c1', query: 'other' }, { user: 'v' }])
    expect(outcomes).toMatchObject([
      { type: 'applied', n: 1 },
      { type: 'applied', n: 2 },
      { type: 'duplicate', n: 3 },
      { type: 'conflict', n: 4 },
      { type: 'applied', n: 5 },
    ])
    expect(await it.append([])).toEqual([])
    expect(await it.store.status()).toMatchObject({ n: 5 })
  })

  test('a late event takes its place in the lists, not the head', async () => {
    const it = await given(open)
    await it.recordAll([3, 1, 5, 2, 4, 0].map((hour) => ({ id: `at ${hour}`, occurredAt: NOW - 10 * HOUR + hour * HOUR })))
    const newestFirst = ['at 5', 'at 4', 'at 3', 'at 2', 'at 1', 'at 0']
    expect(await it.ids()).toEqual(newestFirst)
    expect((await it.emotions()).map(({ id }) => id)).toEqual(newestFirst)
  })

  test('what happened at the same moment is ordered by the UTF-8 bytes of its id', async () => {
    const it = await given(open)
    await it.recordAll(['b', '\u{10000}', 'a', '\uff61', 'B', 'ab'].map((id) => ({ id })))
    expect(await it.ids()).toEqual(['\u{10000}', '\uff61', 'b', 'ab', 'a', 'B'])
    expect((await it.emotions()).map(({ id }) => id)).toEqual(['\u{10000}', '\uff61', 'b', 'ab', 'a', 'B'])
  })

  test('every conversation counts, and those of MEDIUM risk or above count as risk alerts', async () => {
    const it = await given(open)
    const levels = ['UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'IMMINENT'] as const
    await it.recordAll(levels.map((riskLevel) => ({ riskLevel })))
    expect(await it.user()).toMatchObject({ totalChats: 5, totalRiskAlerts: 3 })
    const conversations = await it.conversations()
    expect(conversations.items.map(({ value }) => value.riskLevel).sort()).toEqual([...levels].sort())
  })

  test('a user is created at the earliest and last active at the latest that occurred', async () => {
    const it = await given(open)
    await it.recordAll([
      { occurredAt: NOW - 2 * HOUR },
      { occurredAt: NOW - 9 * HOUR },
      { occurredAt: NOW - HOUR },
      { occurredAt: NOW - 3 * HOUR },
    ])
    expect(await it.user()).toMatchObject({ createdAt: NOW - 9 * HOUR, lastActiveAt: NOW - HOUR })
  })

  test('times from 1970 to the far future are kept to the millisecond', async () => {
    const it = await given(open)
    await it.recordAll([0, 1, 1e13 - 1, 1e13].map((occurredAt) => ({ occurredAt })))
    expect((await it.emotions()).map(({ occurredAt }) => occurredAt)).toEqual([1e13, 9_999_999_999_999, 1, 0])
    expect(await it.user()).toMatchObject({ createdAt: 0, lastActiveAt: 1e13 })
  })

  test('a repeat with the same content is a duplicate, with other content a conflict; neither changes anything', async () => {
    const it = await given(open)
    const said = { id: 'c', query: 'I am afraid', riskLevel: 'HIGH', topics: ['fear'] } as const
    const alertId = await it.record(said).then((outcome) => (outcome.type === 'applied' ? outcome.alertId : null))
    expect(alertId).toMatch(/^[0-9a-f]{40}$/)
    const before = await it.read([{ kind: 'user', userId: 'u' }, { kind: 'overview' }] as const, NOW)
    expect(await it.record({ ...said, acceptedAt: NOW + MINUTE })).toEqual({ type: 'duplicate', n: 2, alertId })
    expect(await it.record({ ...said, query: 'I am not afraid' })).toEqual({ type: 'conflict', n: 3 })
    expect(await it.read([{ kind: 'user', userId: 'u' }, { kind: 'overview' }] as const, NOW)).toEqual(before)
    expect(await it.topics()).toEqual({ fear: { count: 1, firstSeenAt: NOW, lastSeenAt: NOW } })
    expect(await it.alerts()).toMatchObject([{ occurrences: 1 }])
    expect(await it.record({ id: 'd' })).toMatchObject({ type: 'applied', n: 4 })
  })

  test('an id is known within its user only', async () => {
    const it = await given(open)
    await it.recordAll([{ user: 'a', id: 'same', query: 'one' }])
    expect(await it.record({ user: 'b', id: 'same', query: 'two' })).toMatchObject({ type: 'applied' })
    expect(await it.ask({ kind: 'conversation', userId: 'a', id: 'same' })).toMatchObject({ query: 'one' })
    expect(await it.ask({ kind: 'conversation', userId: 'b', id: 'same' })).toMatchObject({ query: 'two' })
  })

  test('an id stays known for 7 days by the acceptance of the repeat, however many came since', async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversations: 5, emotions: 5 }, NOW - 8 * DAY_MS))
    const first = { id: 'old', query: 'q', acceptedAt: NOW - 7 * DAY_MS }
    await it.recordAll([first, ...Array.from({ length: 1_000 }, (_, i) => ({ id: `c${i}`, acceptedAt: NOW - i }))])
    expect(await it.record({ ...first, acceptedAt: NOW })).toMatchObject({ type: 'duplicate' })
    expect(await it.user()).toMatchObject({ totalChats: 1_001 })
    expect(await it.record({ ...first, acceptedAt: NOW + 1 })).toMatchObject({ type: 'applied', kept: true })
    expect(await it.user()).toMatchObject({ totalChats: 1_002 })
    expect(await it.record({ ...first, acceptedAt: NOW + 7 * DAY_MS }), 'remembered anew').toMatchObject({ type: 'duplicate' })
  })

  test("a user's newest 1,000 ids stay known however old they are", async () => {
    const it = await given(open)
    await it.tell(it.origin.policy({ conversations: 5, emotions: 5 }, NOW - 90 * DAY_MS))
    const ids = Array.from({ length: 1_000 }, (_, i) => ({ id: `c${i}`, query: 'q', acceptedAt: NOW - 80 * DAY_MS + i }))
    await it.recordAll(ids)
    expect(await it.record({ ...ids[0], acceptedAt: NOW })).toMatchObject({ type: 'duplicate' })
    await it.store.sweep(NOW)
    expect(await it.record({ ...ids[0], acceptedAt: NOW })).toMatchObject({ type: 'duplicate' })
    await it.record({ id: 'one more', acceptedAt: NOW })
    expect(await it.record({ ...ids[1], acceptedAt: NOW })).toMatchObject({ type: 'duplicate' })
    expect(await it.record({ ...ids[0], acceptedAt: NOW })).toMatchObject({ type: 'applied' })
  })

  test("an origin's event counts once: what it sent before is known, what skips a number is a gap", async () => {
    const it = await given(open)
    const [one, two, three] = [it.origin.recorded(), it.origin.recorded(), it.origin.recorded()]
    if (!one || !two || !three) throw new Error()
    expect(await it.tell(two)).toEqual({ type: 'gap', position: 0 })
    expect(await it.append([one, three, one])).toMatchObject([
      { type: 'applied', n: 1 },
      { type: 'gap', position: 1 },
      { type: 'known', position: 1 },
    ])
    expect(await it.append([one, two, three])).toMatchObject([
      { type: 'known', position: 1 },
      { type: 'applied', n: 2 },
      { type: 'applied', n: 3 },
    ])
    expect(await it.user()).toMatchObject({ totalChats: 3 })
    await it.reopen()
    expect(await it.tell(two)).toEqual({ type: 'known', position: 3 })
    expect(await it.store.status()).toMatchObject({ n: 3 })
  })

  test('a void moves the position of its origin too', async () => {
    const it = await given(open)
    expect(await it.tell(it.origin.cleared('nobody'))).toEqual({ type: 'conflict', n: 1 })
    expect(await it.record({})).toMatchObject({ type: 'applied', n: 2 })
  })

  test('origins are numbered independently of each other', async () => {
    const it = await given(open)
    const other = new Origin()
    expect(await it.append([it.origin.recorded(), other.recorded(), other.recorded(), it.origin.recorded()])).toMatchObject([
      { n: 1 },
      { n: 2 },
      { n: 3 },
      { n: 4 },
    ])
  })

  test('topics are counted for each user, with when they were first and last met', async () => {
    const it = await given(open)
    await it.recordAll([
      { occurredAt: NOW - HOUR, topics: ['work', '失眠'] },
      { occurredAt: NOW - 3 * HOUR, topics: ['work'] },
      { occurredAt: NOW - 2 * HOUR, topics: [] },
    ])
    expect(await it.topics()).toEqual({
      work: { count: 2, firstSeenAt: NOW - 3 * HOUR, lastSeenAt: NOW - HOUR },
      失眠: { count: 1, firstSeenAt: NOW - HOUR, lastSeenAt: NOW - HOUR },
    })
  })
}
