import type * as model from '../../model.ts'
import type { AlertMessage } from '../../services/reader.ts'
import { orFailure, streamOf } from '../../services/stream.ts'
import { TEXT } from '../audit.ts'
import { builder } from '../builder.ts'
import { checkChoice } from '../check.ts'
import { userOf } from '../context.ts'
import { asksOfOthers, hear, type LiveMessage, type Subscriber } from '../hearing.ts'
import { globalId, idOf } from '../ids.ts'
import { connection } from '../paging.ts'
import { CARE, FOR_SERVICE } from '../roles.ts'
import { AlertEventKind, AlertStatus, RiskLevel } from './enums.ts'
import { AlertEvent, AlertEventConnection, Conversation, Counselor, RiskAlert, RiskAlertConnection, User } from './refs.ts'

/** With whom it is about. */
type Of<T> = T & { userId: string }

const AlertTrigger = builder.objectRef<Of<model.AlertTrigger>>('AlertTrigger').implement({
  authScopes: CARE,
  description: 'The copy of the exchange that raised an alert; it stays with the alert when the conversation is no longer kept.',
  fields: (t) => ({
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When it happened.' }),
    query: t.exposeString('query', { ...TEXT, description: 'What the person wrote, whole.' }),
    response: t.exposeString('response', { ...TEXT, description: 'What the assistant answered, whole.' }),
    riskLevel: t.expose('riskLevel', { type: RiskLevel, description: 'Its risk level.' }),
  }),
})

AlertEvent.implement({
  authScopes: CARE,
  description: 'Something that happened to an alert.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Id of the event, the same wherever it is seen: for telling repeats apart.' }),
    kind: t.expose('kind', { type: AlertEventKind, description: 'What happened.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When the service took note of it.' }),
    actor: t.exposeString('actor', { nullable: true, description: 'Who did it; null when a conversation or the passing of time did.' }),
    note: t.exposeString('note', { ...TEXT, nullable: true, description: 'What whoever did it had to say; null for nothing.' }),
    level: t.expose('level', {
      type: RiskLevel,
      description: "For RAISED and LEVEL_RAISED the alert's level from then on; for OCCURRED the level of the conversation that was added.",
    }),
  }),
})

RiskAlert.implement({
  authScopes: CARE,
  description:
    'Somebody should look at this person. A conversation of risk MEDIUM or above raises it; while it is not resolved, further ones add to it: a user has at most one unresolved alert. A conversation that happened more than 24 h before it is recorded raises none.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ ...FOR_SERVICE, description: 'Global id of the alert.', resolve: ({ id }) => globalId({ type: 'RiskAlert', id }) }),
    user: t.field({
      type: User,
      description: 'Whom it is about.',
      resolve: ({ userId, person }, _, context) => person ?? userOf(context, userId),
    }),
    level: t.expose('level', { ...FOR_SERVICE, type: RiskLevel, description: 'The highest risk of its conversations.' }),
    status: t.expose('status', { ...FOR_SERVICE, type: AlertStatus, description: 'Where it stands.' }),
    occurrences: t.exposeInt('occurrences', { description: 'How many conversations have raised it and added to it.' }),
    raisedAt: t.expose('raisedAt', { type: 'DateTime', description: 'When it was raised: when the service took the conversation.' }),
    lastSeenAt: t.expose('lastSeenAt', { type: 'DateTime', description: 'When the latest of its conversations happened.' }),
    conversation: t.field({
      type: Conversation,
      nullable: true,
      description: 'The conversation that raised it; null once it is no longer kept.',
      resolve: ({ userId, conversationId }, _, { load }) => load({ kind: 'conversation', userId, id: conversationId }),
    }),
    trigger: t.field({
      type: AlertTrigger,
      nullable: true,
      description: "The alert's own copy of that exchange; null after clearHistory.",
      resolve: ({ userId, trigger }) => trigger && { ...trigger, userId },
    }),
    assignee: t.field({
      type: Counselor,
      nullable: true,
      description: 'Who is to look after it; null for nobody.',
      resolve: ({ assignee }, _, { services }) => (assignee === null ? null : services.staff.find(assignee)),
    }),
    acknowledgedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Since when somebody has it; null while nobody does.',
      resolve: ({ acknowledged }) => acknowledged?.at ?? null,
    }),
    acknowledgedBy: t.field({
      type: Counselor,
      nullable: true,
      description: 'Who has it; null while nobody does.',
      resolve: ({ acknowledged }, _, { services }) => acknowledged && services.staff.find(acknowledged.by),
    }),
    acknowledgementExpiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the acknowledgement lapses, if it is not renewed; null where there is none, or the alert is resolved.',
      resolve: ({ status, acknowledged }) => (status === 'ACKNOWLEDGED' ? (acknowledged?.until ?? null) : null),
    }),
    resolvedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was resolved; null while it is not.',
      resolve: ({ resolved }) => resolved?.at ?? null,
    }),
    resolvedBy: t.field({
      type: Counselor,
      nullable: true,
      description: 'Who resolved it; null while it is not.',
      resolve: ({ resolved }, _, { services }) => resolved && services.staff.find(resolved.by),
    }),
    resolution: t.string({
      ...TEXT,
      nullable: true,
      description: 'How it was dealt with; null while it is not resolved.',
      resolve: ({ resolved }) => resolved?.resolution ?? null,
    }),
    escalationStep: t.int({
      description: 'How many steps of escalation were taken since it began to wait for somebody.',
      resolve: ({ escalation }) => escalation.step,
    }),
    escalatedTo: t.field({
      type: [Counselor],
      description: 'Whom it was escalated to. They may see it, and its user, until it is resolved or somebody else acknowledges it.',
      resolve: ({ escalation }, _, { services }) => Promise.all(escalation.to.map((sub) => services.staff.find(sub))),
    }),
    nextEscalationAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the next step is due; null after the last one, and while it does not wait.',
      resolve: ({ status, escalation }) => (status === 'OPEN' ? escalation.next : null),
    }),
    version: t.exposeInt('version', {
      description:
        'Counts its changes of status, level and assignee from 1; further occurrences alone do not count. 0 where the alert is `withdrawn`: how often it changed since is nobody’s business then.',
    }),
    history: t.connection(
      {
        type: AlertEvent,
        description: 'What happened to it, oldest first.',
        resolve: ({ id, userId }, args, { load }) =>
          connection(args, ['RiskAlert.history', id], async (page) => {
            const { items, ...rest } = await load({ kind: 'alertHistory', alertId: id, page })
            return { ...rest, items: items.map(({ key, value }) => ({ key, value: { ...value, userId } })) }
          }),
      },
      AlertEventConnection,
    ),
  }),
})

