import { badInput } from '../../errors.ts'
import type * as services from '../../services/migration.ts'
import { builder } from '../builder.ts'
import { ADMIN } from '../roles.ts'
import { Durability, RiskLevel } from './enums.ts'

const MAX_USERS = 500

const MigratedConversation = builder.inputType('MigratedConversationInput', {
  description: 'A conversation that another system kept.',
  fields: (t) => ({
    id: t.string({
      required: true,
      description: 'The same whenever it is taken over, 1 to 512 code points: known, it is not recorded again.',
    }),
    occurredAt: t.field({ type: 'DateTime', required: true, description: 'When it happened.' }),
    query: t.string({ required: true, description: 'What the person wrote.' }),
    response: t.string({ required: true, description: 'What the assistant answered.' }),
    riskLevel: t.field({ type: RiskLevel, required: true, description: 'How much it worried.' }),
    emotionScore: t.float({ description: 'The mood in it.' }),
    references: t.int({ required: true, description: 'How many sources the answer drew on.' }),
  }),
})

const MigratedEmotion = builder.inputType('MigratedEmotionInput', {
  description: 'A mood that another system kept without its conversation.',
  fields: (t) => ({
    id: t.string({ required: true, description: 'The same whenever it is taken over: known, it is not taken again.' }),
    occurredAt: t.field({ type: 'DateTime', required: true, description: 'When it was taken.' }),
    score: t.float({ description: 'The mood; null where there is no score.' }),
    riskLevel: t.field({ type: RiskLevel, required: true, description: 'How much it worried.' }),
  }),
})

const MigratedUser = builder.inputType('MigratedUserInput', {
  description: 'A person whom another system knew.',
  fields: (t) => ({
    userId: t.string({ required: true, description: 'Their id there and here.' }),
    source: t.string({ required: true, description: 'Name of that system, of the characters a-z, 0-9, ".", "+" and "-".' }),
    createdAt: t.field({ type: 'DateTime', description: 'Since when it knew them.' }),
    lastActiveAt: t.field({ type: 'DateTime', description: 'When they last talked to it.' }),
    totalChats: t.int({
      required: true,
      description: 'Conversations that it has ever counted, those given here included. The latest count of a system holds.',
    }),
    totalRiskAlerts: t.int({ required: true, description: 'The same of conversations of risk MEDIUM or above.' }),
    topics: t.stringList({ required: true, description: 'What they talked about; what the conversations tell of is counted by these.' }),
    emotions: t.field({ type: [MigratedEmotion], required: true, description: 'Moods whose conversations are not kept any more.' }),
    conversations: t.field({ type: [MigratedConversation], required: true, description: 'What it still keeps.' }),
  }),
})

const Refusal = builder.objectRef<services.Refused>('MigrationRefusal').implement({
  authScopes: ADMIN,
  description: 'Something that was not taken over.',
  fields: (t) => ({
    id: t.exposeString('id', { nullable: true, description: 'Of the conversation; null for counters, topics and moods.' }),
    reason: t.exposeString('reason', { description: 'Why, as a sentence.' }),
  }),
})

const MigrateUserPayload = builder.objectRef<services.Migrated>('MigrateUserPayload').implement({
  authScopes: ADMIN,
  description: 'What became of a person who was taken over.',
  fields: (t) => ({
    recorded: t.exposeInt('recorded', { description: 'Conversations recorded.' }),
    beyondRetention: t.exposeInt('beyondRetention', {
      description: 'Of these, those that count but are not kept: older than the retention.',
    }),
    alreadyKnown: t.exposeInt('alreadyKnown', { description: 'Conversations that had been taken over before.' }),
    refused: t.expose('refused', { type: [Refusal], description: 'What was not taken over, and why.' }),
    durability: t.expose('durability', { type: Durability, description: 'Which copies of it exist.' }),
  }),
})

builder.mutationFields((t) => ({
  migrateUsers: t.field({
    authScopes: ADMIN,
    type: [MigrateUserPayload],
    nullable: { list: false, items: true },
    description:
      'Takes over up to 500 people of another system: conversations one by one, counters, topics and moods. Taken over again, nothing counts twice. Each stands or falls alone: null where one failed, with an error whose path ends in its index. For `xinyi migrate`.',
    args: { input: t.arg({ type: [MigratedUser], required: true, description: 'The people, 1 to 500.' }) },
    resolve: async (_, { input }, context) => {
      if (input.length < 1 || input.length > MAX_USERS)
        throw badInput(`input has ${input.length} items.`, `Send 1 to ${MAX_USERS} at a time.`, 'input')
      const migrated = input.map(async ({ emotions, ...user }) => {
        const points = emotions.map((point) => ({ ...point, score: point.score ?? null }))
        const taken = await context.services.migration.take({ ...user, points })
        context.wrote(taken.durability)
        return taken
      })
      await Promise.allSettled(migrated)
      context.renew()
      return migrated
    },
  }),
}))
