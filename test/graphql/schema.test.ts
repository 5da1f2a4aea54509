import { readFileSync } from 'node:fs'
import {
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql'
import { expect, test } from 'vitest'
import { schema } from '../../src/graphql/schema.ts'

const OURS = Object.values(schema.getTypeMap()).filter(
  ({ name }) => !name.startsWith('__') && !['Boolean', 'Float', 'ID', 'Int', 'String'].includes(name),
)

/** Coordinate and description of everything that a reader of the documentation can look at. */
function* entries(type: GraphQLNamedType): Generator<[string, string | null | undefined]> {
  yield [type.name, type.description]
  if (isEnumType(type)) for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value.description]
  if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) yield [`${type.name}.${field.name}`, field.description]
  if (!isObjectType(type) && !isInterfaceType(type)) return
  for (const field of Object.values(type.getFields())) {
    yield [`${type.name}.${field.name}`, field.description]
    for (const argument of field.args) yield [`${type.name}.${field.name}(${argument.name}:)`, argument.description]
  }
}

test('everything in the schema is described, in sentences', () => {
  const all = OURS.flatMap((type) => [...entries(type)])
  expect(all.length).toBeGreaterThan(200)
  expect(all.filter(([, description]) => !description?.match(/^[A-Z\p{Lu}].*[.]$/su)).map(([coordinate]) => coordinate)).toEqual([])
})

test('schema/schema.graphql is this schema, sorted', () => {
  const file = readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8')
  expect(file.trim()).toBe(printSchema(lexicographicSortSchema(schema)))
})

test('every list that can grow is a connection that pages both ways', () => {
  const connections = OURS.filter(isObjectType).flatMap((type) =>
    Object.values(type.getFields())
      .filter((field) => String(field.type).endsWith('Connection!'))
      .map((field) => [`${type.name}.${field.name}`, field.args.map(({ name }) => name)] as const),
  )
  expect(connections.map(([coordinate]) => coordinate).sort()).toEqual([
    'Counselor.users',
    'Query.auditLog',
    'Query.counselors',
    'Query.riskAlerts',
    'Query.topics',
    'Query.users',
    'RiskAlert.history',
    'Topic.users',
    'User.conversations',
    'User.emotions',
    'User.riskAlerts',
    'User.topics',
  ])
  for (const [, names] of connections) expect(names).toEqual(expect.arrayContaining(['first', 'after', 'last', 'before']))
})
