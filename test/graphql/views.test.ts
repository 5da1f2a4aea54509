import { describe, expect, test } from 'vitest'
import {
  AcknowledgeRiskAlertDocument,
  AddRiskAlertNoteDocument,
  AssignCounselorDocument,
  RecordConversationDocument,
  ResolveRiskAlertDocument,
  RiskAlertNewsDocument,
} from '../../src/gql/graphql.ts'
import { globalId } from '../../src/graphql/ids.ts'
import type { Role } from '../../src/model.ts'
import { stores } from '../helpers/stores.ts'
import { type Loose, type Served, serve } from './serve.ts'

const counselorId = (sub: string): string => globalId({ type: 'Counselor', id: sub })

function by(served: Served, sub: string, ...roles: [Role, ...Role[]]): Served {
  Object.assign(served.as, { sub, roles })
  return served
}
const chief = (served: Served) => by(served, 'chief', 'SUPERVISOR')
const li = (served: Served) => by(served, 'li', 'COUNSELOR')
/** Who is on duty. */
const zhao = (served: Served) => by(served, 'zhao', 'COUNSELOR')

/** A person at risk, assigned to somebody or nobody; the id of their alert. */
async function atRisk(served: Served, userId: string, counselor: string | null): Promise<string> {
  chief(served)
  const input = {
    userId,
    query: `secret of ${userId}`,
    response: 'r',
    riskLevel: 'HIGH' as const,
    idempotencyKey: 'k',
    topics: [`topic of ${userId}`],
  }
  const { recordConversation } = await served.ask(RecordConversationDocument, { input })
  if (counselor) await served.ask(AssignCounselorDocument, { input: { userId, counselorId: counselorId(counselor) } })
  return recordConversation.alert?.id ?? ''
}

describe.each(stores)('what a counselor sees of $name', (kind) => {
  test('is told of a deed that takes the person out of their sight, and then no more', async () => {
    const served = await serve(kind)
    const alertId = await atRisk(served, 'ada', null)
    const resolve = `mutation ($id: ID!) { resolveRiskAlert(input: { alertId: $id, resolution: "she is safe" }) { alert {
      status resolution user { userId totalChats conversations { edges { node { query } } } } trigger { query } history { edges { node { kind } } } } } }`
    const { resolveRiskAlert } = await li(served).ask(resolve, { id: alertId })
    expect(resolveRiskAlert.alert).toMatchObject({
      status: 'RESOLVED',
      user: { userId: 'ada', conversations: { edges: [{ node: { query: 'secret of ada' } }] } },
      history: { edges: [{ node: { kind: 'RAISED' } }, { node: { kind: 'RESOLVED' } }] },
    })
    expect(await served.ask('query ($id: ID!) { node(id: $id) { id } user(userId: "ada") { id } }', { id: alertId })).toEqual({
      node: null,
      user: null,
    })
  })

  test('is not told apart from what does not exist by any deed', async () => {
    const served = await serve(kind)
    const his = await atRisk(served, 'bob', 'wang')
    const none = globalId({ type: 'RiskAlert', id: '0'.repeat(40) })
    for (const deed of [
      'acknowledgeRiskAlert(input: { alertId: $id })',
      'acknowledgeRiskAlert(input: { alertId: $id, expectedVersion: 7 })',
      'escalateRiskAlert(input: { alertId: $id })',
      'addRiskAlertNote(input: { alertId: $id, note: "n" })',
      'resolveRiskAlert(input: { alertId: $id, resolution: "r", expectedVersion: 1 })',
    ]) {
      const document = `mutation ($id: ID!) { ${deed} { alert { id } } }`
      const [his_, none_] = [await li(served).run(document, { id: his }), await li(served).run(document, { id: none })]
      expect(his_.errors?.[0]?.extensions.code, deed).toBe('NOT_FOUND')
      expect(his_, deed).toEqual(none_)
    }
    const { history } = (
      await chief(served).ask('query ($id: ID!) { node(id: $id) { ... on RiskAlert { history { edges { node { kind } } } } } }', {
        id: his,
      })
    ).node
    expect(history.edges.map(({ node }: Loose) => node.kind)).toEqual(['RAISED', 'ASSIGNED'])
  })

  test('grows by acknowledging somebody whom nobody looks after', async () => {
    const served = await serve(kind)
    const alertId = await atRisk(served, 'eve', null)
    await li(served).ask(AcknowledgeRiskAlertDocument, { input: { alertId } })
    expect((await served.ask('{ user(userId: "eve") { userId } }')).user).toEqual({ userId: 'eve' })
    expect(await by(served, 'wang', 'COUNSELOR').ask('{ user(userId: "eve") { userId } }')).toEqual({ user: null })
  })
})

