import { getNamedType, isObjectType } from 'graphql'
import { expect, test } from 'vitest'
import { schema } from '../../src/graphql/schema.ts'
import { sqliteStore } from '../helpers/stores.ts'
import { type Served, serve } from './serve.ts'

const RECORD = 'mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate alert { id } } }'
const READ =
  'query Whatever($userId: String!) { user(userId: $userId) { conversations { edges { node { query riskLevel } } } riskAlerts { edges { node { trigger { response } } } } } }'
const CONTEXT = '{ user(userId: "ada") { context { text } } }'
const LOG = `query ($first: Int, $after: String, $userId: String, $actor: String, $from: DateTime, $to: DateTime) {
  auditLog(first: $first, after: $after, userId: $userId, actor: $actor, from: $from, to: $to) {
    edges { node { at requestId actor { sub name role } action userId userMark fields outcome } } pageInfo { endCursor hasNextPage } } }`

interface Entry {
  actor: { sub: string; role: string } | null
  action: string
  userId: string | null
  userMark: string | null
  fields: string[]
  outcome: string
}

const say = ({ ask }: Served, userId = 'ada', input: object = {}) =>
  ask(RECORD, { input: { userId, query: 'I am so tired', response: 'Tell me more', ...input } })

/** What is in the log, newest first, but for the reading of it. */
async function entries({ ask, as }: Served, variables: object = {}): Promise<Entry[]> {
  const asked = { ...as }
  Object.assign(as, { sub: 'root', roles: ['ADMIN'] })
  const { auditLog } = await ask(LOG, { first: 100, ...variables })
  Object.assign(as, asked)
  return auditLog.edges.map(({ node }: { node: Entry }) => node).filter(({ action }: Entry) => action !== 'Query.auditLog')
}

const brief = ({ action, userId, fields, outcome }: Entry) => [action, userId, fields, outcome]

test('a mutation leaves an entry, with its code where it fails', async () => {
  const served = await serve(sqliteStore)
  await say(served)
  await served.run(RECORD, { input: { userId: 'ada', query: '', response: 'r' } })
  await served.run('mutation { clearHistory(userId: "nobody-known") { removedConversations } }')
  expect((await entries(served)).map(brief)).toEqual([
    ['Mutation.clearHistory', 'nobody-known', [], 'NOT_FOUND'],
    ['Mutation.recordConversation', 'ada', [], 'BAD_USER_INPUT'],
    ['Mutation.recordConversation', 'ada', [], 'OK'],
  ])
})

