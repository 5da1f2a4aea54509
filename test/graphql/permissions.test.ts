import { type GraphQLInterfaceType, type GraphQLObjectType, isInterfaceType, isObjectType } from 'graphql'
import { describe, expect, test } from 'vitest'
import { permissions } from '../../scripts/permissions.ts'
import { PromptContextDocument, RecordConversationDocument } from '../../src/gql/graphql.ts'
import { requestContext } from '../../src/graphql/context.ts'
import { ruleOf } from '../../src/graphql/rights.ts'
import { schema } from '../../src/graphql/schema.ts'
import { type Caller, ROLES, type Role } from '../../src/model.ts'
import { sqliteStore } from '../helpers/stores.ts'
import { type Loose, RECORD, type Served, serve } from './serve.ts'

const types = Object.values(schema.getTypeMap()).filter(
  (type): type is GraphQLObjectType | GraphQLInterfaceType => (isObjectType(type) || isInterfaceType(type)) && !type.name.startsWith('__'),
)
const fields = types.flatMap((type) =>
  Object.values(type.getFields()).map((field) => ({ type, field, name: `${type.name}.${field.name}` })),
)
const callerOf = (...roles: [Role, ...Role[]]): Caller => ({ sub: 'li', name: 'li', roles })
const as = (served: Served, ...roles: [Role, ...Role[]]): Served => {
  Object.assign(served.as, { sub: 'li', roles })
  return served
}

describe('every field', () => {
  test('has a rule that says who may', () => {
    expect(fields.length).toBeGreaterThan(180)
    expect(fields.filter(({ type, field }) => ruleOf(type, field) === null).map(({ name }) => name)).toEqual([])
    expect(fields.filter(({ type, field }) => ruleOf(type, field)?.roles.length === 0).map(({ name }) => name)).toEqual([])
  })

  test('of an interface is for nobody who may not have it of all that stands behind it', () => {
    for (const type of types.filter(isInterfaceType)) {
      for (const field of Object.values(type.getFields())) {
        for (const possible of schema.getPossibleTypes(type)) {
          const found = possible.getFields()[field.name]
          expect(found && ruleOf(possible, found)?.roles, possible.name).toEqual(
            expect.arrayContaining([...(ruleOf(type, field)?.roles ?? [])]),
          )
        }
      }
    }
  })

  test.each([...ROLES, null])('asks %s for itself, whoever executes the schema, and refuses by its rule', async (role) => {
    const { services } = await serve(sqliteStore)
    const caller = role && callerOf(role)
    const decided: string[] = []
    for (const { type, field, name } of fields.filter(({ type }) => isObjectType(type))) {
      const context = requestContext(services, { caller })
      const info: Loose = {
        schema,
        parentType: type,
        fieldName: field.name,
        path: { key: field.name, prev: undefined, typename: type.name },
      }
      const guarded = type.name === 'Subscription' ? field.subscribe : field.resolve
      const ask = async (): Promise<Loose> => guarded?.({}, {}, context, info)
      const code = await ask().then(
        (found) => found?.return?.() && undefined,
        (error) => error.code,
      )
      const refused = code === 'FORBIDDEN' || code === 'UNAUTHENTICATED'
      expect(refused, name).toBe(role === null || !ruleOf(type, field)?.roles.includes(role))
      if (refused) expect(code, name).toBe(role === null ? 'UNAUTHENTICATED' : 'FORBIDDEN')
      decided.push(name)
    }
    expect(decided.length).toBeGreaterThan(180)
  })
})

test('the table in docs/permissions.md has every field', () => {
  const rows = permissions().split('\n')
  const has = (type: string, field: string) => rows.some((row) => row.startsWith(`| \`${type}\` |`) && row.includes(`\`${field}\``))
  expect(fields.filter(({ type, field }) => !has(type.name, field.name)).map(({ name }) => name)).toEqual([])
})

