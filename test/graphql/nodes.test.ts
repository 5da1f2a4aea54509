import { describe, expect, test } from 'vitest'
import { Origin } from '../helpers/events.ts'
import { stores } from '../helpers/stores.ts'
import { serve } from './serve.ts'

const STRANGE = [
  'a b',
  'user:x:profile',
  '{}[]()"\'\\',
  '*?',
  '🙂 心忆',
  'tab\tnewline\nnull\u0000',
  'x'.repeat(500),
  '😀'.repeat(512),
  ' ',
  '__proto__',
  'a\u0301',
]
const base64 = (text: string): string => Buffer.from(text).toString('base64')

describe.each(stores)('global ids in $name', (kind) => {
  test('lead back to what they came from, whatever the user is called', async () => {
    const { ask, services } = await serve(kind)
    const origin = new Origin()
    await services.store.append(
      STRANGE.map((user) =>
        origin.recorded({ user, id: `id of ${user}`.slice(0, 200), riskLevel: 'HIGH', emotionScore: 0.5, topics: ['a:b'] }),
      ),
    )
    for (const userId of STRANGE) {
      const { user } = await ask(
        `query ($userId: String!) { user(userId: $userId) { id userId
          conversations { edges { node { id } } } emotions { edges { node { id } } } topics { edges { node { id } } } riskAlerts { edges { node { id } } } } }`,
        { userId },
      )
      expect(user.userId).toBe(userId)
      const ids = [user.id, ...[user.conversations, user.emotions, user.topics, user.riskAlerts].map(({ edges }) => edges[0].node.id)]
      const { nodes } = await ask(
        'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on User { userId } ... on Conversation { user { userId } } } }',
        { ids },
      )
      expect(nodes).toEqual([
        { __typename: 'User', id: ids[0], userId },
        { __typename: 'Conversation', id: ids[1], user: { userId } },
        { __typename: 'EmotionPoint', id: ids[2] },
        { __typename: 'Topic', id: ids[3] },
        { __typename: 'RiskAlert', id: ids[4] },
      ])
    }
  })

  test('a malformed one is an error at its own place; one of nothing is null', async () => {
    const { run, services } = await serve(kind)
    await services.store.append([new Origin().recorded({ user: 'ada' })])
    const malformed = [
      '',
      'ada',
      base64('Nothing:ada'),
      base64('User:'),
      base64('Conversation:ada'),
      base64('Conversation:["ada"]'),
      `${base64('User:ada')}=`,
      base64(`User:${'x'.repeat(513)}`),
    ]
    const unknown = ['User:bob', 'Topic:nothing', 'RiskAlert:00', 'Conversation:["ada","nothing"]', 'EmotionPoint:["bob","nothing"]'].map(
      base64,
    )
    const ids = [base64('User:ada'), ...malformed, ...unknown, base64('User:ada')]
    const { data, errors } = await run('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids })
    expect(data.nodes).toEqual([{ id: ids[0] }, ...malformed.map(() => null), ...unknown.map(() => null), { id: ids[0] }])
    expect(errors?.map(({ path, extensions }) => [path, extensions.code, extensions.field])).toEqual(
      malformed.map((_, i) => [['nodes', i + 1], 'BAD_USER_INPUT', `ids[${i + 1}]`]),
    )
    const single = await run('query ($id: ID!) { node(id: $id) { id } }', { id: 'nonsense' })
    expect(single).toMatchObject({
      data: { node: null },
      errors: [{ path: ['node'], extensions: { code: 'BAD_USER_INPUT', field: 'id' } }],
    })
    const many = await run('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: Array.from({ length: 101 }, () => ids[0]) })
    expect(many).toMatchObject({ data: null, errors: [{ extensions: { code: 'BAD_USER_INPUT', field: 'ids' } }] })
  })

  test('a user is asked for by text that can be an id, and asking creates nobody', async () => {
    const { ask, run } = await serve(kind)
    expect(await ask('{ user(userId: "nobody") { id } }')).toEqual({ user: null })
    expect((await ask('{ users { totalCount } }')).users.totalCount).toBe(0)
    for (const userId of ['', 'half \ud83d', 'x'.repeat(513)]) {
      const { data, errors } = await run('query ($userId: String!) { user(userId: $userId) { id } }', { userId })
      expect(data.user).toBeNull()
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'userId' } }])
    }
    const { errors } = await run('query ($filter: UserFilter) { users(filter: $filter) { totalCount } }', {
      filter: { search: 'half \udc00' },
    })
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'filter.search' } }])
  })
})
