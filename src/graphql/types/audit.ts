import type { Role as RoleName } from '../../model.ts'
import type { AuditEntry as Entry } from '../../services/audit.ts'
import { checkUserId } from '../../services/text.ts'
import { DEED } from '../audit.ts'
import { builder } from '../builder.ts'
import { connection } from '../paging.ts'
import { ADMIN } from '../roles.ts'
import { Role } from './enums.ts'

const AuditActor = builder.objectRef<{ sub: string; name: string; role: RoleName }>('AuditActor').implement({
  authScopes: ADMIN,
  description: 'Whoever made a request, as they were then.',
  fields: (t) => ({
    sub: t.exposeString('sub', { description: 'The id that they have for ever, as their token had it.' }),
    name: t.exposeString('name', { description: 'Their name then.' }),
    role: t.expose('role', { type: Role, description: 'Their role then.' }),
  }),
})

const AuditEntry = builder.objectRef<Entry>('AuditEntry').implement({
  authScopes: ADMIN,
  description: 'What somebody did, or was shown, of one person in one request. Never what anybody said.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Which server wrote it down, and the number it gave it: without gaps, from 1.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    requestId: t.exposeString('requestId', { description: 'The x-request-id of the answer.' }),
    actor: t.expose('actor', { type: AuditActor, nullable: true, description: 'Who; null where that is not known.' }),
    action: t.exposeString('action', { description: 'What: names of the schema, such as `Mutation.eraseUser` or `Query.user`.' }),
    userId: t.exposeString('userId', {
      nullable: true,
      description: 'Whose: the id of the person; null where it concerns nobody in particular, or somebody who was erased since.',
    }),
    userMark: t.exposeString('userMark', {
      nullable: true,
      description:
        'Stands for the person, the same in every entry of a server, and tells nobody who they are; null where it concerns nobody.',
    }),
    fields: t.exposeStringList('fields', { description: 'The fields of text that were shown, such as `Conversation.query`.' }),
    outcome: t.exposeString('outcome', { description: 'OK, or the code of the error.' }),
  }),
})

const AuditEntryConnection = builder.connectionObject(
  { type: AuditEntry, name: 'AuditEntryConnection', authScopes: ADMIN, description: 'A page of the audit log.' },
  { name: 'AuditEntryEdge', authScopes: ADMIN, description: 'An entry of the audit log.' },
)

builder.queryField('auditLog', (t) =>
  t.connection(
    {
      ...DEED,
      authScopes: ADMIN,
      type: AuditEntry,
      description:
        'Who did, or was shown, what of whom: newest first. For ADMIN; that it was asked for is an entry of its own. After an erasure `userId` still finds what stands under the mark of that id.',
      args: {
        userId: t.arg.string({ description: "Only of this person: the caller's own id." }),
        actor: t.arg.string({ description: 'Only by whoever has this sub.' }),
        from: t.arg({ type: 'DateTime', description: 'Only from this moment on.' }),
        to: t.arg({ type: 'DateTime', description: 'Only up to this moment.' }),
      },
      resolve: (_, { userId, actor, from, to, ...args }, context) => {
        const asked = {
          userId: userId == null ? undefined : checkUserId(userId),
          actor: actor ?? undefined,
          from: from ?? undefined,
          to: to ?? undefined,
        }
        return connection(args, ['Query.auditLog', asked], (page) => context.services.audit.page({ ...asked, page }))
      },
    },
    AuditEntryConnection,
  ),
)
