import {
  type FieldNode,
  GraphQLIncludeDirective,
  type GraphQLResolveInfo,
  GraphQLSkipDirective,
  getArgumentValues,
  getDirectiveValues,
  getNamedType,
  isObjectType,
  Kind,
} from 'graphql'

/**
 * The arguments of each selection of a field of what is being resolved, as far as it stands right there, and not in a fragment: for a resolver
 * that knows what it needs before that is resolved.
 */
export function argumentsOf({ fieldNodes, returnType, variableValues }: GraphQLResolveInfo, name: string): Record<string, unknown>[] {
  const type = getNamedType(returnType)
  const field = isObjectType(type) ? type.getFields()[name] : undefined
  if (!field) return []
  const isAsked = (node: FieldNode): boolean =>
    getDirectiveValues(GraphQLSkipDirective, node, variableValues)?.if !== true &&
    getDirectiveValues(GraphQLIncludeDirective, node, variableValues)?.if !== false
  const selections = fieldNodes.flatMap(({ selectionSet }) => selectionSet?.selections ?? [])
  return selections.flatMap((node) =>
    node.kind === Kind.FIELD && node.name.value === name && isAsked(node) ? [getArgumentValues(field, node, variableValues)] : [],
  )
}
