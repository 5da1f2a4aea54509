import { type DocumentNode, type FragmentDefinitionNode, Kind, type SelectionSetNode } from 'graphql'
import { SHAPE, tooComplex } from './limits.ts'

/** What is asked for in one place of an answer, by its name there. */
type Asked = Map<string, Asked>

/**
 * Throws QUERY_TOO_COMPLEX for a document whose validation alone would take long: graphql-js takes half a second for 2,000 well-chosen tokens.
 * Whether fragments spread themselves is left to validation.
 */
export function checkShape(document: DocumentNode): void {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  const within = new Set<string>()
  const counted = { fields: 0, 'repeated fields': 0 }
  const count = (limit: keyof typeof counted): void => {
    counted[limit] += 1
    if (counted[limit] > SHAPE[limit]) throw tooComplex(limit, SHAPE[limit])
  }

  function walk({ selections }: SelectionSetNode, asked: Asked): void {
    for (const selection of selections) {
      count('fields')
      if (selection.kind === Kind.FIELD) field(selection.alias?.value ?? selection.name.value, selection.selectionSet, asked)
      else if (selection.kind === Kind.INLINE_FRAGMENT) walk(selection.selectionSet, asked)
      else spread(selection.name.value, asked)
    }
  }

  function field(name: string, selectionSet: SelectionSetNode | undefined, asked: Asked): void {
    const known = asked.get(name)
    // Validation compares each with each of the others.
    if (known) count('repeated fields')
    const below = known ?? new Map()
    if (!known) asked.set(name, below)
    if (selectionSet) walk(selectionSet, below)
  }

  function spread(name: string, asked: Asked): void {
    const fragment = fragments.get(name)
    if (!fragment || within.has(name)) return
    within.add(name)
    walk(fragment.selectionSet, asked)
    within.delete(name)
  }

  for (const definition of document.definitions) if ('selectionSet' in definition) walk(definition.selectionSet, new Map())
}
