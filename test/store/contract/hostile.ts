import { expect, test } from 'vitest'
import { NOW } from '../../helpers/events.ts'
import { ALL, given, idsOf, type Open, walk } from './harness.ts'

const IDS = [
  '',
  ' ',
  ' leading and trailing ',
  'user:x:profile',
  'x:profile',
  'x:conversations',
  'a:b:c',
  '{braces}',
  '*',
  '?[a-z]',
  '%_',
  'tab\tand\nnewline\r',
  'NUL\0inside',
  '\0',
  '\u0001\u001f\u007f',
  '"quotes\' and \\ backslash',
  '__proto__',
  'constructor',
  'toString',
  'undefined',
  'null',
  '0',
  '-1',
  '1e3',
  '👩‍👩‍👧',
  'é',
  'e\u0301',
  '\uff61',
  '\u{10000}',
  '\ufeff',
  'i'.repeat(500),
  '汉'.repeat(500),
]
const TEXTS = [
  '',
  '\0',
  'a\0b',
  '\u2028\u2029',
  '"\\/\b',
  '$1 %s {{y}}',
  ']]>--',
  'é e\u0301',
  '😀'.repeat(16_000),
  '汉'.repeat(16_000),
  '[]',
  '{}',
  'null',
]
const SCORES = [
  0.1 + 0.2,
  1 / 3,
  -1e-7,
  5e-324,
  2.2250738585072014e-308,
  1.7976931348623157e308,
  -1.7976931348623157e308,
  9007199254740991,
  123456789.12345679,
  0,
  null,
]

