import { getIntrospectionQuery } from 'graphql'
import { describe, expect, test } from 'vitest'
import { storeUnavailable } from '../../src/errors.ts'
import { sqliteStore } from '../helpers/stores.ts'
import { serve, serveStore } from './serve.ts'

/** What somebody said: no answer but their own, no error and no log may hold it. */
const WORDS = 'ich kann nicht mehr'
const RECORD = 'mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate } }'

async function refused(query: string, variables?: Record<string, unknown>) {
  const { run, log } = await serve(sqliteStore)
  const answer = await run(query, variables)
  expect(JSON.stringify(answer)).not.toMatch(/kann|nicht/)
  expect(log.join('')).not.toMatch(/kann|nicht/)
  const [error] = answer.errors ?? []
  if (!error) throw new Error('nothing was refused')
  return error
}

describe('a request that is refused has a code, and nobody’s words', () => {
  test('when it can not be parsed', async () => {
    const error = await refused(`mutation { recordConversation(input: { query: "${WORDS}" "${WORDS}" `)
    expect(error).toMatchObject({
      message: 'Syntax Error: Expected Name, found String at line 1, column 69.',
      extensions: { code: 'GRAPHQL_PARSE_FAILED' },
    })
    expect((await serve(sqliteStore).then(({ run }) => run('{'))).extensions).toEqual({ storage: { served: 'SQLITE', pendingWrites: 0 } })
    for (const broken of [
      `{ user("${WORDS}") }`,
      `{ ${WORDS} "`,
      `{ user(userId: "${WORDS}\n") { id } }`,
      `"""${WORDS}`,
      `{ a(b: "\\u${WORDS}") }`,
      `{ a(b: 1${WORDS}) }`,
    ]) {
      expect((await refused(broken)).extensions.code, broken).toBe('GRAPHQL_PARSE_FAILED')
    }
  })

  test('when it is not valid', async () => {
    expect(await refused('{ user(userId: "a") { nothing } }')).toMatchObject({
      message: expect.stringContaining('Cannot query field "nothing"'),
      extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
    })
    const literals: Record<string, RegExp> = {
      [`{ users(first: "${WORDS}") { totalCount } }`]: /^Int cannot represent non-integer value\.$/,
      [`{ users(orderBy: "${WORDS}") { totalCount } }`]: /^Enum "UserOrder" cannot represent non-enum value\.$/,
      '{ users(orderBy: nicht_mehr) { totalCount } }': /^The value is none of the enum UserOrder\.$/,
      [`{ users(filter: { activeSince: "${WORDS}" }) { totalCount } }`]: /^DateTime must be RFC 3339/,
      [`{ users(filter: "${WORDS}") { totalCount } }`]: /^Expected value of type "UserFilter"\.$/,
      [`{ user(userId: { a: "${WORDS}" }) { id } }`]: /^String cannot represent a non string value\.$/,
      [`mutation { recordConversation(input: { query: "${WORDS}", response: "" }) { duplicate } }`]:
        /^Field "RecordConversationInput.userId" of required type "String!" was not provided\.$/,
    }
    for (const [query, message] of Object.entries(literals)) {
      expect(await refused(query), query).toMatchObject({
        message: expect.stringMatching(message),
        extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
      })
    }
  })

  test('also when the same document comes again', async () => {
    const { run } = await serve(sqliteStore)
    const query = '{ users(orderBy: nothing) { totalCount } }'
    const first = await run(query)
    expect(first.errors?.[0]?.message).toBe('The value is none of the enum UserOrder.')
    expect(await run(query)).toEqual(first)
    const broken = await run('{ users(')
    expect(await run('{ users(')).toEqual(broken)
  })

  test('when its variables have other types', async () => {
    const input = { userId: 'u', query: WORDS, response: WORDS }
    const values: [input: unknown, field: string, says: RegExp][] = [
      [{ ...input, emotionScore: WORDS }, 'input.emotionScore', /Float cannot represent non numeric value\.$/],
      [{ ...input, riskLevel: WORDS }, 'input.riskLevel', /none of the enum RiskLevel\.$/],
      [{ ...input, topics: ['a', [WORDS]] }, 'input.topics[1]', /String cannot represent a non string value\.$/],
      [{ ...input, occurredAt: WORDS }, 'input.occurredAt', /DateTime must be RFC 3339/],
      [{ ...input, [WORDS]: WORDS }, 'input', /A field is not defined by the input type RecordConversationInput\.$/],
      [{ query: WORDS, response: WORDS }, 'input', /Field "userId" of required type "String!" was not provided\.$/],
      [WORDS, 'input', /Expected type "RecordConversationInput"/],
      [null, 'input', /not to be null\.$/],
      [undefined, 'input', /a value of type "RecordConversationInput!" is required\.$/],
    ]
    for (const [value, field, says] of values) {
      expect(await refused(RECORD, { input: value }), field).toMatchObject({
        message: expect.stringMatching(says),
        extensions: { code: 'BAD_USER_INPUT', field },
      })
    }
    const nested = await refused('query ($text: String = "a") { users(filter: { topics: [$text] }) { totalCount } }', { text: null })
    expect(nested).toMatchObject({
      message: 'Argument "filter" has no value, or one of another type.',
      extensions: { code: 'BAD_USER_INPUT' },
    })
  })

  test('when a time has no zone, or is none', async () => {
    for (const time of [
      '2026-11-20T12:00:00',
      '2026-11-20',
      '2026-11-20T12:00Z',
      '2026-02-30T12:00:00Z',
      '1969-12-31T23:59:59Z',
      '2300-01-01T00:00:00Z',
      '2026-11-20 12:00:00Z',
      'now',
      '',
      0,
    ]) {
      const { code } = (await refused('query ($t: DateTime) { users(filter: { activeSince: $t }) { totalCount } }', { t: time })).extensions
      expect(code, String(time)).toBe('BAD_USER_INPUT')
    }
  })

  test('when it is no GraphQL request at all', async () => {
    const { yoga } = await serve(sqliteStore)
    const post = async (body: string) => {
      const response = await yoga.fetch('http://localhost/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
        body,
      })
      return [response.status, await response.text()] as const
    }
    for (const body of [
      `{"query": "${WORDS}`,
      '[]',
      '"x"',
      '{}',
      `{"query":"{ __typename }", "${WORDS}": 1}`,
      '{"query":"{ __typename }","variables":3}',
    ]) {
      const [status, text] = await post(body)
      expect([status, JSON.parse(text).errors[0].extensions.code], body).toEqual([400, 'BAD_USER_INPUT'])
      expect(text).not.toContain('kann')
    }
    const [, unknown] = await post(JSON.stringify({ query: 'query A { __typename }', operationName: WORDS }))
    expect(unknown).toContain('BAD_USER_INPUT')
    expect(unknown).not.toContain('kann')
    const get = await yoga.fetch(
      `http://localhost/graphql?query=${encodeURIComponent('{ __typename }')}&variables=${encodeURIComponent(WORDS)}`,
    )
    expect([get.status, await get.text()]).toEqual([400, expect.stringContaining('malformed JSON')])
  })
})

