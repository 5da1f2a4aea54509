import { checkText, MAX_USER_ID } from '../../services/text.ts'
import type { UserFilter as Filter } from '../../store/store.ts'
import { builder } from '../builder.ts'
import { checkChoice } from '../check.ts'
import { idOf } from '../ids.ts'
import { connection } from '../paging.ts'
import { CARE } from '../roles.ts'
import { Attention, RiskLevel, UserOrder } from './enums.ts'
import { User, UserConnection } from './refs.ts'

const MAX_TOPICS = 20
const MAX_TOPIC = 64

const UserFilter = builder.inputType('UserFilter', {
  description: 'Which users to list; all that is given has to hold.',
  fields: (t) => ({
    minRisk: t.field({ type: RiskLevel, description: 'The currentRisk is this or above.' }),
    attention: t.field({ type: Attention, description: 'The attention is exactly this.' }),
    topics: t.stringList({ description: 'Has ever talked about any of these: 1 to 20 names of topics.' }),
    activeSince: t.field({ type: 'DateTime', description: 'The lastActiveAt is then or later.' }),
    search: t.string({ description: 'The userId begins with this text, exactly; an empty text is no condition.' }),
    hasOpenAlert: t.boolean({ description: 'Whether there is an unresolved alert.' }),
    counselorId: t.id({ description: 'Global id of the counselor who looks after them.' }),
    unassigned: t.boolean({ description: 'Whether nobody looks after them.' }),
  }),
})

function checkFilter(given: typeof UserFilter.$inferInput | null | undefined): Filter {
  const { minRisk, attention, topics, activeSince, search, hasOpenAlert, counselorId, unassigned } = given ?? {}
  const names = topics?.map((name) => checkText('filter.topics', name, { max: MAX_TOPIC }).normalize('NFC'))
  return {
    minRisk: minRisk ?? undefined,
    attention: attention ?? undefined,
    topics: checkChoice('filter.topics', names, MAX_TOPICS),
    activeSince: activeSince ?? undefined,
    search: checkText('filter.search', search ?? '', { max: MAX_USER_ID, empty: true }) || undefined,
    hasOpenAlert: hasOpenAlert ?? undefined,
    counselor: counselorId == null ? undefined : idOf('Counselor', counselorId, 'filter.counselorId'),
    unassigned: unassigned ?? undefined,
  }
}

builder.queryField('users', (t) =>
  t.connection(
    {
      authScopes: CARE,
      type: User,
      description:
        'The people whom the caller may see, in an order and by a filter. A filtered page looks at a bounded number of users, and may end early with hasNextPage true: go on from endCursor.',
      args: {
        filter: t.arg({ type: UserFilter, description: 'Which users; all of them when left out.' }),
        orderBy: t.arg({ type: UserOrder, defaultValue: 'LAST_ACTIVE_DESC', description: 'In which order.' }),
      },
      resolve: (_, { filter: given, orderBy, ...args }, { load, seal }) => {
        const filter = checkFilter(given)
        const order = orderBy ?? 'LAST_ACTIVE_DESC'
        return connection(args, ['Query.users', order, filter], (page) => load({ kind: 'users', order, filter, page }), seal)
      },
    },
    UserConnection,
  ),
)
