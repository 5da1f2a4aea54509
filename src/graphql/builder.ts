import SchemaBuilder from '@pothos/core'
import RelayPlugin from '@pothos/plugin-relay'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import type { Role } from '../model.ts'
import type { GraphQLContext } from './context.ts'
import { refusal } from './rights.ts'
import { CARE, FIGURES } from './roles.ts'

/**
 * What every type is built with: nothing is nullable unless it says so, every list is a Relay connection of one shape, and each type or
 * field says who may read it (`authScopes`). rights.ts refuses an operation as a whole before it begins; the plugin asks again at each field.
 */
export const builder = new SchemaBuilder<{
  Context: GraphQLContext
  DefaultFieldNullability: false
  DefaultEdgesNullability: { list: false; items: false }
  DefaultNodeNullability: false
  Connection: { totalCount: number | null }
  AuthScopes: Record<Role, boolean>
  Scalars: {
    DateTime: { Input: number; Output: number }
    ID: { Input: string; Output: string }
  }
}>({
  defaultFieldNullability: false,
  // The one that asks has to come first, so that it is asked first.
  plugins: [ScopeAuthPlugin, RelayPlugin],
  scopeAuth: {
    authScopes: ({ caller }) => {
      const has = (role: Role) => caller?.roles.includes(role) ?? false
      return { SERVICE: has('SERVICE'), COUNSELOR: has('COUNSELOR'), SUPERVISOR: has('SUPERVISOR'), ADMIN: has('ADMIN') }
    },
    authorizeOnSubscribe: true,
    unauthorizedError: (_parent, { caller }, { parentType, fieldName }) => refusal(caller, parentType, fieldName),
  },
  relay: {
    defaultConnectionTypeOptions: { authScopes: CARE },
    defaultEdgeTypeOptions: { authScopes: CARE },
    nodeTypeOptions: { description: 'Anything that has a global id and can be asked for again by `node` or `nodes`.' },
    idFieldOptions: { description: 'Global and opaque: hand it back as it is, take nothing out of it.', authScopes: CARE },
    // Our own, in types/node.ts: a bad id must not spoil the others of `nodes`.
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    pageInfoTypeOptions: { description: 'Where a page lies in its list, and how to go on from it.', authScopes: FIGURES },
    hasNextPageFieldOptions: {
      description: 'Whether items follow this page. A filtered page may end early with true: go on from `endCursor`.',
    },
    hasPreviousPageFieldOptions: { description: 'Whether items come before this page.' },
    startCursorFieldOptions: { description: 'Hand it to `before` to page backwards from here; null on an empty page.' },
    endCursorFieldOptions: {
      description: 'Hand it to `after` to page forwards from here; null on an empty page with nothing to go on to.',
    },
    pageInfoFieldOptions: { description: 'Where this page lies in the list.' },
    edgesFieldOptions: {
      description: 'The items of this page, each with its cursor, in the order of the list.',
      nullable: { list: false, items: false },
    },
    nodeFieldOptions: { description: 'The item itself.', nullable: false },
    cursorFieldOptions: {
      description: 'The place of this item in the list, opaque: for `after` and `before` of the same list, order and filter.',
    },
    firstArgOptions: {
      description: 'How many items from the start (or after `after`): 0 to 100, 20 when left out. Together with `last`: BAD_USER_INPUT.',
    },
    afterArgOptions: {
      description: 'Only items after this cursor. One that is malformed, or of another list, order or filter: BAD_USER_INPUT.',
    },
    lastArgOptions: {
      description: 'How many items from the end (or before `before`), in the same order: 0 to 100. Together with `first`: BAD_USER_INPUT.',
    },
    beforeArgOptions: {
      description:
        'Only items before this cursor; without `first` and `last` it means the last 20 of them. Malformed or of another list: BAD_USER_INPUT.',
    },
    cursorType: 'String',
  },
})

builder.queryType({ description: 'What can be asked. Asking never creates or changes anything.' })
builder.mutationType({
  description:
    'What can be changed. Each field takes effect before the next one starts. An error with code STORE_UNAVAILABLE leaves open whether it took effect: try again, with the same idempotencyKey where there is one.',
})
builder.subscriptionType({
  description: 'What can be listened to, over graphql-ws (WebSocket) or Server-Sent Events, on the same address.',
})