/** The next messages, by kind of event: whose, and whether it is the last of it. */
async function heard(news: AsyncIterableIterator<Loose>, count: number): Promise<Loose[]> {
  const taken = []
  for (let i = 0; i < count; i += 1) taken.push((await news.next()).value.data.riskAlerts)
  return taken
}
const inShort = ({ event, alert, withdrawn }: Loose) => [event.kind, alert.user.userId, ...(withdrawn ? ['withdrawn'] : [])]

describe.each(stores)('what a counselor hears of alerts in $name', (kind) => {
  const assign = (served: Served, userId: string, counselor: string) =>
    chief(served).ask(AssignCounselorDocument, { input: { userId, counselorId: counselorId(counselor), reason: 'knows them' } })

  test('is of their own people, and of whoever waits for somebody', async () => {
    const served = await serve(kind)
    const [hers, his] = [await atRisk(served, 'ada', 'li'), await atRisk(served, 'bob', 'wang')]
    const news = await li(served).listen(RiskAlertNewsDocument)
    const first = news.next()
    for (const alertId of [his, hers]) await chief(served).ask(AddRiskAlertNoteDocument, { input: { alertId, note: `note on ${alertId}` } })
    await atRisk(served, 'eve', null)
    const { value } = await first
    expect(inShort(value.data?.riskAlerts)).toEqual(['NOTED', 'ada'])
    expect(value.data?.riskAlerts.event.note).toBe(`note on ${hers}`)
    expect((await heard(news, 1)).map(inShort)).toEqual([['RAISED', 'eve']])
    await news.return?.()
  })

  const all = `subscription ($after: String) { riskAlerts(after: $after) { cursor replayed withdrawn event { kind actor note level } alert {
    id level status version trigger { query } conversation { query } assignee { name } acknowledgedBy { name } resolution resolvedBy { name } escalatedTo { name }
    history { totalCount edges { node { note } } }
    user { userId currentRisk totalChats summary counselor { name } conversations { totalCount } riskAlerts { totalCount } context { text } } } } }`
  const nothing = (userId: string, status: string) => ({
    withdrawn: true,
    event: { actor: null, note: null },
    alert: {
      ...{
        status,
        version: 0,
        trigger: null,
        conversation: null,
        assignee: null,
        acknowledgedBy: null,
        resolution: null,
        resolvedBy: null,
        escalatedTo: [],
      },
      history: { totalCount: 0, edges: [] },
      user: {
        userId,
        currentRisk: 'UNKNOWN',
        counselor: null,
        conversations: { totalCount: 0 },
        riskAlerts: { totalCount: 0 },
        context: { text: '' },
      },
    },
  })

  test.each(['live', 'after a connection was lost'])(
    'ends, %s, with what takes an alert from them, which tells nothing else',
    async (when) => {
      const served = await serve(kind)
      const taken = await atRisk(served, 'ada', null)
      const resolved = await atRisk(served, 'eve', null)
      await atRisk(served, 'kim', 'li')
      const before = await li(served).listen(all)
      const mark = before.next()
      await atRisk(served, 'max', null)
      const after: string = (await mark).value.data.riskAlerts.cursor
      if (when !== 'live') await before.return?.()
      const news = when === 'live' ? before : undefined
      const first = news?.next()
      await by(served, 'wang', 'COUNSELOR').ask(AcknowledgeRiskAlertDocument, { input: { alertId: taken, note: 'mine' } })
      await chief(served).ask(ResolveRiskAlertDocument, { input: { alertId: resolved, resolution: 'safe', note: 'with her mother' } })
      await assign(served, 'kim', 'wang')
      await by(served, 'wang', 'COUNSELOR').ask(AddRiskAlertNoteDocument, { input: { alertId: taken, note: 'a secret' } })
      await assign(served, 'max', 'li')
      const messages = news
        ? [(await first)?.value.data.riskAlerts, ...(await heard(news, 3))]
        : await heard(await li(served).listen(all, { after }), 4)
      expect(messages.map(inShort)).toEqual([
        ['ACKNOWLEDGED', 'ada', 'withdrawn'],
        ['RESOLVED', 'eve', 'withdrawn'],
        ['ASSIGNED', 'kim', 'withdrawn'],
        ['ASSIGNED', 'max'],
      ])
      expect(messages[0]).toMatchObject(nothing('ada', 'ACKNOWLEDGED'))
      expect(messages[1]).toMatchObject(nothing('eve', 'RESOLVED'))
      expect(messages[2]).toMatchObject(nothing('kim', 'OPEN'))
      expect(JSON.stringify(messages.slice(0, 3))).not.toMatch(/secret|mine|mother|safe|wang|王/)
      expect(messages[3].alert.trigger.query).toBe('secret of max')
      if (news) await news.return?.()
    },
  )

  test('is also of whoever is escalated to them, from the call on until somebody else takes it', async () => {
    const served = await serve(kind)
    const alertId = await atRisk(served, 'bob', 'wang')
    const news = await zhao(served).listen(all)
    const first = news.next()
    const escalate = 'mutation ($id: ID!) { escalateRiskAlert(input: { alertId: $id }) { alert { escalationStep } } }'
    for (let step = 0; step < 2; step += 1) await chief(served).ask(escalate, { id: alertId })
    const told = (await first).value.data.riskAlerts
    expect(told).toMatchObject({
      withdrawn: false,
      event: { kind: 'ESCALATED' },
      alert: { id: alertId, trigger: { query: 'secret of bob' } },
    })
    const open = 'query ($id: ID!) { node(id: $id) { id } user(userId: "bob") { userId } riskAlerts { totalCount } }'
    expect(await zhao(served).ask(open, { id: alertId })).toEqual({
      ...{ node: { id: alertId }, user: { userId: 'bob' }, riskAlerts: { totalCount: 1 } },
    })
    await by(served, 'wang', 'COUNSELOR').ask(AcknowledgeRiskAlertDocument, { input: { alertId, note: 'mine' } })
    const [last] = await heard(news, 1)
    expect(inShort(last)).toEqual(['ACKNOWLEDGED', 'bob', 'withdrawn'])
    expect(last).toMatchObject(nothing('bob', 'ACKNOWLEDGED'))
    expect(await zhao(served).ask(open, { id: alertId })).toEqual({ node: null, user: null, riskAlerts: { totalCount: 0 } })
    await by(served, 'wang', 'COUNSELOR').ask(AddRiskAlertNoteDocument, { input: { alertId, note: 'a secret' } })
    await atRisk(served, 'ada', null)
    expect((await heard(news, 1)).map(inShort)).toEqual([['RAISED', 'ada']])
    await news.return?.()
  })

  test('goes on in whole for whoever has it, and for supervisors', async () => {
    const served = await serve(kind)
    const alertId = await atRisk(served, 'ada', null)
    const [chiefs, wangs, lis] = [
      await chief(served).listen(all),
      await by(served, 'wang', 'COUNSELOR').listen(all),
      await li(served).listen(all),
    ]
    const firsts = [chiefs, wangs, lis].map((news) => news.next())
    await by(served, 'wang', 'COUNSELOR').ask(AcknowledgeRiskAlertDocument, { input: { alertId, note: 'mine' } })
    const [toChief, toWang, toLi] = (await Promise.all(firsts)).map(({ value }) => value.data.riskAlerts)
    expect(toChief).toMatchObject({
      withdrawn: false,
      event: { note: 'mine', actor: 'wang' },
      alert: { trigger: { query: 'secret of ada' } },
    })
    expect({ ...toWang, cursor: '' }).toEqual({ ...toChief, cursor: '' })
    expect(toLi).toMatchObject(nothing('ada', 'ACKNOWLEDGED'))
    for (const news of [chiefs, wangs, lis]) await news.return?.()
  })

  test('tells nothing of other people that are asked for below it', async () => {
    const served = await serve(kind)
    await atRisk(served, 'bob', 'wang')
    const others =
      'subscription { riskAlerts { alert { user { userId } conversation { topics { users { edges { node { userId } } } } } } } }'
    const news = [await chief(served).listen(others), await li(served).listen(others)]
    const firsts = news.map((each) => each.next())
    chief(served)
    await served.ask(RecordConversationDocument, {
      input: { userId: 'eve', query: 'q', response: 'r', riskLevel: 'HIGH', topics: ['topic of bob'] },
    })
    const found = (await Promise.all(firsts)).map(({ value }) =>
      value.data?.riskAlerts.alert.conversation.topics[0].users.edges.map(({ node }: Loose) => node.userId),
    )
    expect(found).toEqual([['bob', 'eve'], ['eve']])
    for (const each of news) await each.return?.()
  })
})
