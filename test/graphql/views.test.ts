import { describe, expect, test } from 'vitest'
import { AcknowledgeRiskAlertDocument, AssignCounselorDocument, RecordConversationDocument } from '../../src/gql/graphql.ts'
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
