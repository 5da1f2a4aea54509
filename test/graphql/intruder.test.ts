import { describe, expect, test } from 'vitest'
import { globalId } from '../../src/graphql/ids.ts'
import { Seal } from '../../src/graphql/seal.ts'
import { stores } from '../helpers/stores.ts'
import { type Loose, type Served, serve } from './serve.ts'

const li = (served: Served): Served => {
  Object.assign(served.as, { sub: 'li', roles: ['COUNSELOR'] })
  return served
}
const chief = (served: Served): Served => {
  Object.assign(served.as, { sub: 'chief', roles: ['SUPERVISOR', 'ADMIN'] })
  return served
}

const record = (
  userId: string,
  key: string,
) => `${key}: recordConversation(input: { userId: "${userId}", query: "secret of ${userId}", response: "r",
  riskLevel: HIGH, emotionScore: 0.5, topics: ["sleep", "only ${userId}"], idempotencyKey: "${key}" }) { alert { id } }`
const assign = (userId: string, sub: string) =>
  `assignCounselor(input: { userId: "${userId}", counselorId: "${globalId({ type: 'Counselor', id: sub })}" }) { durability }`

/** Somebody of hers, and somebody of whom nothing may be found: not the name, nor a word, nor that they exist. */
async function afternoon(served: Served, other: string | null): Promise<string> {
  chief(served)
  const { a } = await served.ask(`mutation { ${record('ada', 'a')} ${assign('ada', 'li')} }`)
  expect(a.alert.id).toBeDefined()
  if (!other) return globalId({ type: 'RiskAlert', id: '0'.repeat(40) })
  const { b } = await served.ask(`mutation { ${record(other, 'b')} ${assign(other, 'wang')} }`)
  return b.alert.id
}

const OTHER = 'bob'
const topic = globalId({ type: 'Topic', id: `only ${OTHER}` })
const ids = (alertId: string) => [
  globalId({ type: 'User', id: OTHER }),
  globalId({ type: 'Conversation', userId: OTHER, id: 'b' }),
  globalId({ type: 'EmotionPoint', userId: OTHER, id: 'b' }),
  topic,
  alertId,
]