const RiskAlertFilter = builder.inputType('RiskAlertFilter', {
  description: 'Which alerts to list; all that is given has to hold.',
  fields: (t) => ({
    status: t.field({ type: [AlertStatus], description: 'One of these. An empty list is BAD_USER_INPUT.' }),
    minLevel: t.field({ type: RiskLevel, description: 'Of this level or above.' }),
    assigneeId: t.id({ description: 'Global id of the counselor who is to look after it.' }),
    unassigned: t.boolean({ description: 'Whether nobody is.' }),
  }),
})

builder.queryField('riskAlerts', (t) =>
  t.connection(
    {
      authScopes: CARE,
      type: RiskAlert,
      description: 'The alerts of everybody whom the caller may see: most severe first, and of those the oldest first.',
      args: { filter: t.arg({ type: RiskAlertFilter, description: 'Which alerts; all of them, resolved ones too, when left out.' }) },
      resolve: (_, { filter, ...args }, { load, seal }) => {
        const asked = {
          status: checkChoice('filter.status', filter?.status, 3),
          minLevel: filter?.minLevel ?? undefined,
          assignee: filter?.assigneeId == null ? undefined : idOf('Counselor', filter.assigneeId, 'filter.assigneeId'),
          unassigned: filter?.unassigned ?? undefined,
        }
        return connection(args, ['Query.riskAlerts', asked], (page) => load({ kind: 'alerts', ...asked, page }), seal)
      },
    },
    RiskAlertConnection,
  ),
)

const RiskAlertMessage = builder.objectRef<LiveMessage>('RiskAlertMessage').implement({
  authScopes: CARE,
  description: 'News of an alert.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', { description: 'Where this message stands, opaque: hand the latest to `after` to go on from there.' }),
    replayed: t.exposeBoolean('replayed', {
      description: 'Whether it happened before the subscription began: true while catching up from `after`.',
    }),
    withdrawn: t.exposeBoolean('withdrawn', {
      description:
        "True: somebody else has the alert now, or it is resolved, and so it and the person are not the caller's to see any more. This is the last they hear of it, and the alert has nothing but its id, its level and the id of the person. Only counselors are told so.",
    }),
    event: t.field({
      type: AlertEvent,
      description: 'What happened.',
      resolve: ({ event, alert: { userId } }) => ({ ...event, userId }),
    }),
    alert: t.expose('alert', { type: RiskAlert, description: 'The alert as it is now, which may be later than the event.' }),
  }),
})

/** What is asked for of the feed. A failure is the last item, so that it reaches the client as an error. */
function newsOf(messages: AsyncIterableIterator<AlertMessage>, subscriber: Subscriber) {
  const next = async (): Promise<{ value: LiveMessage } | null> => {
    for (;;) {
      const { value: message, done } = await messages.next()
      if (done) return null
      const heard = await hear(message, subscriber)
      if (heard) return { value: heard }
    }
  }
  return streamOf(orFailure(next), () => messages.return?.())
}

builder.subscriptionField('riskAlerts', (t) =>
  t.field({
    authScopes: CARE,
    type: RiskAlertMessage,
    description:
      'News of alerts as they happen. With `after`, first what was missed since then, in order and marked `replayed`, then live: no gap, and no event twice. Without it, from the next event on. Errors: BAD_USER_INPUT for a malformed cursor, CURSOR_EXPIRED where the log does not reach back to it any more (after 30 days, or when Redis has lost much of it): subscribe without, then query the present alerts.',
    args: {
      after: t.arg.string({ description: 'The `cursor` of the last message that was received.' }),
      minLevel: t.arg({ type: RiskLevel, defaultValue: 'MEDIUM', description: 'Only events of this level or above.' }),
      counselorId: t.arg.id({ description: 'Global id of a counselor: only events of alerts that they are to look after by then.' }),
    },
    subscribe: async (_, { after, minLevel, counselorId }, context, info) => {
      const assignee = counselorId == null ? null : idOf('Counselor', counselorId, 'counselorId')
      const { line, services } = context
      const asked = { after: line?.lastEventId ?? after, minLevel: minLevel ?? 'MEDIUM', onIdle: line?.idle, onTooSlow: line?.tooSlow }
      return newsOf(await services.feed.subscribe(asked), { context, assignee, asksOfOthers: asksOfOthers(info) })
    },
    resolve: (message) => {
      if (message instanceof Error) throw message
      return message
    },
  }),
)
