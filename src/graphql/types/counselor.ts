import type * as model from '../../model.ts'
import { sliceOf } from '../../store/rules.ts'
import { builder } from '../builder.ts'
import { globalId } from '../ids.ts'
import { connection } from '../paging.ts'
import { CARE, EVERYBODY, STAFFING } from '../roles.ts'
import { Role } from './enums.ts'
import { Counselor, CounselorConnection, User, UserConnection } from './refs.ts'

Counselor.implement({
  authScopes: EVERYBODY,
  description: 'Somebody who looks after people: a counselor, a supervisor or an admin.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: 'Global id of the counselor.', resolve: ({ sub }) => globalId({ type: 'Counselor', id: sub }) }),
    name: t.exposeString('name', {
      description: 'What they are called; where STAFF_FILE does not list them, the name that they signed in with last, or their `sub`.',
    }),
    role: t.expose('role', { type: Role, description: 'What they are.' }),
    users: t.connection(
      {
        authScopes: CARE,
        type: User,
        description: 'Whom they look after, by userId.',
        resolve: ({ sub }, args, { load, seal }) =>
          connection(
            args,
            ['Counselor.users', sub],
            (page) => load({ kind: 'users', order: 'USER_ID_ASC', filter: { counselor: sub }, page }),
            seal,
          ),
      },
      UserConnection,
    ),
  }),
})

builder.queryFields((t) => ({
  viewer: t.field({
    authScopes: EVERYBODY,
    type: Counselor,
    nullable: true,
    description: 'Who asks; null where they did not say.',
    resolve: (_, __, { caller }): model.Counselor | null => caller && { sub: caller.sub, name: caller.name, role: caller.roles[0] },
  }),
  counselors: t.connection(
    {
      authScopes: STAFFING,
      type: Counselor,
      description: 'Everybody whom STAFF_FILE lists, and whoever of the staff has signed in, by their ids.',
      resolve: (_, args, { services }) =>
        connection(args, ['Query.counselors'], async (page) => sliceOf(await services.staff.all(), ({ sub }) => [0, sub], page)),
    },
    CounselorConnection,
  ),
}))