/** What she tries: each is answered as if the other did not exist. */
const TRIES: readonly string[] = [
  'query ($id: ID!) { node(id: $id) { id __typename } }',
  'query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on User { userId } ... on Conversation { query user { userId } } ... on RiskAlert { trigger { query } } ... on Topic { users { totalCount } } } }',
  `{ user(userId: "${OTHER}") { id } b: user(userId: "${OTHER}") { context { text } summary } }`,
  '{ users { totalCount pageInfo { endCursor startCursor hasNextPage hasPreviousPage } edges { cursor node { userId } } } }',
  ...['LAST_ACTIVE_DESC', 'RISK_DESC', 'CREATED_DESC', 'USER_ID_ASC'].map(
    (order) => `{ users(first: 1, orderBy: ${order}) { totalCount pageInfo { endCursor hasNextPage } edges { cursor node { userId } } } }`,
  ),
  ...[
    `search: "${OTHER}"`,
    'search: "b"',
    `topics: ["only ${OTHER}"]`,
    'topics: ["sleep"]',
    'minRisk: HIGH',
    'attention: WATCH',
    'hasOpenAlert: true',
    'unassigned: false',
    `counselorId: "${globalId({ type: 'Counselor', id: 'wang' })}"`,
    'activeSince: "2020-01-01T00:00:00Z"',
  ].map(
    (filter) =>
      `{ users(first: 1, filter: { ${filter} }) { totalCount pageInfo { endCursor startCursor hasNextPage } edges { node { userId } } } }`,
  ),
  '{ users(last: 5) { edges { node { userId conversations { edges { node { topics { users { totalCount edges { node { userId } } } } } } } } } } }',
  '{ riskAlerts { totalCount pageInfo { hasNextPage endCursor } edges { node { user { userId } } } } }',
  ...['status: [OPEN]', 'minLevel: HIGH', `assigneeId: "${globalId({ type: 'Counselor', id: 'wang' })}"`, 'unassigned: false'].map(
    (filter) => `{ riskAlerts(first: 1, filter: { ${filter} }) { totalCount pageInfo { hasNextPage endCursor } edges { node { id } } } }`,
  ),
  '{ topics { totalCount edges { userCount node { name users { totalCount edges { node { userId } } } } } } }',
  '{ overview { users activeUsers openAlerts unassignedHigh oldestOpenAgeSeconds } }',
  `{ node(id: "${globalId({ type: 'Counselor', id: 'wang' })}") { ... on Counselor { users { totalCount edges { node { userId } } } } } }`,
  `mutation { recordConversation(input: { userId: "${OTHER}", query: "q", response: "r", idempotencyKey: "b" }) { duplicate } }`,
  `mutation { clearHistory(userId: "${OTHER}") { removedConversations } }`,
  `mutation { eraseUser(userId: "${OTHER}", reason: "r") { removed { alerts } } }`,
  `mutation { ${assign(OTHER, 'li')} }`,
  `mutation { ${assign(OTHER, 'somebody')} }`,
  'mutation ($id: ID!) { acknowledgeRiskAlert(input: { alertId: $id, expectedVersion: 1 }) { alert { id user { userId } } } }',
  'mutation ($id: ID!) { a: addRiskAlertNote(input: { alertId: $id, note: "n" }) { alert { id } } }',
  'mutation ($id: ID!) { resolveRiskAlert(input: { alertId: $id, resolution: "r", expectedVersion: 99 }) { alert { id } } }',
  'mutation ($id: ID!) { escalateRiskAlert(input: { alertId: $id }) { alert { escalatedTo { name } } } }',
]

const PAGE_ARGS = '($first: Int, $last: Int, $after: String, $before: String)'
const PAGE = 'first: $first, last: $last, after: $after, before: $before'
const FOUND = 'totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node'
const LISTS: readonly string[] = [
  `users(${PAGE}, orderBy: USER_ID_ASC, filter: { topics: ["sleep"] }) { ${FOUND} { id: userId } } }`,
  `users(${PAGE}, orderBy: RISK_DESC) { ${FOUND} { id: userId } } }`,
  `riskAlerts(${PAGE}, filter: { status: [OPEN] }) { ${FOUND} { id } } }`,
]
const keyIn = (cursor: string): [digest: string, sort: number, id: string] => JSON.parse(Buffer.from(cursor, 'base64url').toString())

