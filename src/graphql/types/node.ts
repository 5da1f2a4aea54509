import { badInput } from '../../errors.ts'
import { builder } from '../builder.ts'
import type { GraphQLContext } from '../context.ts'
import { parseGlobalId } from '../ids.ts'
import { MAX_PAGE } from '../paging.ts'
import { CARE } from '../roles.ts'

/** What a global id stands for, with the name of its type for Node to go by; null when there is no such thing (any more). */
async function nodeOf(globalID: string, field: string, { load, services }: GraphQLContext) {
  const key = parseGlobalId(globalID, field)
  const found = await (() => {
    switch (key.type) {
      case 'User':
        return load({ kind: 'user', userId: key.id })
      case 'Conversation':
        return load({ kind: 'conversation', userId: key.userId, id: key.id })
      case 'EmotionPoint':
        return load({ kind: 'emotion', userId: key.userId, id: key.id })
      case 'Topic':
        return load({ kind: 'topic', name: key.id })
      case 'Counselor':
        return services.staff.find(key.id)
      case 'RiskAlert':
        return load({ kind: 'alert', alertId: key.id })
    }
  })()
  return found && { ...found, __typename: key.type }
}

builder.queryFields((t) => ({
  node: t.field({
    authScopes: CARE,
    type: builder.nodeInterfaceRef(),
    nullable: true,
    description: 'Whatever a global id stands for; null when there is no such thing (any more). A malformed id: BAD_USER_INPUT.',
    args: { id: t.arg.id({ required: true, description: 'A global id, as an answer had it.' }) },
    resolve: (_, { id }, context) => nodeOf(id, 'id', context),
  }),
  nodes: t.field({
    authScopes: CARE,
    type: [builder.nodeInterfaceRef()],
    nullable: { list: false, items: true },
    description:
      'Whatever each global id stands for, in the same order; null where there is no such thing (any more), and null with an error of its own where an id is malformed.',
    args: { ids: t.arg.idList({ required: true, description: 'Up to 100 global ids, as answers had them.' }) },
    resolve: (_, { ids }, context) => {
      if (ids.length > MAX_PAGE) throw badInput(`ids has ${ids.length} items.`, `Ask for at most ${MAX_PAGE} at a time.`, 'ids')
      return ids.map((id, index) => nodeOf(id, `ids[${index}]`, context))
    },
  }),
}))
