import { getIntrospectionQuery } from 'graphql'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { LIMITS } from '../../src/graphql/limits.ts'
import { createGraphQL } from '../../src/graphql/yoga.ts'
import { ROLES, type Role } from '../../src/model.ts'
import { sqliteStore } from '../helpers/stores.ts'
import { type Loose, type Served, serve } from './serve.ts'

/** The first error of a query that somebody of these roles sends. */
async function refusal({ yoga }: Pick<Served, 'yoga'>, query: string, roles: readonly [Role, ...Role[]] | null): Promise<Loose> {
  const body = JSON.stringify({ query })
  const headers = { 'content-type': 'application/json' }
  const caller = roles && { sub: 'somebody', name: 'somebody', roles }
  const response = await yoga.fetch('http://localhost/graphql', { method: 'POST', headers, body }, { caller })
  return (await response.json()).errors?.[0]
}

const askingFor = {
  aliases: (n: number) => `{ ${Array.from({ length: n }, (_, i) => `a${i}: __typename`).join(' ')} }`,
  directives: (n: number) => `{ ${Array.from({ length: n }, () => '... @include(if: true) { __typename }').join(' ')} }`,
  conversations: (n: number) => `{ users(first: ${Math.ceil(n / 100)}) { edges { node { conversations(first: 100) { totalCount } } } } }`,
}

describe('what one operation may ask for depends on the role', () => {
  test.each(ROLES)('%s', async (role) => {
    const served = await serve(sqliteStore)
    const mayList = role === 'COUNSELOR' || role === 'SUPERVISOR'
    for (const limit of mayList ? (['aliases', 'directives', 'conversations'] as const) : (['aliases', 'directives'] as const)) {
      const most = LIMITS[role][limit]
      expect(await refusal(served, askingFor[limit](most), [role]), limit).toBeUndefined()
      served.reads.length = 0
      expect(await refusal(served, askingFor[limit](most + 1), [role]), limit).toMatchObject({
        message: `The operation asks for more than ${most.toLocaleString('en')} ${limit}.`,
        extensions: { code: 'QUERY_TOO_COMPLEX', hint: expect.any(String) },
      })
      expect(served.reads).toEqual([])
    }
  })

  test('the one that may the most counts, where somebody has several', async () => {
    const served = await serve(sqliteStore)
    const query = askingFor.aliases(LIMITS.SUPERVISOR.aliases)
    expect(await refusal(served, query, ['SERVICE', 'SUPERVISOR'])).toBeUndefined()
    expect(await refusal(served, query, ['SERVICE'])).toBeDefined()
  })

  test('a service can record 500 conversations at once', async () => {
    const served = await serve(sqliteStore)
    const input = Array.from({ length: 500 }, (_, i) => ({ userId: `u${i % 7}`, query: 'q', response: 'r' }))
    const query =
      'mutation ($input: [RecordConversationInput!]!) { recordConversations(input: $input) { duplicate durability conversation { id } alert { id level status } } }'
    const body = JSON.stringify({ query, variables: { input } })
    const caller = { sub: 'back end', name: 'back end', roles: ['SERVICE'] as const }
    const headers = { 'content-type': 'application/json' }
    const response = await served.yoga.fetch('http://localhost/graphql', { method: 'POST', headers, body }, { caller })
    const { data } = await response.json()
    expect(data.recordConversations).toHaveLength(500)
  })
})

describe('a document that would take long to validate is refused before that', () => {
  const repeated = `{ ${'overview { users } '.repeat(490)} }`
  const fragments = Array.from({ length: 120 }, (_, i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 2} overview { users } }`)
  const unfolding = `{ ...f0 } ${fragments.join(' ')} fragment f120 on Query { __typename } fragment f121 on Query { __typename }`
  const unused = `{ __typename } fragment f on Query { ${'overview { users } '.repeat(490)} }`
  test.each([
    ['fields that are repeated', repeated],
    ['fragments within fragments', unfolding],
    ['a fragment that is not used', unused],
  ])('%s', async (_, query) => {
    const served = await serve(sqliteStore)
    expect(await refusal(served, query, ['SUPERVISOR'])).toMatchObject({
      message: expect.stringMatching(/more than (100 repeated fields|10,000 fields)/),
      extensions: { code: 'QUERY_TOO_COMPLEX', hint: expect.any(String) },
    })
    expect(served.reads).toEqual([])
  })

  test('but not fragments that have a field in common', async () => {
    const served = await serve(sqliteStore)
    const parts = Array.from({ length: 40 }, (_, i) => `fragment f${i} on Overview { users openAlerts }`)
    expect(
      await refusal(served, `{ overview { ${parts.map((_, i) => `...f${i}`).join(' ')} } } ${parts.join(' ')}`, ['SUPERVISOR']),
    ).toBeUndefined()
  })

  test('fragments that spread themselves are told as such', async () => {
    const served = await serve(sqliteStore)
    const query = '{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }'
    expect(await refusal(served, query, ['SUPERVISOR'])).toMatchObject({ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } })
  })
})

describe('the schema', () => {
  const asked = [
    getIntrospectionQuery(),
    '{ __type(name: "User") { name } }',
    '{ ...f } fragment f on Query { x: __schema { types { name } } }',
  ]

  test('is told to those who may, and never to strangers', async () => {
    const { services } = await serve(sqliteStore)
    const { logger } = { logger: (await import('pino')).pino({ level: 'silent' }) }
    const config = loadConfig({ INTROSPECTION_ROLES: 'supervisor, ADMIN' })
    const served = { yoga: createGraphQL({ ...services, config }, { logger }) }
    for (const query of asked) {
      expect(await refusal(served, query, ['SUPERVISOR'])).toBeUndefined()
      for (const roles of [['SERVICE'], ['COUNSELOR'], null] as const)
        expect(await refusal(served, query, roles)).toMatchObject({
          extensions: { code: expect.stringMatching(/^(FORBIDDEN|UNAUTHENTICATED)$/), hint: expect.any(String) },
        })
    }
    expect(await refusal(served, '{ __typename }', ['SERVICE'])).toBeUndefined()
  })

  test('is not given away by what a name was probably meant to be', async () => {
    const served = await serve(sqliteStore)
    for (const query of [
      '{ userss { id } }',
      '{ users(frst: 1) { totalCount } }',
      '{ ... on Usr { id } }',
      '{ users(orderBy: RISK) { totalCount } }',
    ])
      for (const roles of [['SUPERVISOR'], null] as const) {
        const error = await refusal(served, query, roles)
        expect(error.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED')
        expect(error.message).not.toContain('Did you mean')
      }
  })
})