test('an unexpected error is masked, and logged under its request id without its message', async () => {
  const { store } = await sqliteStore.open()
  const { run, log } = await serveStore(store, { read: () => Promise.reject(new RangeError(`no room for ${WORDS}\n    at ${WORDS}`)) })
  const { data, errors } = await run('query ($userId: String!) { user(userId: $userId) { id } overview { users } }', { userId: WORDS })
  expect(log).toHaveLength(1)
  expect(data).toBeNull()
  const requestId = errors?.[0]?.extensions.requestId
  expect(errors?.[0]).toMatchObject({
    message: 'Something went wrong inside the service.',
    extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String) },
  })
  expect(JSON.stringify(errors)).not.toContain('kann')
  const line = log.find((text) => text.includes(String(requestId)))
  expect(JSON.parse(line ?? '{}')).toMatchObject({
    error: { name: 'RangeError', frames: expect.arrayContaining([expect.stringContaining('errors.test.ts')]) },
  })
  expect(log.join('')).not.toContain('kann')
})

test('a store that does not answer is an error of its own, also where only a part needs it', async () => {
  const { store } = await sqliteStore.open()
  const { run } = await serveStore(store, { read: () => Promise.reject(storeUnavailable(new Error('ECONNREFUSED'))) })
  const { data, errors, extensions } = await run('{ user(userId: "ada") { id } storage { backend } }')
  expect(data).toEqual({ user: null, storage: { backend: 'SQLITE' } })
  expect(errors).toMatchObject([{ path: ['user'], extensions: { code: 'STORE_UNAVAILABLE', hint: expect.stringContaining('Try again') } }])
  expect(JSON.stringify(errors)).not.toContain('ECONNREFUSED')
  expect(extensions.storage).toEqual({ served: 'SQLITE', pendingWrites: 0 })
})

