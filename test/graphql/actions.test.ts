import { describe, expect, test } from 'vitest'
import {
  AcknowledgeRiskAlertDocument,
  AddRiskAlertNoteDocument,
  AssignCounselorDocument,
  CounselorsDocument,
  EscalateRiskAlertDocument,
  RecordConversationDocument,
  ResolveRiskAlertDocument,
} from '../../src/gql/graphql.ts'
import { globalId } from '../../src/graphql/ids.ts'
import { MINUTE, NOW } from '../helpers/events.ts'
import { stores } from '../helpers/stores.ts'
import { type Loose, type Served, serve } from './serve.ts'

const counselorId = (sub: string): string => globalId({ type: 'Counselor', id: sub })
const iso = (time: number): string => new Date(time).toISOString()

async function alerted({ ask }: Served, userId = 'ada', riskLevel: 'MEDIUM' | 'HIGH' | 'IMMINENT' = 'HIGH'): Promise<string> {
  const { recordConversation } = await ask(RecordConversationDocument, { input: { userId, query: 'q', response: 'r', riskLevel } })
  return recordConversation.alert?.id ?? ''
}

describe.each(stores)('acting upon alerts in $name', (kind) => {
  test('whoever acknowledges an alert has it, under their name, until it lapses', async () => {
    const it = await serve(kind)
    const alertId = await alerted(it)
    it.as.sub = 'li'
    const { acknowledgeRiskAlert } = await it.ask(AcknowledgeRiskAlertDocument, { input: { alertId, expectedVersion: 1, note: '我来' } })
    expect(acknowledgeRiskAlert).toMatchObject({
      durability: 'JOURNAL',
      alert: {
        status: 'ACKNOWLEDGED',
        version: 2,
        assignee: { name: '李老师', role: 'COUNSELOR' },
        acknowledgedBy: { name: '李老师' },
        acknowledgedAt: iso(NOW),
        acknowledgementExpiresAt: iso(NOW + 30 * MINUTE),
        nextEscalationAt: null,
        history: { edges: [{ node: { kind: 'RAISED', actor: null } }, { node: { kind: 'ACKNOWLEDGED', actor: 'li', note: '我来' } }] },
      },
    })
  })

  test('of two counselors who click at once one wins; the other hears CONFLICT, with how it stands', async () => {
    const it = await serve(kind)
    const alertId = await alerted(it)
    const click = (sub: string) => {
      it.as.sub = sub
      return it.run(AcknowledgeRiskAlertDocument, { input: { alertId, expectedVersion: 1 } })
    }
    const answers = await Promise.all([click('li'), click('wang')])
    const [won] = answers.filter(({ errors }) => !errors)
    const [lost] = answers.filter(({ errors }) => errors)
    const winner = won?.data?.acknowledgeRiskAlert.alert.history.edges.find(({ node }) => node.kind === 'ACKNOWLEDGED')?.node.actor
    expect(lost?.errors).toMatchObject([
      {
        path: ['acknowledgeRiskAlert'],
        extensions: { code: 'CONFLICT', present: { status: 'ACKNOWLEDGED', version: 2, assignee: winner, level: 'HIGH' } },
      },
    ])
    const stale = await it.run(ResolveRiskAlertDocument, { input: { alertId, expectedVersion: 1, resolution: 'ok' } })
    expect(stale.errors?.[0]?.extensions.code).toBe('CONFLICT')
  })

  test('an alert is resolved with some words, and not twice', async () => {
    const it = await serve(kind)
    const alertId = await alerted(it)
    const resolve = (resolution: string) => it.run(ResolveRiskAlertDocument, { input: { alertId, resolution, note: 'calm' } })
    expect((await resolve(' ')).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'input.resolution' } }])
    expect((await resolve('talked with her')).data?.resolveRiskAlert.alert).toMatchObject({
      status: 'RESOLVED',
      resolvedAt: iso(NOW),
      resolvedBy: { name: '陈主任' },
      resolution: 'talked with her',
      acknowledgementExpiresAt: null,
      nextEscalationAt: null,
    })
    expect((await resolve('again')).errors).toMatchObject([{ extensions: { code: 'CONFLICT', present: { status: 'RESOLVED' } } }])
    const { addRiskAlertNote } = await it.ask(AddRiskAlertNoteDocument, { input: { alertId, note: 'she wrote back' } })
    expect(addRiskAlertNote.alert.history.edges.at(-1)?.node).toMatchObject({ kind: 'NOTED', actor: 'chief', note: 'she wrote back' })
  })

  test('an escalation by hand tells whoever comes next', async () => {
    const it = await serve(kind)
    const alertId = await alerted(it)
    const escalate = async () => (await it.ask(EscalateRiskAlertDocument, { input: { alertId, note: 'help' } })).escalateRiskAlert.alert
    expect(await escalate()).toMatchObject({ escalationStep: 1, escalatedTo: [{ name: '王老师' }, { name: '赵老师' }], status: 'OPEN' })
    expect((await escalate()).escalatedTo.map(({ name }) => name)).toEqual(['王老师', '赵老师', '陈主任'])
  })

  test('whom somebody looks after is asked for by them, and filters users and alerts', async () => {
    const it = await serve(kind)
    await alerted(it, 'ada')
    await alerted(it, 'bob', 'MEDIUM')
    const { assignCounselor } = await it.ask(AssignCounselorDocument, {
      input: { userId: 'ada', counselorId: counselorId('li'), reason: 'knows her' },
    })
    expect(assignCounselor.user).toMatchObject({
      counselor: { name: '李老师' },
      riskAlerts: { edges: [{ node: { assignee: { name: '李老师' }, version: 2 } }] },
    })
    const { viewer, counselors } = await it.ask(CounselorsDocument)
    expect(viewer).toMatchObject({ name: 'chief', role: 'SUPERVISOR' })
    expect(counselors.totalCount).toBe(5)
    const li = counselors.edges.find(({ node }) => node.name === '李老师')?.node
    expect(li).toMatchObject({ id: counselorId('li'), users: { edges: [{ node: { userId: 'ada' } }] } })
    const query = `query($users: UserFilter, $alerts: RiskAlertFilter) {
      users(filter: $users) { edges { node { userId } } } riskAlerts(filter: $alerts) { totalCount edges { node { user { userId } } } }
      node(id: "${counselorId('li')}") { ... on Counselor { name } } }`
    const found = async (users: object, alerts: object) => {
      const data: Loose = await it.ask(query, { users, alerts })
      const names = (edges: Loose[]) => edges.map(({ node }) => node.userId ?? node.user.userId)
      return [names(data.users.edges), names(data.riskAlerts.edges), data.node.name]
    }
    expect(await found({ counselorId: counselorId('li') }, { assigneeId: counselorId('li') })).toEqual([['ada'], ['ada'], '李老师'])
    expect(await found({ unassigned: true }, { unassigned: true })).toEqual([['bob'], ['bob'], '李老师'])
    expect((await it.ask('{ overview { openAlerts unassignedHigh } }')).overview).toEqual({ openAlerts: 2, unassignedHigh: 0 })
    await it.ask(AssignCounselorDocument, { input: { userId: 'ada' } })
    expect((await it.ask('{ user(userId: "ada") { counselor { name } } }')).user.counselor).toBeNull()
  })

  test('what can not be done is refused with what, where and what to do', async () => {
    const it = await serve(kind)
    const alertId = await alerted(it)
    const codeOf = async (document: Loose, input: object) => {
      const { errors } = await it.run<Loose, Loose>(document, { input })
      return [errors?.[0]?.extensions.code, errors?.[0]?.extensions.field]
    }
    const nobody = globalId({ type: 'RiskAlert', id: 'ab' })
    expect(await codeOf(AcknowledgeRiskAlertDocument, { alertId: nobody })).toEqual(['NOT_FOUND', 'input.alertId'])
    expect(await codeOf(AcknowledgeRiskAlertDocument, { alertId: counselorId('li') })).toEqual(['BAD_USER_INPUT', 'input.alertId'])
    expect(await codeOf(AcknowledgeRiskAlertDocument, { alertId: 'x' })).toEqual(['BAD_USER_INPUT', 'input.alertId'])
    expect(await codeOf(AddRiskAlertNoteDocument, { alertId })).toEqual(['BAD_USER_INPUT', 'input.note'])
    expect(await codeOf(AddRiskAlertNoteDocument, { alertId, note: 'x'.repeat(4_001) })).toEqual(['BAD_USER_INPUT', 'input.note'])
    expect(await codeOf(AssignCounselorDocument, { userId: 'nobody', counselorId: counselorId('li') })).toEqual([
      'NOT_FOUND',
      'input.userId',
    ])
    expect(await codeOf(AssignCounselorDocument, { userId: 'ada', counselorId: counselorId('x') })).toEqual([
      'NOT_FOUND',
      'input.counselorId',
    ])
    it.as.sub = null
    expect(await codeOf(AcknowledgeRiskAlertDocument, { alertId })).toEqual(['UNAUTHENTICATED', undefined])
  })

  test('what somebody has noted is in no log line', async () => {
    const it = await serve(kind)
    const alertId = await alerted(it)
    await it.run(AddRiskAlertNoteDocument, { input: { alertId, note: 'SECRET-NOTE' } })
    await it.run(ResolveRiskAlertDocument, { input: { alertId, expectedVersion: 9, resolution: 'SECRET-NOTE' } })
    expect(it.log.join()).not.toContain('SECRET-NOTE')
  })
})
