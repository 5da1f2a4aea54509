import { describe, expect, test } from 'vitest'
import { ClearHistoryDocument, EraseUserDocument } from '../../src/gql/graphql.ts'
import { DAY_MS } from '../../src/model.ts'
import { HOUR, limits, NOW } from '../helpers/events.ts'
import { stores } from '../helpers/stores.ts'
import { RECORD, serve } from './serve.ts'

const said = { userId: 'ada', query: '最近总是失眠', response: '什么时候开始的？' }
const RECORD_MANY =
  'mutation ($input: [RecordConversationInput!]!) { recordConversations(input: $input) { duplicate user { totalChats } conversation { query } } }'
const ago = (ms: number): string => new Date(NOW - ms).toISOString()

describe.each(stores)('recording in $name', (kind) => {
  test('answers with the conversation, the person and the alert as they are after it', async () => {
    const { ask } = await serve(kind)
    const first = await ask(RECORD, { input: said })
    expect(first.recordConversation).toMatchObject({
      duplicate: false,
      conversation: { occurredAt: '2026-11-20T12:00:00.000Z', topics: [{ name: '失眠' }] },
      user: { userId: 'ada', totalChats: 1, currentRisk: 'LOW', attention: 'NONE' },
      alert: null,
    })
    const second = await ask(RECORD, { input: { ...said, riskLevel: 'HIGH', topics: ['family', ' family '] } })
    expect(second.recordConversation).toMatchObject({
      conversation: { topics: [{ name: 'family' }] },
      user: { totalChats: 2, currentRisk: 'HIGH' },
      alert: { level: 'HIGH', status: 'OPEN', occurrences: 1 },
    })
  })

  test('a later mutation of the same operation sees the earlier one', async () => {
    const { ask } = await serve(kind)
    const one = (name: string) =>
      `${name}: recordConversation(input: { userId: "u", query: "q", response: "r", riskLevel: MEDIUM }) { user { totalChats } alert { occurrences } }`
    expect(await ask(`mutation { ${one('a')} ${one('b')} }`)).toEqual({
      a: { user: { totalChats: 1 }, alert: { occurrences: 1 } },
      b: { user: { totalChats: 2 }, alert: { occurrences: 2 } },
    })
  })

  test('a retry is told what the first answer said; other content under its key is a conflict', async () => {
    const { ask, run } = await serve(kind)
    const input = { ...said, riskLevel: 'HIGH' as const, idempotencyKey: 'k' }
    const first = await ask(RECORD, { input })
    const again = await ask(RECORD, { input })
    expect(again.recordConversation).toEqual({ ...first.recordConversation, duplicate: true })
    const { data, errors } = await run(RECORD, { input: { ...input, response: 'other' } })
    expect(data).toBeNull()
    expect(errors).toMatchObject([{ path: ['recordConversation'], extensions: { code: 'CONFLICT', hint: expect.any(String) } }])
  })

  test('the conversation is null only when it is not kept', async () => {
    const { ask, services, now } = await serve(kind)
    await services.history.applyPolicy(limits({ conversations: 5, conversationsDays: 30 }))
    const old = await ask(RECORD, { input: { ...said, riskLevel: 'HIGH', occurredAt: ago(31 * DAY_MS) } })
    expect(old.recordConversation).toMatchObject({ conversation: null, duplicate: false, user: { totalChats: 1 }, alert: null })

    const input = { ...said, idempotencyKey: 'k' }
    await ask(RECORD, { input })
    const kept = await ask(RECORD, { input })
    expect(kept.recordConversation).toMatchObject({ duplicate: true, conversation: { id: expect.any(String) } })
    now.time += HOUR
    await ask(ClearHistoryDocument, { userId: 'ada' })
    const gone = await ask(RECORD, { input })
    expect(gone.recordConversation).toMatchObject({ duplicate: true, conversation: null, user: { totalChats: 2 } })
  })

  test('says which field it does not take', async () => {
    const { run } = await serve(kind)
    const refused: Record<string, object> = {
      'input.query': { query: 'half \ud83d' },
      'input.response': { response: 'x'.repeat(16_001) },
      'input.occurredAt': { occurredAt: ago(-61_000) },
      'input.references': { references: -1 },
      'input.userId': { userId: 'x'.repeat(513) },
    }
    for (const [field, part] of Object.entries(refused)) {
      const { errors } = await run('mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate } }', {
        input: { ...said, ...part },
      })
      expect(errors, field).toMatchObject([{ path: ['recordConversation'], extensions: { code: 'BAD_USER_INPUT', field } }])
    }
  })

  test('many stand or fall one by one, and keep their order', async () => {
    const { ask, run } = await serve(kind)
    const input = Array.from({ length: 250 }, (_, i) => ({ ...said, query: i % 100 === 99 ? '\ud83d' : `query ${i}` }))
    const { data, errors } = await run(RECORD_MANY, { input })
    expect(errors?.map(({ path, extensions }) => [path, extensions.field])).toEqual([
      [['recordConversations', 99], 'input[99].query'],
      [['recordConversations', 199], 'input[199].query'],
    ])
    expect(data.recordConversations.map((payload: { conversation: { query: string } } | null) => payload?.conversation.query)).toEqual(
      input.map(({ query }) => (query === '\ud83d' ? undefined : query)),
    )
    expect(data.recordConversations[0].user.totalChats).toBe(248)
    const { user } = await ask('{ user(userId: "ada") { conversations(first: 3) { edges { node { query } } } } }')
    expect(user.conversations.edges.map(({ node }: { node: { query: string } }) => node.query)).toEqual([
      'query 249',
      'query 248',
      'query 247',
    ])
  })

  test('takes 1 to 500 at a time, up to 8 MiB', async () => {
    const { run } = await serve(kind)
    const none = await run(RECORD_MANY, { input: [] })
    expect(none).toMatchObject({ data: null, errors: [{ extensions: { code: 'BAD_USER_INPUT', field: 'input' } }] })
    const many = await run('mutation ($input: [RecordConversationInput!]!) { recordConversations(input: $input) { duplicate } }', {
      input: Array.from({ length: 501 }, () => said),
    })
    expect(many).toMatchObject({ data: null, errors: [{ extensions: { code: 'BAD_USER_INPUT', field: 'input' } }] })
    const large = await run(RECORD_MANY, { input: Array.from({ length: 200 }, () => ({ ...said, query: '心'.repeat(14_000) })) })
    expect(large).toMatchObject({ data: null, errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }] })
  })

  test('clearing keeps the person, erasing keeps nothing', async () => {
    const { ask, run } = await serve(kind)
    await ask(RECORD, { input: { ...said, riskLevel: 'HIGH' } })
    const cleared = await ask(ClearHistoryDocument, { userId: 'ada' })
    expect(cleared.clearHistory).toMatchObject({ removedConversations: 1, user: { userId: 'ada', totalChats: 1 } })
    const { user } = await ask(
      '{ user(userId: "ada") { conversations { totalCount } topics { totalCount } emotions { totalCount } riskAlerts { edges { node { trigger { query } conversation { id } } } } } }',
    )
    expect(user).toEqual({
      conversations: { totalCount: 0 },
      topics: { totalCount: 0 },
      emotions: { totalCount: 0 },
      riskAlerts: { edges: [{ node: { trigger: null, conversation: null } }] },
    })
    const { eraseUser } = await ask(EraseUserDocument, { userId: 'ada', reason: 'asked for it' })
    expect(eraseUser).toMatchObject({ userId: 'ada', removed: { conversations: 0, alerts: 1 } })
    expect(eraseUser.removed.redisKeys === null).toBe(kind.name === 'sqlite')
    expect(await ask('{ user(userId: "ada") { id } riskAlerts { totalCount } }')).toEqual({ user: null, riskAlerts: { totalCount: 0 } })

    const unknown = await ask(EraseUserDocument, { userId: 'nobody', reason: 'asked for it' })
    expect(unknown.eraseUser.removed).toMatchObject({ conversations: 0, emotions: 0, topics: 0, alerts: 0 })
    const { errors } = await run(ClearHistoryDocument, { userId: 'nobody' })
    expect(errors).toMatchObject([{ extensions: { code: 'NOT_FOUND', field: 'userId' } }])
  })
})