describe('a query that asks for too much is refused before anything is read', () => {
  const bomb = Array.from({ length: 60 }, (_, i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`).join(' ')
  const pages = (n: number) =>
    `topics(first: ${n}) { edges { node { users(first: ${n}) { edges { node { emotions(first: ${n}) { totalCount } } } } } } }`
  const cases: Record<string, [query: string, says: RegExp]> = {
    depth: [
      `{ user(userId: "u") ${'{ conversations(first: 1) { edges { node { user '.repeat(3)} { id } ${'} } } }'.repeat(3)} }`,
      /more than 12 levels/,
    ],
    tokens: [`{ ${'__typename '.repeat(2_000)} }`, /more than 2,000 tokens/],
    aliases: [`{ ${Array.from({ length: 31 }, (_, i) => `a${i}: __typename`).join(' ')} }`, /more than 30 aliases/],
    directives: [
      `{ __typename ${'@skip(if: false) '.repeat(1)} ${Array.from({ length: 31 }, () => '... @include(if: true) { __typename }').join(' ')} }`,
      /more than 30 directives/,
    ],
    nodes: [`{ ${pages(100)} }`, /more than 25,000 nodes/],
    'nodes, by variables': [
      'query ($n: Int = 100) { topics(first: $n) { edges { node { users(first: $n) { edges { node { emotionTrend { mean } } } } } } } }',
      /nodes/,
    ],
    'nodes, below the topics of conversations': [
      '{ users(first: 10) { edges { node { conversations(first: 10) { edges { node { topics { users(first: 13) { totalCount } } } } } } } } }',
      /more than 25,000 nodes/,
    ],
    conversations: [
      '{ users(first: 50) { edges { node { conversations(first: 41) { edges { node { occurredAt } } } } } } }',
      /more than 2,000 conversations/,
    ],
    'conversations, in alerts': [
      '{ users(first: 100) { edges { node { riskAlerts { edges { node { trigger { query } } } } context { text } } } } }',
      /more than 2,000 conversations/,
    ],
    'unfolding fragments': [`{ ...f0 } ${bomb} fragment f60 on Query { __typename }`, /more than 100 repeated fields/],
  }
  test.each(Object.entries(cases))('%s', async (_, [query, says]) => {
    const { run, reads } = await serve(sqliteStore)
    const { data, errors } = await run(query)
    expect(data ?? null).toBeNull()
    expect(errors).toMatchObject([
      { message: expect.stringMatching(says), extensions: { code: 'QUERY_TOO_COMPLEX', hint: expect.any(String) } },
    ])
    expect(reads).toEqual([])
  })

  test('but not what GraphiQL and dashboards ask for', async () => {
    const { ask } = await serve(sqliteStore)
    const { __schema } = await ask(
      getIntrospectionQuery({ schemaDescription: true, inputValueDeprecation: true, directiveIsRepeatable: true }),
    )
    expect(__schema.types.length).toBeGreaterThan(40)
    await ask(
      'query ($n: Int!) { users(first: $n) { edges { node { conversations(first: $n) { edges { node { query topics { name } } } } } } } }',
      { n: 40 },
    )
  })
})

test('GraphiQL is served whole, with examples and nothing from elsewhere', async () => {
  const { yoga } = await serve(sqliteStore)
  const response = await yoga.fetch('http://localhost/graphql', { headers: { accept: 'text/html' } })
  const page = await response.text()
  expect(page).toContain('<title>Xinyi</title>')
  expect(page).toContain('subscription Alerts')
  expect(page).not.toMatch(/<(?:script|link)[^>]+(?:src|href)="https?:/)
})
