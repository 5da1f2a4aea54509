import type { Removed } from '../../store/store.ts'
import { ERASES } from '../audit.ts'
import { builder } from '../builder.ts'
import { userOf } from '../context.ts'
import { ERASURE, SUPERVISOR } from '../roles.ts'
import { User } from './refs.ts'

const ClearHistoryPayload = builder.objectRef<{ userId: string; removedConversations: number }>('ClearHistoryPayload').implement({
  authScopes: SUPERVISOR,
  description: 'What became of clearing a history.',
  fields: (t) => ({
    user: t.field({
      type: User,
      description: 'The person, as they are after it.',
      resolve: ({ userId }, _, context) => userOf(context, userId),
    }),
    removedConversations: t.exposeInt('removedConversations', { description: 'How many kept conversations went.' }),
  }),
})

const ErasedCounts = builder.objectRef<Removed>('ErasedCounts').implement({
  authScopes: ERASURE,
  description: 'What an erasure removed.',
  fields: (t) => ({
    conversations: t.exposeInt('conversations', { description: 'Kept conversations.' }),
    emotions: t.exposeInt('emotions', { description: 'Kept emotion points.' }),
    topics: t.exposeInt('topics', { description: 'Topics of the person.' }),
    alerts: t.exposeInt('alerts', { description: 'Alerts, with their histories.' }),
    redisKeys: t.exposeInt('redisKeys', {
      nullable: true,
      description: 'Keys in Redis; null where there is no Redis, or while it is away.',
    }),
    sqliteRows: t.exposeInt('sqliteRows', { description: 'Rows in SQLite.' }),
  }),
})

const EraseUserPayload = builder.objectRef<{ userId: string; removed: Removed }>('EraseUserPayload').implement({
  authScopes: ERASURE,
  description: 'What became of an erasure.',
  fields: (t) => ({
    userId: t.exposeString('userId', { description: 'The id that was erased, as it was given.' }),
    removed: t.expose('removed', { type: ErasedCounts, description: 'What went; zeros for somebody who was not known here.' }),
  }),
})

builder.mutationFields((t) => ({
  clearHistory: t.field({
    authScopes: SUPERVISOR,
    type: ClearHistoryPayload,
    description:
      "Removes a person's conversations, emotion points, topics and the triggers of their alerts; counters and alerts stay. The log of what happened still holds them, unseen, for up to 30 days; eraseUser leaves nothing. Errors: NOT_FOUND for somebody who is not known.",
    args: { userId: t.arg.string({ required: true, description: "The caller's own id of the person, 1 to 512 code points." }) },
    resolve: async (_, { userId }, context) => {
      try {
        const { durability, ...cleared } = await context.services.history.clear(userId)
        context.wrote(durability)
        return { userId, ...cleared }
      } finally {
        context.renew()
      }
    },
  }),
  eraseUser: t.field({
    ...ERASES,
    authScopes: ERASURE,
    type: EraseUserPayload,
    description:
      'Removes everything of a person, alerts included, and whatever happened before it can never come back; also of somebody who is not known here, so that what is still on its way stays out.',
    args: {
      userId: t.arg.string({ required: true, description: "The caller's own id of the person, 1 to 512 code points." }),
      reason: t.arg.string({ required: true, description: 'Why, for the record: 1 to 1,000 code points, and nothing about the person.' }),
    },
    resolve: async (_, { userId, reason }, context) => {
      try {
        const { durability, removed } = await context.services.history.erase(userId, reason)
        context.wrote(durability)
        return { userId, removed }
      } finally {
        context.renew()
      }
    },
  }),
}))