test('what is refused to somebody for their role leaves an entry, and nothing where it is not known who asked', async () => {
  const served = await serve(sqliteStore)
  served.as.roles = ['COUNSELOR']
  const erase = 'mutation { ...F } fragment F on Mutation { eraseUser(userId: "ada", reason: "r") { userId } }'
  expect((await served.run(erase)).errors?.[0]?.extensions.code).toBe('FORBIDDEN')
  served.as.sub = null
  expect((await served.run(erase)).errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED')
  expect((await entries(served)).map(brief)).toEqual([['Mutation.eraseUser', null, [], 'FORBIDDEN']])
})

test('each person of a batch has an entry for each outcome, and each field of a mutation its own', async () => {
  const served = await serve(sqliteStore)
  const item = (userId: string, query: string) => ({ userId, query, response: 'r' })
  await served.run(
    'mutation ($input: [RecordConversationInput!]!) { recordConversations(input: $input) { duplicate } pinStorage(to: AUTO) { mode } }',
    {
      input: [
        item('x'.repeat(600), 'q'),
        item('null', ''),
        item('ada', 'q'),
        item('bob', ''),
        item('ada', 'q2'),
        item('cleo', 'q'),
        item('ada', ''),
        item('bob', ''),
      ],
    },
  )
  expect((await entries(served)).map(brief).reverse()).toEqual([
    ['Mutation.recordConversations', null, [], 'BAD_USER_INPUT'],
    ['Mutation.recordConversations', 'null', [], 'BAD_USER_INPUT'],
    ['Mutation.recordConversations', 'ada', [], 'OK'],
    ['Mutation.recordConversations', 'bob', [], 'BAD_USER_INPUT'],
    ['Mutation.recordConversations', 'cleo', [], 'OK'],
    ['Mutation.recordConversations', 'ada', [], 'BAD_USER_INPUT'],
    ['Mutation.pinStorage', null, [], 'BAD_USER_INPUT'],
  ])
})

test('what is read of a person leaves one entry a request, with the fields of text and nothing that was said', async () => {
  const served = await serve(sqliteStore)
  await say(served, 'ada', { riskLevel: 'HIGH' })
  await say(served, 'ada')
  await served.ask(READ, { userId: 'ada' })
  const [read] = await entries(served)
  expect(read).toMatchObject({
    actor: { sub: 'chief', name: 'chief', role: 'SUPERVISOR' },
    action: 'Query.user',
    userId: 'ada',
    fields: ['AlertTrigger.response', 'Conversation.query'],
    outcome: 'OK',
  })
  expect(JSON.stringify(await entries(served))).not.toMatch(/tired|Tell|Whatever/)
})

test('whoever reads of many people leaves an entry for each; whoever reads no text leaves none', async () => {
  const served = await serve(sqliteStore)
  await say(served, 'ada')
  await say(served, 'bob')
  const before = (await entries(served)).length
  await served.ask('{ users { edges { node { userId totalChats summary } } } overview { users } }')
  expect(await entries(served)).toHaveLength(before)
  await served.ask('{ users { edges { node { userId context { text } } } } overview { users } }')
  const fresh = (await entries(served)).slice(0, -before)
  expect(fresh.map(brief).sort()).toEqual([
    ['Query.overview Query.users', 'ada', ['PromptContext.text'], 'OK'],
    ['Query.overview Query.users', 'bob', ['PromptContext.text'], 'OK'],
  ])
})

test('text that a mutation answers with is in its entry', async () => {
  const served = await serve(sqliteStore)
  await served.ask('mutation { recordConversation(input: { userId: "ada", query: "q", response: "r" }) { conversation { query } } }')
  expect((await entries(served)).map(brief)).toEqual([['Mutation.recordConversation', 'ada', ['Conversation.query'], 'OK']])
})

test('notes and resolutions about a person count as text', async () => {
  const served = await serve(sqliteStore)
  const { recordConversation } = await say(served, 'ada', { riskLevel: 'HIGH' })
  const alertId = recordConversation.alert.id
  await served.ask(
    'mutation ($alertId: ID!) { resolveRiskAlert(input: { alertId: $alertId, resolution: "called", note: "home" }) { alert { version } } }',
    { alertId },
  )
  await served.ask('query ($id: ID!) { node(id: $id) { ... on RiskAlert { resolution history { edges { node { note } } } } } }', {
    id: alertId,
  })
  expect((await entries(served)).slice(0, 2).map(brief)).toEqual([
    ['Query.node', 'ada', ['AlertEvent.note', 'RiskAlert.resolution'], 'OK'],
    ['Mutation.resolveRiskAlert', 'ada', [], 'OK'],
  ])
})

test('the log is for ADMIN, is filtered and paged through, and reading it is in it', async () => {
  const served = await serve(sqliteStore)
  await say(served, 'ada')
  served.now.time += 1_000
  await say(served, 'bob')
  served.as.roles = ['SUPERVISOR']
  expect((await served.run(LOG)).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' })
  served.as.sub = null
  expect((await served.run(LOG)).errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' })
  Object.assign(served.as, { sub: 'root', roles: ['ADMIN'] })
  const first = await served.ask(LOG, { first: 2 })
  expect(first.auditLog.edges.map(({ node }: { node: Entry }) => brief(node))).toEqual([
    ['Query.auditLog', null, [], 'FORBIDDEN'],
    ['Mutation.recordConversation', 'bob', [], 'OK'],
  ])
  const { auditLog } = await served.ask(LOG, { first: 1, after: first.auditLog.pageInfo.endCursor })
  expect(auditLog.edges.map(({ node }: { node: Entry }) => node.userId)).toEqual(['ada'])
  expect((await entries(served, { userId: 'ada' })).map(({ userId }) => userId)).toEqual(['ada'])
  expect(await entries(served, { actor: 'wang' })).toEqual([])
  const later = first.auditLog.edges[1]
  expect((await entries(served, { from: later.node.at })).map(({ userId }) => userId)).toContain('bob')
  expect((await entries(served, { from: later.node.at })).map(({ userId }) => userId)).not.toContain('ada')
})

test('after an erasure nothing names the person, and their id still finds what was done', async () => {
  const served = await serve(sqliteStore)
  await say(served, 'ada')
  await served.ask('mutation { eraseUser(userId: "ada", reason: "wished for") { userId } }')
  const found = await entries(served, { userId: 'ada' })
  expect(found.map(({ action, userId }) => [action, userId])).toEqual([
    ['Mutation.eraseUser', null],
    ['Mutation.recordConversation', null],
  ])
  expect(found[0]?.userMark).toMatch(/^[\w-]{43}$/)
})

test('where nothing can be written text is refused, and what was done is answered and written later', async () => {
  const served = await serve(sqliteStore)
  await say(served)
  served.disk.isFull = true
  expect(await served.run(READ, { userId: 'ada' })).toMatchObject({ data: null, errors: [{ extensions: { code: 'STORE_UNAVAILABLE' } }] })
  expect(await served.ask('{ user(userId: "ada") { totalChats } }')).toEqual({ user: { totalChats: 1 } })
  await say(served)
  expect(served.services.audit.owed).toBe(1)
  served.disk.isFull = false
  await expect.poll(() => served.services.audit.owed, { timeout: 10_000 }).toBe(0)
  expect(await entries(served)).toHaveLength(2)
})

const ACKNOWLEDGE = `mutation ($id: ID!) { acknowledgeRiskAlert(input: { alertId: $id, note: "hers" }) {
  durability alert { id status version trigger { query } history { edges { node { note kind } } } user { userId words: context { text } } } } }`

test('a mutation that asks for text is not begun where nothing can be written; without, it is done', async () => {
  const served = await serve(sqliteStore)
  const { recordConversation } = await say(served, 'ada', { riskLevel: 'HIGH' })
  const { id } = recordConversation.alert
  served.disk.isFull = true
  await served.run(READ, { userId: 'ada' })
  const { data, errors } = await served.run(ACKNOWLEDGE, { id })
  expect(data).toBeUndefined()
  expect(errors).toMatchObject([{ message: expect.stringContaining('nothing was done'), extensions: { code: 'STORE_UNAVAILABLE' } }])
  const without = 'mutation ($id: ID!) { acknowledgeRiskAlert(input: { alertId: $id, expectedVersion: 1 }) { alert { status version } } }'
  expect((await served.ask(without, { id })).acknowledgeRiskAlert.alert).toEqual({ status: 'ACKNOWLEDGED', version: 2 })
  served.disk.isFull = false
  await expect.poll(() => served.services.audit.owed, { timeout: 10_000 }).toBe(0)
  expect((await entries(served)).map(brief)).toEqual([
    ['Mutation.acknowledgeRiskAlert', 'ada', [], 'OK'],
    ['Mutation.acknowledgeRiskAlert', null, [], 'STORE_UNAVAILABLE'],
    ['Mutation.recordConversation', 'ada', [], 'OK'],
  ])
})

test('one that finds out only afterwards answers what it did, without the text, and says that it took effect', async () => {
  const served = await serve(sqliteStore)
  const { recordConversation } = await say(served, 'ada', { riskLevel: 'HIGH' })
  const { id } = recordConversation.alert
  served.disk.isFull = true
  const { data, errors } = await served.run(ACKNOWLEDGE, { id })
  expect(data).toEqual({
    acknowledgeRiskAlert: {
      durability: 'JOURNAL',
      alert: {
        ...{ id, status: 'ACKNOWLEDGED', version: 2, trigger: { query: '' } },
        history: { edges: [{ node: { note: null, kind: 'RAISED' } }, { node: { note: null, kind: 'ACKNOWLEDGED' } }] },
        user: { userId: 'ada', words: { text: '' } },
      },
    },
  })
  expect(errors).toHaveLength(1)
  expect(errors?.[0]).toMatchObject({
    message: expect.stringContaining('took effect'),
    extensions: { code: 'STORE_UNAVAILABLE', hint: expect.stringContaining('Do not send it again') },
  })
  served.disk.isFull = false
  await expect.poll(() => served.services.audit.owed, { timeout: 10_000 }).toBe(0)
  expect((await entries(served)).map(brief)).toContainEqual(['Mutation.acknowledgeRiskAlert', 'ada', [], 'OK'])
})

test('a mutation that is refused as too complex, or for what its variables are, leaves one entry for each kind of deed', async () => {
  const served = await serve(sqliteStore)
  const many = Array.from({ length: 40 }, (_, i) => `a${i}: clearHistory(userId: "ada") { removedConversations }`)
  expect((await served.run(`mutation { ${many.join(' ')} }`)).errors?.[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX')
  expect((await served.run(RECORD, { input: { userId: 'ada' } })).errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
  await served.run('{ users(first: 7, first: 8) { totalCount } }')
  expect((await entries(served)).map(brief)).toEqual([
    ['Mutation.recordConversation', null, [], 'BAD_USER_INPUT'],
    ['Mutation.clearHistory', null, [], 'QUERY_TOO_COMPLEX'],
  ])
})

test("the assistant's back end gets its prompt all the same, and nothing else; nobody else does", async () => {
  const served = await serve(sqliteStore)
  await say(served)
  served.disk.isFull = true
  expect(await served.run(CONTEXT)).toMatchObject({ data: null })
  served.as.roles = ['SERVICE']
  expect(await served.ask(CONTEXT)).toMatchObject({ user: { context: { text: expect.stringContaining('tired') } } })
  expect(served.services.audit.owed).toBe(1)
  served.disk.isFull = false
  await expect.poll(() => served.services.audit.owed, { timeout: 10_000 }).toBe(0)
  expect((await entries(served))[0]).toMatchObject({ actor: { role: 'SERVICE' }, fields: ['PromptContext.text'] })
})

/** What these hold is no one's words. */
const NOT_TEXT =
  /^Mutation\.snapshotStorage$|^(AuditActor|AuditEntry|Counselor|MigrationRefusal|PageInfo|RedisStatus|StorageStatus|Topic)\.|\.(cursor|id|userId|actor|summary|topics)$|^\w+Edge\.cursor$/

test('every field that may hold what somebody said is declared as text', () => {
  const fields = Object.values(schema.getTypeMap())
    .filter((type) => isObjectType(type) && !type.name.startsWith('__'))
    .flatMap((type) =>
      isObjectType(type) ? Object.values(type.getFields()).map((field) => ({ name: `${type.name}.${field.name}`, field })) : [],
    )
  const strings = fields.filter(({ field }) => getNamedType(field.type).name === 'String')
  const text = strings.filter(({ field }) => field.extensions.isText).map(({ name }) => name)
  expect(text.sort()).toEqual([
    'AlertEvent.note',
    'AlertTrigger.query',
    'AlertTrigger.response',
    'Conversation.query',
    'Conversation.response',
    'PromptContext.text',
    'RiskAlert.resolution',
  ])
  expect(strings.map(({ name }) => name).filter((name) => !text.includes(name) && !NOT_TEXT.test(name))).toEqual([])
})
