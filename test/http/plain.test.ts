import { expect, test } from 'vitest'
import { graphql, post, startApp } from './app.ts'

const RECORD =
  'mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate durability user { totalChats } } }'
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
      const [plain, negotiated] = await Promise.all(
        [accept, `${accept};charset=utf-8`].map(async (accept) => {
          const answer = await post(url, body, { accept })
          return { body, status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() }
        }),
      )
      expect(plain).toEqual(negotiated)
    }
})
