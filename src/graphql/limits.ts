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
import { MAX_TOPICS } from '../services/input.ts'
import { DEFAULT_TURNS } from '../services/prompt.ts'
import { DEFAULT_PAGE, MAX_PAGE } from './paging.ts'

/** What one operation may ask for. Introspection counts for none of it but tokens; graphql-js bounds its depth. */
export const LIMITS = {
  tokens: 2_000,
  depth: 12,
  aliases: 30,
  directives: 30,
  fields: 10_000,
  nodes: 25_000,
  conversations: 2_000,
} as const

const HINTS = {
  tokens: 'Ask for less at once; put values into variables, which do not count.',
  depth: 'Ask for the deeper parts in another query, by their ids.',
  aliases: 'Ask for less at once, or for many things of a kind with nodes(ids:).',
  directives: 'Ask for less at once.',
  // Fragments can unfold a short document into an endless walk.
  fields: 'Ask for less at once; fragments count wherever they are spread.',
  nodes: 'Page sizes multiply: ask for smaller pages (first, last), or for fewer lists inside lists.',
  conversations: 'Ask for smaller pages (first, last); alerts count too, for the conversations that raised them.',
} as const satisfies Record<keyof typeof LIMITS, string>

export const tooComplex = (limit: keyof typeof LIMITS): XinyiError =>
  new XinyiError(
    'QUERY_TOO_COMPLEX',
    `The operation asks for more than ${LIMITS[limit].toLocaleString('en')} ${limit === 'depth' ? 'levels' : limit}.`,
    HINTS[limit],
  )

/** Only wrap what was counted already. */
const WRAPPERS = new Set(['edges', 'node', 'pageInfo'])

/** What is read with the whole text of a conversation: it is these that make an answer large. */
const WITH_TEXT = /^(Conversation|RiskAlert|PromptContext)(Connection)?$/

/** Throws QUERY_TOO_COMPLEX for a valid operation that goes too deep, repeats itself too often, or could answer with too many nodes. */
export function checkComplexity({ schema, document, operationName, variableValues }: ExecutionArgs): void {
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
  const counted = { fields: 0, aliases: 0, directives: 0, nodes: 0, conversations: 0 }

  function walk({ selections }: SelectionSetNode, type: GraphQLNamedType | undefined, depth: number, parents: number): void {
    for (const selection of selections) {
      counted.fields += 1
      if (counted.fields > LIMITS.fields) throw tooComplex('fields')
      counted.directives += selection.directives?.length ?? 0
      if (counted.directives > LIMITS.directives) throw tooComplex('directives')
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
    if (node.alias) counted.aliases += 1
    if (counted.aliases > LIMITS.aliases) throw tooComplex('aliases')
    if (name.startsWith('__')) return
    if (depth > LIMITS.depth) throw tooComplex('depth')
    const definition = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined
    const type = definition && getNamedType(definition.type)
    if (!node.selectionSet || !isCompositeType(type)) return
    const size = parents * sizeOf(node, type.name, variables)
    if (!WRAPPERS.has(name)) counted.nodes += size
    if (counted.nodes > LIMITS.nodes) throw tooComplex('nodes')
    if (!WRAPPERS.has(name) && WITH_TEXT.test(type.name)) counted.conversations += size
    if (counted.conversations > LIMITS.conversations) throw tooComplex('conversations')
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
