import { TEXT } from '../audit.ts'
import { builder } from '../builder.ts'
import { userOf } from '../context.ts'
import { globalId } from '../ids.ts'
import { CARE, FOR_SERVICE, FOR_SERVICE_IN_PROMPT } from '../roles.ts'
import { RiskLevel } from './enums.ts'
import { Conversation, EmotionPoint, Topic, User } from './refs.ts'

Conversation.implement({
  authScopes: CARE,
  description: 'One recorded exchange between a person and the assistant. Kept as long as the retention limits allow.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({
      ...FOR_SERVICE,
      description: 'Global id of the conversation.',
      resolve: ({ userId, id }) => globalId({ type: 'Conversation', userId, id }),
    }),
    user: t.field({ type: User, description: 'Whose it is.', resolve: ({ userId }, _, context) => userOf(context, userId) }),
    occurredAt: t.expose('occurredAt', {
      ...FOR_SERVICE_IN_PROMPT,
      type: 'DateTime',
      description: 'When it happened, as the caller said or else when it was recorded.',
    }),
    query: t.exposeString('query', { ...FOR_SERVICE_IN_PROMPT, ...TEXT, description: 'What the person wrote, whole.' }),
    response: t.exposeString('response', { ...FOR_SERVICE_IN_PROMPT, ...TEXT, description: 'What the assistant answered, whole.' }),
    riskLevel: t.expose('riskLevel', { ...FOR_SERVICE, type: RiskLevel, description: 'How much it worried whoever assessed it.' }),
    emotionScore: t.exposeFloat('emotionScore', {
      nullable: true,
      description: 'The mood in it, on the scale that the caller uses; null when none was given.',
    }),
    references: t.exposeInt('references', { description: 'How many sources the answer drew on.' }),
    topics: t.field({
      type: [Topic],
      description: 'What it is about, as the caller named it or as the vocabulary found it in the query.',
      resolve: ({ topics }) => topics.map((name) => ({ name })),
    }),
  }),
})

EmotionPoint.implement({
  authScopes: CARE,
  description: 'The mood of one conversation, kept longer than the conversation itself.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: 'Global id of the point.', resolve: ({ userId, id }) => globalId({ type: 'EmotionPoint', userId, id }) }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When the conversation happened.' }),
    score: t.exposeFloat('score', {
      nullable: true,
      description: 'Its emotionScore, on the scale that the caller uses; null when none was given.',
    }),
    riskLevel: t.expose('riskLevel', { type: RiskLevel, description: 'Its risk level.' }),
    conversation: t.field({
      type: Conversation,
      nullable: true,
      description: 'The conversation itself; null once it is no longer kept.',
      resolve: ({ userId, id }, _, { load }) => load({ kind: 'conversation', userId, id }),
    }),
  }),
})
