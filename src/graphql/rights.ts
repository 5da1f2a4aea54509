import {
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  getOperationAST,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql'
import * as z from 'zod'
import { XinyiError } from '../errors.ts'
import { type Caller, ROLES, type Role } from '../model.ts'

/** Who may read a field, as it is declared with its type (`authScopes`, `grantScopes`). */
export interface Rule {
  roles: readonly Role[]
  /** Anybody else may, too, below a field that grants this. */
  below: string | null
  grants: readonly string[]
}

type TypeWithFields = GraphQLObjectType | GraphQLInterfaceType
type Field = GraphQLField<unknown, unknown>

const Declared = z.object({
  authScopes: z.partialRecord(z.enum([...ROLES, '$granted']), z.union([z.literal(true), z.string()])).optional(),
  skipTypeScopes: z.boolean().default(false),
  grantScopes: z.array(z.string()).default([]),
})
const declaredOf = ({ extensions }: TypeWithFields | Field) => Declared.parse(extensions.pothosOptions ?? {})

const rules = new WeakMap<Field, Rule>()

/** Null where nothing is declared. */
export function ruleOf(type: TypeWithFields, field: Field): Rule | null {
  const known = rules.get(field)
  if (known) return known
  const { authScopes, skipTypeScopes, grantScopes } = declaredOf(field)
  const scopes = [skipTypeScopes ? undefined : declaredOf(type).authScopes, authScopes].filter((each) => each !== undefined)
  if (scopes.length === 0) return null
  const below = authScopes?.$granted
  const rule = {
    roles: ROLES.filter((role) => scopes.every((each) => each[role])),
    below: typeof below === 'string' ? below : null,
    grants: grantScopes,
  }
  rules.set(field, rule)
  return rule
}

const mayRead = (rule: Rule | null, { roles }: Caller, granted: readonly string[]): boolean =>
  rule !== null && (rule.roles.some((role) => roles.includes(role)) || (rule.below !== null && granted.includes(rule.below)))

/** Why somebody may not have a field. */
export function refusal(caller: Caller | null, type: TypeWithFields, name: string): XinyiError {
  if (!caller)
    return new XinyiError('UNAUTHENTICATED', 'It is not known who asks.', 'Send a token; on the server, npx xinyi token prints one.')
  const field = type.getFields()[name]
  const roles = (field && ruleOf(type, field)?.roles) ?? []
  return new XinyiError(
    'FORBIDDEN',
    `${type.name}.${name} is for ${roles.join(', ') || 'nobody'}; you are ${caller.roles.join(', ')}.`,
    type.name === 'Mutation' ? 'Ask somebody who may. Nothing of the request was done.' : 'Leave it out, or ask somebody who may.',
    { field: `${type.name}.${name}` },
  )
}

const decided = new WeakMap<DocumentNode, Map<string, readonly GraphQLError[]>>()

/**
 * What of an operation its caller may not have, decided once for each document and role: so it is refused as a whole, before anything is
 * read or done. Empty where they may have all of it.
 */
export function refusalsOf({ schema, document, operationName }: ExecutionArgs, caller: Caller | null): readonly GraphQLError[] {
  const key = `${caller?.roles.join()} ${operationName}`
  const known = decided.get(document)
  const refusals = known?.get(key) ?? decide()
  if (known) known.set(key, refusals)
  else decided.set(document, new Map([[key, refusals]]))
  return refusals

  function decide(): readonly GraphQLError[] {
    const operation = getOperationAST(document, operationName)
    const root = operation && schema.getRootType(operation.operation)
    if (!root) return []
    if (!caller) return [new GraphQLError('', { nodes: operation, originalError: refusal(null, root, '') })]
    const fragments = new Map(
      document.definitions.flatMap((each) => (each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each]] : [])),
    )
    const found = new Map<string, GraphQLError>()
    const walked = new Set<string>()
    const walk = ({ selections }: SelectionSetNode, type: GraphQLNamedType | undefined, granted: readonly string[]): void => {
      for (const selection of selections) {
        if (selection.kind === Kind.FRAGMENT_SPREAD) {
          const fragment = fragments.get(selection.name.value)
          const place = `${selection.name.value} ${granted}`
          if (fragment && !walked.has(place)) {
            walked.add(place)
            walk(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value), granted)
          }
        } else if (selection.kind === Kind.INLINE_FRAGMENT) {
          walk(selection.selectionSet, selection.typeCondition ? schema.getType(selection.typeCondition.name.value) : type, granted)
        } else if (isObjectType(type) || isInterfaceType(type)) {
          const field = type.getFields()[selection.name.value]
          // Whoever is known may look at what there is: __typename, __schema, __type.
          if (!field) continue
          const rule = ruleOf(type, field)
          const coordinate = `${type.name}.${field.name}`
          if (!mayRead(rule, caller, granted)) {
            found.set(coordinate, new GraphQLError('', { nodes: selection, originalError: refusal(caller, type, field.name) }))
          } else if (selection.selectionSet) {
            walk(selection.selectionSet, getNamedType(field.type), rule?.grants ?? [])
          }
        }
      }
    }
    walk(operation.selectionSet, root, [])
    return [...found.values()]
  }
}