describe('an operation', () => {
  const refusalsOf = async (served: Served, document: Parameters<Served['run']>[0], variables?: Record<string, unknown>) => {
    const { data, errors } = await served.run(document, variables)
    return [data, errors?.map(({ extensions: { code, field, hint } }) => [code, field, hint !== undefined])]
  }

  test('of which somebody may not have a part is refused whole, with each part named, before anything is read or done', async () => {
    const served = as(await serve(sqliteStore), 'SERVICE')
    const said = { userId: 'ada', query: 'q', response: 'r', riskLevel: 'HIGH' }
    expect(await refusalsOf(served, RECORD, { input: said })).toEqual([
      undefined,
      [
        ['FORBIDDEN', 'Conversation.occurredAt', true],
        ['FORBIDDEN', 'Conversation.topics', true],
        ['FORBIDDEN', 'User.totalChats', true],
        ['FORBIDDEN', 'User.currentRisk', true],
        ['FORBIDDEN', 'User.attention', true],
        ['FORBIDDEN', 'RiskAlert.occurrences', true],
      ],
    ])
    expect(await refusalsOf(served, '{ viewer { name } users { totalCount } }')).toEqual([undefined, [['FORBIDDEN', 'Query.users', true]]])
    expect(served.reads).toEqual([])
    as(served, 'SUPERVISOR')
    expect(await served.ask('{ user(userId: "ada") { id } }')).toEqual({ user: null })
  })

  test('says who may, and who asks', async () => {
    const served = as(await serve(sqliteStore), 'COUNSELOR')
    const { errors } = await served.run('mutation { eraseUser(userId: "ada", reason: "r") { userId } }')
    expect(errors).toMatchObject([
      {
        message: 'Mutation.eraseUser is for SUPERVISOR, ADMIN; you are COUNSELOR.',
        extensions: { code: 'FORBIDDEN', hint: 'Ask somebody who may. Nothing of the request was done.' },
      },
    ])
  })

  test('of a stranger is refused whatever it asks for, the schema itself included', async () => {
    const served = await serve(sqliteStore)
    served.as.sub = null
    for (const query of [
      '{ __typename }',
      '{ __schema { types { name } } }',
      '{ viewer { id } }',
      'query ($x: Int!) { users(first: $x) { totalCount } }',
    ])
      expect(await refusalsOf(served, query)).toEqual([undefined, [['UNAUTHENTICATED', undefined, true]]])
    expect(served.reads).toEqual([])
  })

  test('that was refused to one is not refused to another who may, nor the other way round', async () => {
    const served = await serve(sqliteStore)
    const query = '{ storage { mode } }'
    for (const allowed of [false, true, false, true]) {
      as(served, allowed ? 'ADMIN' : 'SUPERVISOR')
      expect((await served.run(query)).data?.storage).toEqual(allowed ? { mode: 'EMBEDDED' } : undefined)
    }
    as(served, 'SUPERVISOR', 'ADMIN')
    expect(await served.ask('{ storage { mode } users { totalCount } }')).toEqual({
      storage: { mode: 'EMBEDDED' },
      users: { totalCount: 0 },
    })
  })

  test('can hide nothing behind fragments, aliases or directives', async () => {
    const served = as(await serve(sqliteStore), 'SERVICE')
    for (const query of [
      '{ a: users { totalCount } }',
      '{ ...F } fragment F on Query { ... on Query { users { totalCount } } }',
      'query ($no: Boolean = false) { users @include(if: $no) { totalCount } }',
      '{ user(userId: "ada") { ...F } } fragment F on Node { id ... on User { conversations { totalCount } } }',
      '{ user(userId: "ada") { context { conversations { ...F } } conversations { edges { node { ...F } } } } } fragment F on Conversation { query }',
    ])
      expect((await served.run(query)).errors?.[0]?.extensions.code, query).toBe('FORBIDDEN')
  })
})

test('a subscription is refused before it begins', async () => {
  const served = await serve(sqliteStore)
  const refused = async (role: Role, query: string) => {
    as(served, role)
    await expect(served.listen(query), `${role} ${query}`).rejects.toThrow('"code":"FORBIDDEN"')
  }
  for (const role of ['SERVICE', 'ADMIN'] as const) await refused(role, 'subscription { riskAlerts { cursor } }')
  for (const role of ['SERVICE', 'COUNSELOR', 'SUPERVISOR'] as const) await refused(role, 'subscription { storageStatus { mode } }')
})

describe("the assistant's back end", () => {
  test('records, and gets what a prompt needs, of whomever it names', async () => {
    const served = as(await serve(sqliteStore), 'SERVICE')
    const { recordConversation } = await served.ask(RecordConversationDocument, {
      input: { userId: '', query: '睡不着', response: '多久了？', riskLevel: 'HIGH' },
    })
    expect(recordConversation).toMatchObject({
      duplicate: false,
      conversation: { riskLevel: 'HIGH' },
      alert: { level: 'HIGH', status: 'OPEN' },
    })
    const { user } = await served.ask(PromptContextDocument, { userId: recordConversation.user.userId })
    expect(user).toMatchObject({
      context: { text: expect.stringContaining('睡不着'), conversations: [{ id: recordConversation.conversation?.id }] },
    })
    const prompt = '{ context { conversations { query response occurredAt riskLevel } } }'
    expect((await served.ask(`{ user(userId: "${recordConversation.user.userId}") ${prompt} }`)).user.context.conversations).toMatchObject([
      { query: '睡不着', response: '多久了？' },
    ])
  })

  test('gets the text of a conversation nowhere else', async () => {
    const served = as(await serve(sqliteStore), 'SERVICE')
    const record = (fields: string) =>
      served.run(`mutation { recordConversation(input: { userId: "u", query: "q", response: "r" }) { ${fields} } }`)
    for (const fields of [
      'conversation { query }',
      'conversation { user { userId } }',
      'user { context { conversations { topics { name } } } }',
    ])
      expect((await record(fields)).errors?.[0]?.extensions.code, fields).toBe('FORBIDDEN')
  })
})
