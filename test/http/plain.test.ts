import { expect, test } from 'vitest'
import manifest from '../../src/gql/persisted-documents.json' with { type: 'json' }
import { ROLES } from '../../src/model.ts'
import { graphql, post, type RunningApp, startApp } from './app.ts'
import { bearer } from './tokens.ts'

const RECORD =
  'mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate durability user { totalChats } } }'
const QUERIES = Object.entries(manifest).flatMap(([id, text]) => (text.startsWith('query') ? [id] : []))
const RECORDING = Object.entries(manifest).find(([, text]) => text.startsWith('mutation RecordConversation('))?.[0] ?? ''
const input = { userId: 'ada', query: 'q', response: 'r', riskLevel: 'LOW', idempotencyKey: 'k' }

test('a plain request is answered as one is whose form has to be negotiated: the same status, type and body, whatever is wrong with it', async () => {
  const { url } = await startApp()
  await graphql(url, RECORD, { input })
  const bodies = [
    { query: '{ overview { users } }' },
    { query: RECORD, variables: { input } },
    { query: RECORD, variables: { input: { ...input, query: 'another' } } },
    { query: RECORD, variables: { input: { ...input, riskLevel: 'LOUD' } } },
    { query: RECORD },
    { query: 'query A { overview { users } } query B { topics { totalCount } }', operationName: 'B' },
    { query: 'query A { overview { users } } query B { topics { totalCount } }', operationName: 'C' },
    { query: 'query A { overview { users } } query B { topics { totalCount } }' },
    { query: '{ nothing }' },
    { query: '{' },
    { query: '' },
    {},
    { query: '{ overview { users } }', variables: null, operationName: null, extensions: {} },
    { query: '{ overview { users } }', variables: [] },
    { query: '{ overview { users } }', more: 1 },
    { documentId: 'unknown' },
    { documentId: 'unknown', query: '{ overview { users } }' },
    { query: 'subscription { storageStatus { mode } }' },
    [{ query: '{ overview { users } }' }],
  ]
  for (const accept of ['application/json', 'application/graphql-response+json'])
    for (const body of [...bodies.map((each) => JSON.stringify(each)), '{"query": ', 'null', '"{ overview { users } }"']) {
      const { plain, negotiated } = await bothWays(url, body, { accept })
      expect(plain).toEqual(negotiated)
    }
})

/** What is answered to a request that goes the short way, and then to the same one going the long way. */
async function bothWays(url: string, body: string, { accept = 'application/json', ...headers }: Record<string, string>) {
  const ask = async (accept: string) => {
    const answer = await post(url, body, { ...headers, accept })
    // What is as old as this may be a second older when it is asked for again.
    const text = (await answer.text()).replace(/"oldestOpenAgeSeconds":\d+/g, '"oldestOpenAgeSeconds":0')
    return { body, status: answer.status, type: answer.headers.get('content-type'), text }
  }
  return { plain: await ask(accept), negotiated: await ask(`${accept};charset=utf-8`) }
}

/** What the audit log says of each request, in their order, but for when it was. */
async function auditedOf({ app }: RunningApp): Promise<unknown[]> {
  await expect.poll(() => app.services.audit.owed).toBe(0)
  const { items } = await app.services.audit.page({ page: { take: 'first', limit: 1_000 } })
  const byRequest = Map.groupBy(items.toReversed(), ({ value }) => value.requestId)
  return [...byRequest.values()].map((entries) =>
    entries.map(({ value: { action, actor, outcome, fields, userId } }) => ({ action, actor, outcome, fields, userId })),
  )
}

for (const only of [false, true])
  test(`so is one of each role, ${only ? 'where only known documents are served' : 'also where it may not or asks for too much'}; and the audit log says the same of both`, async () => {
    const running = await startApp({ AUTH: 'on', TRUSTED_DOCUMENTS: only ? 'only' : 'allow', RATE_LIMIT_PER_MINUTE: '0' })
    const { url, config } = running
    const service = await bearer(config, { role: 'SERVICE', name: 'bot' })
    const variables = { input: { ...input, riskLevel: 'HIGH' } }
    const recording = JSON.stringify(
      only ? { documentId: RECORDING, variables } : { query: RECORD.replace(' user { totalChats }', ''), variables },
    )
    await post(url, recording, service)
    const words = 'user(userId: "ada") { conversations { edges { node { query } } } }'
    const bodies = [
      { query: `{ ${words} }` },
      { query: `{ ${words.replace('ada', 'nobody')} }` },
      { query: '{ user(userId: "ada") { context { text } } }' },
      { query: '{ overview { users } counselors { name } }' },
      { query: '{ auditLog { totalCount } }' },
      { query: '{ storage { backend } }' },
      { query: 'mutation { eraseUser(userId: "nobody", reason: "a trial") { userId removed { conversations } } }' },
      { query: 'mutation { acknowledgeRiskAlert(input: { alertId: "none" }) { alert { trigger { query } } } }' },
      { query: `{ ${Array.from({ length: 200 }, (_, i) => `a${i}: ${words}`).join(' ')} }` },
      { query: `{ ${'user(userId: "ada") { riskAlerts { edges { node { '.repeat(9)}` },
      ...QUERIES.map((documentId) => ({ documentId, variables: { userId: 'ada', first: 2 } })),
    ].map((body) => JSON.stringify(body))
    for (const role of ROLES) {
      const headers = await bearer(config, { role, name: role.toLowerCase() })
      for (const body of [recording, ...bodies]) {
        const { plain, negotiated } = await bothWays(url, body, headers)
        expect(plain).toEqual(negotiated)
      }
    }
    const audited = await auditedOf(running)
    // The first one, and with it what was there to be read, went one way only.
    const twice = audited.slice(1)
    expect(twice.length).toBeGreaterThan(10)
    expect(twice.filter((_, i) => i % 2 === 0)).toEqual(twice.filter((_, i) => i % 2 === 1))
  })