describe.each(stores)('an afternoon of trying to see the person of another in $name', (kind) => {
  /** What she is answered to everything, and what the store is asked for it, with somebody else there or not. */
  const answers = async (other: string | null): Promise<Map<string, unknown>> => {
    const served = await serve(kind)
    const alertId = await afternoon(served, other)
    // Each of the two stores has a seal of its own.
    const seal = new Seal(served.services.store.secret)
    const opened = (answer: object): unknown =>
      JSON.parse(JSON.stringify(answer).replace(/~[\w-]+/g, (cursor) => Buffer.from(seal.open(cursor) ?? '').toString('base64url')))
    const found = new Map<string, unknown>()
    for (const document of TRIES) {
      const id = document.includes('$id:') ? (document.includes('RiskAlert') ? [alertId] : ids(alertId)) : [alertId]
      for (const [i, one] of id.entries()) {
        served.reads.length = 0
        const { extensions: _, ...answer } = await li(served).run(document, { id: one, ids: ids(alertId) })
        // Nor does it take longer: there are as many reads, of the same kinds.
        found.set(`${document} ${i}`, { answer: opened(answer), reads: served.reads.map((batch) => batch.map(({ kind }) => kind)) })
      }
    }
    return found
  }

  test('ends with the answers that she would get if nobody else existed', async () => {
    const there = await answers(OTHER)
    const alone = await answers(null)
    for (const [document, answer] of there) {
      expect(answer, document).toEqual(alone.get(document))
      const text = JSON.stringify(answer)
      expect(text, document).not.toContain('secret of bob')
      for (const [, cursor] of text.matchAll(/"\w*[cC]ursor":"([^"]+)"/g))
        expect(Buffer.from(cursor ?? '', 'base64').toString(), document).not.toContain(OTHER)
    }
    expect(JSON.stringify([...there.values()])).toContain('ada')
  })

  test('finds that she has only been refused: nothing has happened to anybody', async () => {
    const served = await serve(kind)
    const alertId = await afternoon(served, OTHER)
    const seen = () =>
      chief(served).ask(
        `query ($id: ID!) { node(id: $id) { ... on RiskAlert { version status history { totalCount } user { totalChats counselor { name } conversations { totalCount } } } } }`,
        { id: alertId },
      )
    const before = await seen()
    for (const document of TRIES) await li(served).run(document, { id: alertId, ids: ids(alertId) })
    expect(await seen()).toEqual(before)
  })

  test('finds nobody with cursors that she makes herself or has from others: none of a list of people or alerts is taken but her own', async () => {
    const served = await serve(kind)
    await afternoon(served, OTHER)
    await served.ask(`mutation { ${record('zoe', 'z')} ${assign('zoe', 'wang')} }`)
    for (const list of LISTS) {
      const query = `query ${PAGE_ARGS} { list: ${list} }`
      const { list: all }: Loose = await chief(served).ask(query)
      const [digest, sort] = keyIn(all.edges[0].cursor)
      const { list: hers }: Loose = await li(served).ask(query)
      const refusal = await served.run(query, { after: 'nonsense' })
      expect(refusal.errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
      const made = [-1, 0, 1].flatMap((by) => ['', OTHER, 'zz'].map((id) => [digest, sort + by, id]))
      for (const cursor of [
        ...all.edges.map((edge: Loose) => edge.cursor),
        ...made.map((key) => Buffer.from(JSON.stringify(key)).toString('base64url')),
        `~${hers.edges[0].cursor.slice(2)}`,
      ])
        expect(await served.run(query, { first: 0, after: cursor }), cursor).toEqual(refusal)
      const { cursor } = hers.edges[0]
      expect(hers).toMatchObject({ edges: { length: 1 }, pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: cursor } })
      expect(await served.ask(query)).toEqual({ list: hers })
      const none = { edges: [], pageInfo: { hasNextPage: false, hasPreviousPage: true } }
      expect(await served.ask(query, { first: 1, after: cursor })).toMatchObject({ list: none })
      const backwards = { edges: [], pageInfo: { hasNextPage: true, hasPreviousPage: false } }
      expect(await served.ask(query, { last: 1, before: cursor })).toMatchObject({ list: backwards })
    }
  })

  test('finds no topic of others with a cursor that names it', async () => {
    const answers = async (other: string | null) => {
      const served = await serve(kind)
      await afternoon(served, other)
      const topics = `query ${PAGE_ARGS} { topics(${PAGE}) { ${FOUND} { name } } } }`
      const { topics: hers }: Loose = await li(served).ask(topics)
      const [digest] = keyIn(hers.edges[0].cursor)
      const heard: unknown[] = []
      for (const sort of [-3, -2, -1, 0])
        for (const name of ['', 'only ada', `only ${OTHER}`, 'zz']) {
          const cursor = Buffer.from(JSON.stringify([digest, sort, name])).toString('base64url')
          for (const variables of [
            { first: 1, after: cursor },
            { last: 1, before: cursor },
            { first: 0, after: cursor },
          ])
            heard.push((await served.run(topics, variables)).data)
        }
      return heard
    }
    expect(await answers(OTHER)).toEqual(await answers(null))
  })
})