export function hostile(open: Open): void {
  test('any id can name a user, and names that one only', async () => {
    const it = await given(open)
    await it.recordAll(IDS.map((user, i) => ({ user, id: 'c', query: `of ${i}`, riskLevel: 'HIGH' as const, topics: ['t'] })))
    await it.recordAll(IDS.map((user, i) => ({ user, id: 'd', query: `more of ${i}` })))
    const byBytes = IDS.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(idsOf(await it.ask({ kind: 'users', order: 'USER_ID_ASC', filter: {}, page: ALL }))).toEqual(byBytes)
    const walked = await walk((page) => it.ask({ kind: 'users', order: 'LAST_ACTIVE_DESC', filter: {}, page }), 5)
    expect(walked.map(({ userId }) => userId)).toEqual(byBytes.toReversed())
    expect(idsOf(await it.ask({ kind: 'topicUsers', name: 't', page: ALL }))).toEqual(byBytes)
    for (const [i, userId] of IDS.entries()) {
      expect(await it.user(userId)).toMatchObject({ userId, totalChats: 2, currentRisk: 'HIGH' })
      expect((await it.conversations(userId)).items.map(({ value }) => [value.userId, value.query])).toEqual([
        [userId, `more of ${i}`],
        [userId, `of ${i}`],
      ])
      const found = await it.ask({ kind: 'users', order: 'USER_ID_ASC', filter: { search: userId }, page: ALL })
      expect(idsOf(found)).toEqual(byBytes.filter((id) => id.startsWith(userId)))
      const alerts = await it.ask({ kind: 'userAlerts', userId, page: ALL })
      expect(alerts.items.map(({ value }) => value.userId)).toEqual([userId])
    }
    await it.reopen()
    for (const [i, user] of IDS.entries()) {
      const counts = await it.apply(it.origin.erased(user))
      expect(counts.removed).toMatchObject({ conversations: 2, emotions: 2, topics: 1, alerts: 1 })
      expect(await it.ask({ kind: 'overview' })).toMatchObject({ users: IDS.length - 1 - i, openAlerts: IDS.length - 1 - i })
    }
  })

  test('any id can name a conversation, and names that one only', async () => {
    const it = await given(open)
    await it.recordAll(IDS.map((id, i) => ({ id, query: `of ${i}` })))
    const byBytes = IDS.toSorted((a, b) => Buffer.compare(Buffer.from(b), Buffer.from(a)))
    expect(await it.ids()).toEqual(byBytes)
    expect((await walk((page) => it.ask({ kind: 'conversations', userId: 'u', page }), 3)).map(({ id }) => id)).toEqual(byBytes)
    expect((await walk((page) => it.ask({ kind: 'emotions', userId: 'u', page }), 3, 'last')).map(({ id }) => id)).toEqual(byBytes)
    for (const [i, id] of IDS.entries()) {
      expect(await it.ask({ kind: 'conversation', userId: 'u', id })).toMatchObject({ id, query: `of ${i}` })
      expect(await it.ask({ kind: 'emotion', userId: 'u', id })).toMatchObject({ id })
      expect(await it.record({ id, query: `of ${i}` })).toMatchObject({ type: 'duplicate' })
      expect(await it.record({ id, query: 'other' })).toMatchObject({ type: 'conflict' })
    }
  })

  test('any name can be a topic', async () => {
    const it = await given(open)
    await it.record({ topics: IDS })
    expect((await it.ask({ kind: 'userTopics', userId: 'u' })).map(({ name }) => name).toSorted()).toEqual(IDS.toSorted())
    const byBytes = IDS.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect((await walk((page) => it.ask({ kind: 'topics', page }), 4)).map(({ name }) => name)).toEqual(byBytes)
    for (const name of IDS) {
      expect(await it.ask({ kind: 'topic', name })).toEqual({ name, userCount: 1 })
      expect(idsOf(await it.ask({ kind: 'users', order: 'RISK_DESC', filter: { topics: [name] }, page: ALL }))).toEqual(['u'])
    }
    expect((await it.conversations()).items[0]?.value.topics).toEqual(IDS)
    await it.tell(it.origin.cleared('u'))
    expect(await it.ask({ kind: 'topics', page: ALL })).toMatchObject({ items: [], total: 0 })
  })

  test('any origin can send', async () => {
    const it = await given(open)
    for (const name of IDS) {
      const event = { ...it.origin.recorded({ id: `from ${name}` }), origin: name, seq: 1 }
      expect(await it.append([event, event])).toMatchObject([{ type: 'applied' }, { type: 'known', position: 1 }])
    }
    expect((await it.log(0, 100)).map(({ event }) => event?.origin)).toEqual(IDS)
  })

  test('any text comes back as it was, in conversations, triggers and the log', async () => {
    const it = await given(open)
    for (const [i, text] of TEXTS.entries()) {
      await it.record({ user: `u${i}`, id: 'c', query: text, response: `${text}\0`, riskLevel: 'HIGH' })
    }
    await it.reopen()
    const log = await it.log(0, 100)
    for (const [i, text] of TEXTS.entries()) {
      const said = { query: text, response: `${text}\0` }
      expect(await it.ask({ kind: 'conversation', userId: `u${i}`, id: 'c' })).toMatchObject(said)
      const { items } = await it.ask({ kind: 'userAlerts', userId: `u${i}`, page: ALL })
      expect(items[0]?.value.trigger).toMatchObject(said)
      expect(log[i]?.event?.payload).toMatchObject(said)
    }
  })

  test('any score comes back exactly', async () => {
    const it = await given(open)
    await it.recordAll(SCORES.map((emotionScore, i) => ({ id: String(i), emotionScore })))
    await it.reopen()
    for (const [i, score] of SCORES.entries()) {
      expect((await it.ask({ kind: 'emotion', userId: 'u', id: String(i) }))?.score).toBe(score)
      expect((await it.ask({ kind: 'conversation', userId: 'u', id: String(i) }))?.emotionScore).toBe(score)
    }
    const log = await it.log(0, 100)
    expect(log.map(({ event }) => (event?.kind === 'recorded' ? event.payload.emotionScore : undefined))).toEqual(SCORES)
  })

  test('minus zero is zero', async () => {
    const it = await given(open)
    await it.record({ id: 'c', emotionScore: -0 })
    const [point, conversation] = [await it.emotions(), await it.ask({ kind: 'conversation', userId: 'u', id: 'c' })]
    expect([point[0]?.score, conversation?.emotionScore]).toEqual([0, 0])
    const [entry] = await it.log(0, 1)
    expect(entry?.event?.payload).toMatchObject({ emotionScore: 0 })
  })

  test('references up to the largest safe integer come back exactly', async () => {
    const it = await given(open)
    await it.recordAll([0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER].map((references) => ({ id: String(references), references })))
    expect((await it.conversations()).items.map(({ value }) => value.references === Number(value.id))).toEqual([true, true, true, true])
  })

  test('a page of the longest texts, of many users at once', async () => {
    const it = await given(open)
    const query = '汉'.repeat(16_000)
    await it.recordAll(
      Array.from({ length: 40 }, (_, i) => ({ user: `u${i % 4}`, id: `c${i}`, query, response: query, acceptedAt: NOW + i })),
    )
    const pages = await it.read(
      [0, 1, 2, 3].map((i) => ({ kind: 'conversations', userId: `u${i}`, page: ALL }) as const),
      NOW,
    )
    expect(pages.map(({ items }) => items.length)).toEqual([10, 10, 10, 10])
    expect(pages.every(({ items }) => items.every(({ value }) => value.query === query && value.response === query))).toBe(true)
  })
}
