import { badInput } from '../../errors.ts'
import type { UserTopic } from '../../model.ts'
import { profileSummary } from '../../services/prompt.ts'
import { checkUserId } from '../../services/text.ts'
import { compareKeys, sliceOf } from '../../store/rules.ts'
import type { Key } from '../../store/store.ts'
import { argumentsOf } from '../ahead.ts'
import { builder } from '../builder.ts'
import { checkChoice } from '../check.ts'
import { globalId } from '../ids.ts'
import { connection } from '../paging.ts'
import { CARE, FOR_SERVICE, PROMPT } from '../roles.ts'
import { AlertStatus, Attention, RiskLevel } from './enums.ts'
import { readsOfContext } from './prompt.ts'
import {
  Conversation,
  ConversationConnection,
  Counselor,
  EmotionPoint,
  EmotionPointConnection,
  RiskAlert,
  RiskAlertConnection,
  Topic,
  User,
} from './refs.ts'
import { UserTopicConnection } from './topic.ts'

/** Most frequent first, ties by latest. A Key has one number, so the time goes before the name, as digits. */
const topicKey = ({ name, count, lastSeenAt }: UserTopic): Key => [-count, `${1e14 - lastSeenAt} ${name}`]

const SUMMARY_TOPICS = 5

const topicsOf = (userId: string) => ({ kind: 'userTopics', userId }) as const

User.implement({
  authScopes: CARE,
  description: 'A person who talks to the assistant.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ ...FOR_SERVICE, description: 'Global id of the user.', resolve: ({ userId }) => globalId({ type: 'User', id: userId }) }),
    userId: t.exposeString('userId', {
      ...FOR_SERVICE,
      description: "The caller's own id of this person, 1 to 512 code points of any kind.",
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When their first conversation happened.' }),
    lastActiveAt: t.expose('lastActiveAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When their latest conversation happened; null when there is none.',
    }),
    totalChats: t.exposeInt('totalChats', { description: 'Conversations ever recorded, not just those still kept.' }),
    totalRiskAlerts: t.exposeInt('totalRiskAlerts', { description: 'Conversations of risk MEDIUM or above ever recorded.' }),
    currentRisk: t.expose('currentRisk', {
      type: RiskLevel,
      description:
        'Risk of their newest conversation, or the level of their unresolved alert where that is higher. Changes with what happens, not with what expires.',
    }),
    attention: t.expose('attention', {
      type: Attention,
      description: 'How much attention they need, from their last 3 conversations ever recorded.',
    }),
    counselor: t.field({
      type: Counselor,
      nullable: true,
      description: 'Who looks after them; null for nobody.',
      resolve: ({ counselor }, _, { services }) => (counselor === null ? null : services.staff.find(counselor)),
    }),
    conversations: t.connection(
      {
        type: Conversation,
        description: 'What they and the assistant said, as far as it is kept: newest first.',
        args: { minRisk: t.arg({ type: RiskLevel, description: 'Only those of this risk or above.' }) },
        resolve: ({ userId }, { minRisk, ...args }, { load }) => {
          const filter = { minRisk: minRisk ?? undefined }
          return connection(args, ['User.conversations', userId, filter], (page) =>
            load({ kind: 'conversations', userId, ...filter, page }),
          )
        },
      },
      ConversationConnection,
    ),
    topics: t.connection(
      {
        type: Topic,
        description: 'What they talk about: most frequent first, ties by latest.',
        resolve: ({ userId }, args, { load }) =>
          connection(args, ['User.topics', userId], async (page) => sliceOf(await load(topicsOf(userId)), topicKey, page)),
      },
      UserTopicConnection,
    ),
    emotions: t.connection(
      {
        type: EmotionPoint,
        description: 'Their moods, as far as they are kept: newest first.',
        args: {
          from: t.arg({ type: 'DateTime', description: 'Only conversations that happened then or later.' }),
          to: t.arg({ type: 'DateTime', description: 'Only conversations that happened then or earlier; before `from`: BAD_USER_INPUT.' }),
        },
        resolve: ({ userId }, { from, to, ...args }, { load }) => {
          if (from != null && to != null && from > to) throw badInput('from is later than to.', 'Give the earlier moment as from.', 'from')
          const filter = { from: from ?? undefined, to: to ?? undefined }
          return connection(args, ['User.emotions', userId, filter], (page) => load({ kind: 'emotions', userId, ...filter, page }))
        },
      },
      EmotionPointConnection,
    ),
    riskAlerts: t.connection(
      {
        type: RiskAlert,
        description: 'Alerts about them: newest first.',
        args: { status: t.arg({ type: [AlertStatus], description: 'Only those that stand so; an empty list is BAD_USER_INPUT.' }) },
        resolve: ({ userId }, { status, ...args }, { load }) => {
          const filter = { status: checkChoice('status', status, 3) }
          return connection(args, ['User.riskAlerts', userId, filter], (page) => load({ kind: 'userAlerts', userId, ...filter, page }))
        },
      },
      RiskAlertConnection,
    ),
    summary: t.string({
      ...FOR_SERVICE,
      description:
        'Who they are in a few sentences of Chinese, for a prompt: how many chats, up to 5 topics (most frequent first, ties by latest), risk alerts, and whether they need attention.',
      resolve: async (user, _, { load }) => {
        const topics = [...(await load(topicsOf(user.userId)))]
        const byFrequency = topics.sort((a, b) => compareKeys(topicKey(a), topicKey(b)))
        return profileSummary(
          user,
          byFrequency.slice(0, SUMMARY_TOPICS).map(({ name }) => name),
        )
      },
    }),
  }),
})

builder.queryField('user', (t) =>
  t.field({
    authScopes: PROMPT,
    type: User,
    nullable: true,
    description:
      'One person; null when nothing was ever recorded for them, and for a counselor also where they are not theirs to see. Asking never creates anybody.',
    args: { userId: t.arg.string({ required: true, description: "The caller's own id of the person, 1 to 512 code points." }) },
    resolve: (_, args, { load }, info) => {
      const userId = checkUserId(args.userId)
      // What a prompt needs of them travels along, instead of after them, and fails with them: the store answers all of it, or nothing.
      const summary = argumentsOf(info, 'summary').length > 0 ? [topicsOf(userId)] : []
      for (const read of [...summary, ...readsOfContext(userId, info)]) load(read).catch(() => {})
      return load({ kind: 'user', userId })
    },
  }),
)
