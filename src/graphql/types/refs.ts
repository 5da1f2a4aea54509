/** The types that refer to each other, by name; each is implemented in the file of its noun. */
import type * as model from '../../model.ts'
import { builder } from '../builder.ts'
import { STAFFING } from '../roles.ts'

export const User = builder.objectRef<model.User>('User')
export const Conversation = builder.objectRef<model.Conversation>('Conversation')
export const Topic = builder.objectRef<{ name: string }>('Topic')
export const EmotionPoint = builder.objectRef<model.EmotionPoint>('EmotionPoint')
export const RiskAlert = builder.objectRef<model.RiskAlert & { person?: model.User }>('RiskAlert')
export const Counselor = builder.objectRef<model.Counselor>('Counselor')
export const AlertEvent = builder.objectRef<model.AlertEvent & { userId: string }>('AlertEvent')

builder.globalConnectionField('totalCount', (t) =>
  t.exposeInt('totalCount', {
    nullable: true,
    description: 'How many items the whole list has; null where a filter makes that too costly to know.',
  }),
)

export const UserConnection = builder.connectionObject(
  { type: User, name: 'UserConnection', description: 'A page of users.' },
  { name: 'UserEdge', description: 'A user in a list.' },
)
export const ConversationConnection = builder.connectionObject(
  { type: Conversation, name: 'ConversationConnection', description: 'A page of conversations.' },
  { name: 'ConversationEdge', description: 'A conversation in a list.' },
)
export const EmotionPointConnection = builder.connectionObject(
  { type: EmotionPoint, name: 'EmotionPointConnection', description: 'A page of emotion points.' },
  { name: 'EmotionPointEdge', description: 'An emotion point in a list.' },
)
export const RiskAlertConnection = builder.connectionObject(
  { type: RiskAlert, name: 'RiskAlertConnection', description: 'A page of risk alerts.' },
  { name: 'RiskAlertEdge', description: 'A risk alert in a list.' },
)
export const CounselorConnection = builder.connectionObject(
  { type: Counselor, name: 'CounselorConnection', description: 'A page of counselors.', authScopes: STAFFING },
  { name: 'CounselorEdge', description: 'A counselor in a list.', authScopes: STAFFING },
)
export const AlertEventConnection = builder.connectionObject(
  { type: AlertEvent, name: 'AlertEventConnection', description: "A page of an alert's history." },
  { name: 'AlertEventEdge', description: "An event in an alert's history." },
)
