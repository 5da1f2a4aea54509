import { describe, expect, test } from 'vitest'
import { stores } from '../helpers/stores.ts'
import { seed, userName } from './seed.ts'
import { type Loose, type Served, serve } from './serve.ts'

const PAGE = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }'

/** Every connection, as the field to page through and what tells its items apart. */
const LISTS: Record<string, { query: (args: string) => string; at: (data: Loose) => Loose }> = {
  users: { query: (args) => `{ users(${args}, orderBy: RISK_DESC) { edges { node { id } } ${PAGE} } }`, at: (data) => data.users },
  'filtered users': {
    query: (args) => `{ users(${args}, filter: { minRisk: MEDIUM, topics: ["焦虑", "抑郁", "学习"] }) { edges { node { id } } ${PAGE} } }`,
    at: (data) => data.users,
  },
  'users of a topic': {
    query: (args) =>
      `{ node(id: "${Buffer.from('Topic:焦虑').toString('base64')}") { ... on Topic { users(${args}) { edges { node { id } } ${PAGE} } } } }`,
    at: (data) => data.node.users,
  },
  topics: { query: (args) => `{ topics(${args}) { edges { node { id } } ${PAGE} } }`, at: (data) => data.topics },
  'risk alerts': {
    query: (args) => `{ riskAlerts(${args}, filter: { minLevel: MEDIUM }) { edges { node { id } } ${PAGE} } }`,
    at: (data) => data.riskAlerts,
  },
  ...Object.fromEntries(
    ['conversations', 'emotions', 'topics', 'riskAlerts'].map((field) => [
      `${field} of a user`,
      {
        query: (args: string) => `{ user(userId: "${userName(3)}") { ${field}(${args}) { edges { node { id } } ${PAGE} } } }`,
        at: (data: Loose) => data.user[field],
      },
    ]),
  ),
}

async function walk(
  ask: Served['ask'],
  { query, at }: (typeof LISTS)[string],
  direction: 'first' | 'last',
  size: number,
): Promise<string[]> {
  const seen: string[] = []
  let args = `${direction}: ${size}`
  for (let pages = 0; pages < 100; pages += 1) {
    const { edges, pageInfo } = at(await ask(query(args)))
    const ids = edges.map(({ node }: Loose) => node.id)
    seen.splice(direction === 'first' ? seen.length : 0, 0, ...ids)
    if (!(direction === 'first' ? pageInfo.hasNextPage : pageInfo.hasPreviousPage)) return seen
    args = direction === 'first' ? `first: ${size}, after: "${pageInfo.endCursor}"` : `last: ${size}, before: "${pageInfo.startCursor}"`
  }
  throw new Error('it never ends')
}

describe.each(stores)('paging in $name', (kind) => {
  test('shows every item once, in one order, forwards and backwards and whatever the size of the page', async () => {
    const { ask, services } = await serve(kind)
    await seed(services.store, { count: 60, each: 7 })
    for (const [name, list] of Object.entries(LISTS)) {
      const all = at100(await walk(ask, list, 'first', 100))
      expect(all.length, name).toBeGreaterThan(0)
      for (const size of [1, 4]) {
        expect(await walk(ask, list, 'first', size), name).toEqual(all)
        expect(await walk(ask, list, 'last', size), name).toEqual(all)
      }
    }
  })

  test('goes by pages of 20 unless told otherwise, and backwards from `before` alone', async () => {
    const { ask, services } = await serve(kind)
    await seed(services.store, { count: 50, each: 1 })
    const { users } = await ask(`{ users(orderBy: USER_ID_ASC) { totalCount edges { cursor } ${PAGE} } }`)
    expect(users.edges).toHaveLength(20)
    expect(users.totalCount).toBe(50)
    expect(users.pageInfo).toMatchObject({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: users.edges[0].cursor,
      endCursor: users.edges[19].cursor,
    })
    const before = await ask(`{ users(orderBy: USER_ID_ASC, before: "${users.edges[5].cursor}") { edges { cursor } ${PAGE} } }`)
    expect(before.users.edges).toEqual(users.edges.slice(0, 5))
    const none = await ask('{ users(first: 0) { edges { cursor } pageInfo { hasNextPage startCursor endCursor } } }')
    expect(none.users).toEqual({ edges: [], pageInfo: { hasNextPage: true, startCursor: null, endCursor: null } })
    const { users: filtered } = await ask('{ users(filter: { minRisk: HIGH }) { totalCount } }')
    expect(filtered.totalCount).toBeNull()
  })

  test('refuses what is no page, and says which argument is at fault', async () => {
    const { ask, run, services } = await serve(kind)
    await seed(services.store, { count: 5, each: 3 })
    const { users, user } = await ask(
      `{ users { edges { cursor } } user(userId: "${userName(3)}") { conversations { edges { cursor } } } }`,
    )
    const ofUsers = users.edges[0].cursor
    const ofConversations = user.conversations.edges[0].cursor
    const refused: Record<string, [field: string, says: RegExp]> = {
      'first: 1, last: 1': ['last', /first and last/],
      'first: 101': ['first', /first is 101/],
      'first: -1': ['first', /first is -1/],
      'last: 101': ['last', /last is 101/],
      'last: -5': ['last', /last is -5/],
      'after: "nonsense"': ['after', /after is not a cursor/],
      'before: ""': ['before', /before is not a cursor/],
      [`after: "${Buffer.from('["x",1]').toString('base64url')}"`]: ['after', /after is not a cursor/],
      [`after: "${ofConversations}"`]: ['after', /another list/],
      [`after: "${ofUsers}", orderBy: CREATED_DESC`]: ['after', /another list, order or filter/],
      [`before: "${ofUsers}", filter: { minRisk: LOW }`]: ['before', /another list, order or filter/],
    }
    for (const [args, [field, says]] of Object.entries(refused)) {
      const { data, errors } = await run(`{ users(${args}) { totalCount } }`)
      expect(data, args).toBeNull()
      expect(errors, args).toMatchObject([
        { message: expect.stringMatching(says), path: ['users'], extensions: { code: 'BAD_USER_INPUT', field, hint: expect.any(String) } },
      ])
    }
    const { errors } = await run(`{ user(userId: "${userName(4)}") { conversations(after: "${ofConversations}") { totalCount } } }`)
    expect(errors?.[0]?.message).toMatch(/another list/)
  })
})

const at100 = (all: string[]): string[] => {
  expect(new Set(all).size).toBe(all.length)
  return all
}
