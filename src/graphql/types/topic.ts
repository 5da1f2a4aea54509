import type * as model from '../../model.ts'
import { builder } from '../builder.ts'
import { globalId } from '../ids.ts'
import { connection } from '../paging.ts'
import { CARE } from '../roles.ts'
import { Topic, User, UserConnection } from './refs.ts'

Topic.implement({
  authScopes: CARE,
  description: 'Something that people talk about: a word of the configured vocabulary, or one that a caller named.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: 'Global id of the topic.', resolve: ({ name }) => globalId({ type: 'Topic', id: name }) }),
    name: t.exposeString('name', { description: 'Its word, in Unicode NFC; unique.' }),
    users: t.connection(
      {
        type: User,
        description: 'Who has talked about it, by userId.',
        resolve: ({ name }, args, { load, seal }) =>
          connection(args, ['Topic.users', name], (page) => load({ kind: 'topicUsers', name, page }), seal),
      },
      UserConnection,
    ),
  }),
})

const UserTopicEdge = builder.objectRef<{ cursor: string; node: model.UserTopic }>('UserTopicEdge').implement({
  authScopes: CARE,
  description: "A topic in the list of one user's topics.",
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      description: 'The place of this topic in the list, opaque: for `after` and `before` of the same list.',
    }),
    node: t.field({ type: Topic, description: 'The topic itself.', resolve: ({ node }) => node }),
    count: t.int({ description: "How many of the user's conversations touched it, ever.", resolve: ({ node }) => node.count }),
    firstSeenAt: t.field({ type: 'DateTime', description: 'When the first of them happened.', resolve: ({ node }) => node.firstSeenAt }),
    lastSeenAt: t.field({ type: 'DateTime', description: 'When the latest of them happened.', resolve: ({ node }) => node.lastSeenAt }),
  }),
})

export const UserTopicConnection = builder.connectionObject(
  { type: Topic, name: 'UserTopicConnection', description: "A page of one user's topics." },
  UserTopicEdge,
)

const TopicEdge = builder.objectRef<{ cursor: string; node: model.TopicCount }>('TopicEdge').implement({
  authScopes: CARE,
  description: 'A topic in a list.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      description: 'The place of this topic in the list, opaque: for `after` and `before` of the same list.',
    }),
    node: t.field({ type: Topic, description: 'The topic itself.', resolve: ({ node }) => node }),
    userCount: t.int({ description: 'How many users have talked about it.', resolve: ({ node }) => node.userCount }),
  }),
})

const TopicConnection = builder.connectionObject({ type: Topic, name: 'TopicConnection', description: 'A page of topics.' }, TopicEdge)

builder.queryField('topics', (t) =>
  t.connection(
    {
      authScopes: CARE,
      type: Topic,
      description: 'What people talk about whom the caller may see: the topics of most users first.',
      resolve: (_, args, { load }) => connection(args, ['Query.topics'], (page) => load({ kind: 'topics', page })),
    },
    TopicConnection,
  ),
)
