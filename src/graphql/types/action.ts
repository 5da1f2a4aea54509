import { XinyiError } from '../../errors.ts'
import type { RiskAlert as Alert, Caller, Durability as DurabilityName } from '../../model.ts'
import type { Deed, Done } from '../../services/desk.ts'
import { builder } from '../builder.ts'
import { type GraphQLContext, userOf } from '../context.ts'
import { idOf } from '../ids.ts'
import { CARE, SUPERVISOR } from '../roles.ts'
import { Durability } from './enums.ts'
import { RiskAlert, User } from './refs.ts'

const AlertActionInput = builder.inputType('AlertActionInput', {
  description: 'What is to be done about an alert.',
  fields: (t) => ({
    alertId: t.id({ required: true, description: 'Global id of the alert.' }),
    expectedVersion: t.int({
      description: 'The version of the alert that this was decided on: CONFLICT where it is another by now. The present one when left out.',
    }),
    note: t.string({ description: 'What is to be said about it, up to 4,000 code points. It stays in the history.' }),
  }),
})

const ResolveRiskAlertInput = builder.inputType('ResolveRiskAlertInput', {
  description: 'How an alert was dealt with.',
  fields: (t) => ({
    alertId: t.id({ required: true, description: 'Global id of the alert.' }),
    expectedVersion: t.int({
      description: 'The version of the alert that this was decided on: CONFLICT where it is another by now. The present one when left out.',
    }),
    resolution: t.string({ required: true, description: 'How it was dealt with: 1 to 4,000 code points.' }),
    note: t.string({ description: 'What else is to be said about it, up to 4,000 code points. It stays in the history.' }),
  }),
})

const AssignCounselorInput = builder.inputType('AssignCounselorInput', {
  description: 'Who is to look after a person.',
  fields: (t) => ({
    userId: t.string({ required: true, description: "The caller's own id of the person, 1 to 512 code points." }),
    counselorId: t.id({ description: 'Global id of the counselor; nobody when left out.' }),
    reason: t.string({ description: 'Why, up to 4,000 code points. It stays in the history of the alert, if there is one.' }),
  }),
})

const RiskAlertPayload = builder.objectRef<{ alert: Alert; durability: DurabilityName }>('RiskAlertPayload').implement({
  authScopes: CARE,
  description: 'What became of an action.',
  fields: (t) => ({
    alert: t.expose('alert', { type: RiskAlert, description: 'The alert, as it is after it.' }),
    durability: t.expose('durability', { type: Durability, description: 'Where the action is stored by now.' }),
  }),
})

const AssignCounselorPayload = builder.objectRef<{ userId: string; durability: DurabilityName }>('AssignCounselorPayload').implement({
  authScopes: SUPERVISOR,
  description: 'What became of an assignment.',
  fields: (t) => ({
    user: t.field({
      type: User,
      description: 'The person, as they are after it.',
      resolve: ({ userId }, _, context) => userOf(context, userId),
    }),
    durability: t.expose('durability', { type: Durability, description: 'Where the assignment is stored by now.' }),
  }),
})

/** Whoever acts is somebody. */
function actorOf({ caller }: GraphQLContext): Caller {
  if (caller) return caller
  throw new XinyiError('UNAUTHENTICATED', 'It is not known who does this.', 'Send a token: authorization: Bearer <token>.')
}

interface Given {
  alertId: string
  expectedVersion?: number | null | undefined
  note?: string | null | undefined
}

/** Has something done about an alert, and answers how that is then, whether its person is still the caller's to see or not. */
async function act(
  context: GraphQLContext,
  { alertId: id, expectedVersion, note }: Given,
  carryOut: (deed: Deed) => Promise<Done>,
): Promise<{ alert: Alert; durability: DurabilityName }> {
  const { sub } = actorOf(context)
  const { view } = context
  const alertId = idOf('RiskAlert', id, 'input.alertId')
  try {
    const { userId, durability } = await carryOut({ alertId, actor: sub, view, expectedVersion, note })
    context.wrote(durability)
    context.renew({ userId, alertId })
    const alert = await context.load({ kind: 'alert', alertId })
    if (!alert) throw new XinyiError('NOT_FOUND', 'The alert is not there any more.', 'The user was erased in the meantime.')
    return { alert, durability }
  } catch (error) {
    context.renew()
    throw error
  }
}

const ERRORS =
  'Errors: UNAUTHENTICATED, NOT_FOUND, BAD_USER_INPUT, STORE_UNAVAILABLE; CONFLICT where somebody else came first, with how the alert is now in `extensions.present`.'

builder.mutationFields((t) => ({
  acknowledgeRiskAlert: t.field({
    authScopes: CARE,
    type: RiskAlertPayload,
    description: `Takes an alert upon oneself: the caller becomes its assignee, and it is escalated no further. Unless that is renewed (by doing it again, by a note or by an assignment) it lapses: after 10 minutes where the level is IMMINENT, 30 where it is HIGH, 240 where it is MEDIUM, if not configured otherwise. ${ERRORS}`,
    args: { input: t.arg({ type: AlertActionInput, required: true, description: 'Which alert.' }) },
    resolve: (_, { input }, context) => act(context, input, (deed) => context.services.desk.acknowledge(deed)),
  }),
  resolveRiskAlert: t.field({
    authScopes: CARE,
    type: RiskAlertPayload,
    description: `Says that an alert is dealt with. A new sign of risk within 24 h reopens it; a later one raises another. ${ERRORS}`,
    args: { input: t.arg({ type: ResolveRiskAlertInput, required: true, description: 'Which alert, and how.' }) },
    resolve: (_, { input }, context) =>
      act(context, input, (deed) => context.services.desk.resolve({ ...deed, resolution: input.resolution })),
  }),
  escalateRiskAlert: t.field({
    authScopes: CARE,
    type: RiskAlertPayload,
    description: `Takes the next step of the escalation at once: whoever comes next is told. ${ERRORS}`,
    args: { input: t.arg({ type: AlertActionInput, required: true, description: 'Which alert.' }) },
    resolve: (_, { input }, context) => act(context, input, (deed) => context.services.desk.escalate(deed)),
  }),
  addRiskAlertNote: t.field({
    authScopes: CARE,
    type: RiskAlertPayload,
    description: `Adds a note to the history of an alert, resolved or not; one by its assignee renews their acknowledgement. ${ERRORS}`,
    args: { input: t.arg({ type: AlertActionInput, required: true, description: 'Which alert, and the note.' }) },
    resolve: (_, { input }, context) => act(context, input, (deed) => context.services.desk.note(deed)),
  }),
  assignCounselor: t.field({
    authScopes: SUPERVISOR,
    type: AssignCounselorPayload,
    description:
      'Has somebody, or nobody, look after a person from now on, and after their unresolved alert. Errors: UNAUTHENTICATED, NOT_FOUND, BAD_USER_INPUT, STORE_UNAVAILABLE.',
    args: { input: t.arg({ type: AssignCounselorInput, required: true, description: 'Whom, and who.' }) },
    resolve: async (_, { input: { userId, counselorId, reason } }, context) => {
      const { sub } = actorOf(context)
      const counselor = counselorId == null ? null : idOf('Counselor', counselorId, 'input.counselorId')
      try {
        const durability = await context.services.desk.assign(userId, { counselor, actor: sub, reason: reason ?? null })
        context.wrote(durability)
        return { userId, durability }
      } finally {
        context.renew()
      }
    },
  }),
}))
