import {
  type ExecutionArgs,
  type FieldNode,
  type GraphQLNamedType,
  getNamedType,
  getOperationAST,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  valueFromASTUntyped,
} from 'graphql'
import { XinyiError } from '../errors.ts'
import type { Caller, Role } from '../model.ts'
import { MAX_TOPICS } from '../services/input.ts'
import { DEFAULT_TURNS } from '../services/prompt.ts'
import { DEFAULT_PAGE, MAX_PAGE } from './paging.ts'

/** Of one document, whoever sends it. Fields count as often as their fragments are spread; repeated are those that one place of the answer has already. */
export const SHAPE = { tokens: 2_000, fields: 10_000, 'repeated fields': 100 } as const

interface Complexity {
  depth: number
  aliases: number
  directives: number
  /** Objects that the answer can have. */
  nodes: number
  /** Those that come with a text. */
  conversations: number
}

/** What one operation may ask for, by role; docs/security.md has the same table. Introspection counts for none of it; graphql-js bounds its depth. */
export const LIMITS: Readonly<Record<Role, Readonly<Complexity>>> = {
  // Records, up to 500 at once, and asks for prompts.
  SERVICE: { depth: 8, aliases: 10, directives: 10, nodes: 5_000, conversations: 1_000 },
  COUNSELOR: { depth: 12, aliases: 30, directives: 30, nodes: 10_000, conversations: 1_000 },
  SUPERVISOR: { depth: 12, aliases: 30, directives: 30, nodes: 25_000, conversations: 2_000 },
  ADMIN: { depth: 12, aliases: 30, directives: 30, nodes: 10_000, conversations: 1_000 },
}

/** Whoever has several roles may ask for what one of them may; the process itself, which asks as nobody, for the most. */
const limitsOf = (caller: Caller | null): Readonly<Complexity> =>
  (caller?.roles ?? (['SUPERVISOR'] as const)).map((role) => LIMITS[role]).reduce((most, each) => (each.nodes > most.nodes ? each : most))

const HINTS = {
  'repeated fields': 'Ask for each field once in a place, also where fragments are spread.',
  tokens: 'Ask for less at once; put values into variables, which do not count.',
  depth: 'Ask for the deeper parts in another query, by their ids.',
  aliases: 'Ask for less at once, or for many things of a kind with nodes(ids:).',
  directives: 'Ask for less at once.',
  // Fragments can unfold a short document into an endless walk.
  fields: 'Ask for less at once; fragments count wherever they are spread.',
  nodes: 'Page sizes multiply: ask for smaller pages (first, last), or for fewer lists inside lists.',
  conversations: 'Ask for smaller pages (first, last); alerts count too, for the conversations that raised them.',
} as const satisfies Record<keyof Complexity | keyof typeof SHAPE, string>

export const tooComplex = (limit: keyof Complexity | keyof typeof SHAPE, most: number): XinyiError =>
  new XinyiError(
    'QUERY_TOO_COMPLEX',
    `The operation asks for more than ${most.toLocaleString('en')} ${limit === 'depth' ? 'levels' : limit}.`,
    HINTS[limit],
  )

/** Only wrap what was counted already. */
const WRAPPERS = new Set(['edges', 'node', 'pageInfo'])

/** What is read with the whole text of a conversation: it is these that make an answer large. */
const WITH_TEXT = /^(Conversation|RiskAlert|PromptContext)(Connection)?$/

/**
 * Throws QUERY_TOO_COMPLEX for a valid operation that goes too deep, repeats itself too often, or could answer with too many nodes, and
 * FORBIDDEN for one that asks for the schema where none of the caller's roles may.
 */
export function checkComplexity(
  { schema, document, operationName, variableValues }: ExecutionArgs,
  { caller, introspection }: { caller: Caller | null; introspection: readonly Role[] },
): void {
  const operation = getOperationAST(document, operationName)
  const root = operation && schema.getRootType(operation.operation)
  if (!root) return
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [],
    ),
  )
  const defaults = (operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
    defaultValue ? [[variable.name.value, valueFromASTUntyped(defaultValue)]] : [],
  )
  const variables = { ...Object.fromEntries(defaults), ...variableValues }
  const most = limitsOf(caller)
  const counted = { aliases: 0, directives: 0, nodes: 0, conversations: 0 }
  const count = (limit: Exclude<keyof Complexity, 'depth'>, more: number): void => {
    counted[limit] += more
    if (counted[limit] > most[limit]) throw tooComplex(limit, most[limit])
  }

  function walk({ selections }: SelectionSetNode, type: GraphQLNamedType | undefined, depth: number, parents: number): void {
    for (const selection of selections) {
      count('directives', selection.directives?.length ?? 0)
      if (selection.kind === Kind.FIELD) field(selection, type, depth + 1, parents)
      else {
        const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection
        const condition = fragment?.typeCondition && schema.getType(fragment.typeCondition.name.value)
        if (fragment) walk(fragment.selectionSet, condition ?? type, depth, parents)
      }
    }
  }

  function field(node: FieldNode, parent: GraphQLNamedType | undefined, depth: number, parents: number): void {
    const name = node.name.value
    if (node.alias) count('aliases', 1)
    if ((name === '__schema' || name === '__type') && !caller?.roles.some((role) => introspection.includes(role))) throw noIntrospection
    if (name.startsWith('__')) return
    if (depth > most.depth) throw tooComplex('depth', most.depth)
    const definition = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined
    const type = definition && getNamedType(definition.type)
    if (!node.selectionSet || !isCompositeType(type)) return
    const size = parents * sizeOf(node, type.name, variables)
    if (!WRAPPERS.has(name)) {
      count('nodes', size)
      if (WITH_TEXT.test(type.name)) count('conversations', size)
    }
    // The topics of a conversation are mere names, but what hangs on them is not.
    walk(node.selectionSet, type, depth, name === 'topics' && type.name === 'Topic' ? size * MAX_TOPICS : size)
  }

  walk(operation.selectionSet, root, 0, 1)
}

/** How many things a field can answer with. */
function sizeOf({ name, arguments: given = [] }: FieldNode, type: string, variables: Record<string, unknown>): number {
  const page = (value: number) => Math.min(Math.max(value, 0), MAX_PAGE)
  for (const argument of given) {
    const value = valueFromASTUntyped(argument.value, variables)
    const key = argument.name.value
    if ((key === 'first' || key === 'last' || key === 'maxTurns') && typeof value === 'number') return page(value)
    if ((key === 'ids' || key === 'input') && Array.isArray(value)) return value.length
  }
  if (type === 'PromptContext') return DEFAULT_TURNS
  // A trend reads as much as a page does.
  return type.endsWith('Connection') || name.value === 'emotionTrend' ? DEFAULT_PAGE : 1
}

const noIntrospection = new XinyiError(
  'FORBIDDEN',
  'The schema is not told to this caller.',
  'schema/schema.graphql of this service has it; INTROSPECTION_ROLES says who may ask for it here.',
)
