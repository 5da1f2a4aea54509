import { expect, test } from 'vitest'
import { USER_ORDERS } from '../../../src/model.ts'
import type { AlertFilter, Event, Outcome, Page, ReadRequest, UserFilter } from '../../../src/store/store.ts'
import { HOUR, MINUTE, NOW, Origin } from '../../helpers/events.ts'
import { Model } from '../model.ts'
import { ALL, first, given, idsOf, last, type Open, type Subject, walk } from './harness.ts'

const LI = { counselor: 'li' }

/** People in every relation to the counselor li; who of them are hers to see. */
const OWN = ['hers', 'hers with an alert of another', 'alert of hers', 'acknowledged by her', 'waiting', 'lapsed', 'given back']
/** His, but escalated to her. */
const CALLED = ['called', 'called to help', 'called, then worse']
const SEEN = [...OWN, ...CALLED]
const UNSEEN = ['nobody', 'calm', 'his', 'his with an alert', 'acknowledged by him', 'resolved', 'handed on', 'relieved', 'resolved by him']

const FILTERS: readonly UserFilter[] = [
  {},
  { minRisk: 'HIGH' },
  { attention: 'NONE' },
  { topics: ['of hers', 'of his', 'of waiting'] },
  { activeSince: NOW },
  { search: 'h' },
  { hasOpenAlert: false },
  { counselor: 'li' },
  { counselor: 'wang' },
  { unassigned: true },
]
const ALERT_FILTERS: readonly AlertFilter[] = [
  {},
  { status: ['OPEN'] },
  { status: ['OPEN', 'ACKNOWLEDGED'] },
  { status: ['RESOLVED'] },
  { minLevel: 'IMMINENT' },
  { assignee: 'wang' },
  { unassigned: true },
]

/** Makes them, by events that a store or the model applies. */
async function fill(origin: Origin, apply: (event: Event) => Promise<Outcome>): Promise<ReadonlyMap<string, string>> {
  const alerts = new Map<string, string>()
  const say = async (user: string, riskLevel: 'LOW' | 'HIGH' | 'IMMINENT', id = 'c') => {
    const outcome = await apply(origin.recorded({ user, id, riskLevel, topics: ['sleep', `of ${user}`] }))
    if (outcome.type === 'applied' && outcome.alertId) alerts.set(user, outcome.alertId)
  }
  const assign = (user: string, counselor: string | null, at = NOW) => apply(origin.assigned(user, counselor, at))
  const act = (user: string, action: 'ACKNOWLEDGE' | 'RESOLVE' | 'ESCALATE', actor: string, at = NOW + MINUTE) =>
    apply(
      origin.acted(
        user,
        { alertId: alerts.get(user) ?? '', action, actor, resolution: 'talked', to: action === 'ESCALATE' ? ['wang', 'li'] : [] },
        at,
      ),
    )
  for (const user of ['calm', 'his', 'hers']) await say(user, 'LOW')
  for (const user of [...SEEN, ...UNSEEN]) if (!['nobody', 'calm', 'his', 'hers'].includes(user)) await say(user, 'HIGH')
  await assign('hers', 'li')
  await assign('his', 'wang')
  await assign('his with an alert', 'wang')
  await assign('hers with an alert of another', 'li')
  await act('hers with an alert of another', 'ACKNOWLEDGE', 'wang')
  await assign('alert of hers', 'wang')
  await act('alert of hers', 'ACKNOWLEDGE', 'li')
  await act('acknowledged by her', 'ACKNOWLEDGE', 'li')
  await act('acknowledged by him', 'ACKNOWLEDGE', 'wang')
  await act('resolved', 'RESOLVE', 'li')
  await act('lapsed', 'ACKNOWLEDGE', 'wang')
  const lapse = NOW + 31 * MINUTE
  await apply(origin.acted('lapsed', { alertId: alerts.get('lapsed') ?? '', action: 'LAPSE', due: lapse }, lapse))
  await act('given back', 'ACKNOWLEDGE', 'li')
  await assign('given back', null, NOW + HOUR)
  await assign('handed on', 'li')
  await assign('handed on', 'wang', NOW + HOUR)
  for (const user of [...CALLED, 'relieved', 'resolved by him']) await assign(user, 'wang')
  await act('called to help', 'ACKNOWLEDGE', 'wang')
  for (const user of [...CALLED, 'relieved', 'resolved by him']) await act(user, 'ESCALATE', 'wang')
  await say('called, then worse', 'IMMINENT', 'd')
  await act('relieved', 'ACKNOWLEDGE', 'wang', NOW + HOUR)
  await act('resolved by him', 'RESOLVE', 'wang', NOW + HOUR)
  return alerts
}

async function filled(open: Open): Promise<{ it: Subject; alerts: ReadonlyMap<string, string> }> {
  const it = await given(open)
  return { it, alerts: await fill(it.origin, (event) => it.apply(event)) }
}

const SAME: Page = { limit: 3, take: 'last' }

/** Everything that can be asked of many at once. */
const OF_MANY: readonly ReadRequest[] = [
  ...[ALL, first(2), SAME, first(2, [0, 'h']), last(2, [1e15, 'x'])].flatMap((page) => [
    ...USER_ORDERS.flatMap((order) => FILTERS.map((filter) => ({ kind: 'users', order, filter, page }) as const)),
    ...ALERT_FILTERS.map((filter) => ({ kind: 'alerts', ...filter, page }) as const),
    { kind: 'topics', page } as const,
    { kind: 'topicUsers', name: 'sleep', page } as const,
    { kind: 'topicUsers', name: 'of calm', page } as const,
  ]),
  { kind: 'topic', name: 'sleep' },
  { kind: 'topic', name: 'of hers' },
  { kind: 'topic', name: 'of calm' },
  { kind: 'overview' },
]

/** Everything that can be asked of one person. */
const ofOne = (userId: string, alertId = ''): readonly ReadRequest[] => [
  { kind: 'user', userId },
  ...[ALL, last(1), first(1, [NOW + HOUR, 'x'])].flatMap((page) => [
    { kind: 'conversations', userId, page } as const,
    { kind: 'conversations', userId, minRisk: 'LOW', page } as const,
    { kind: 'emotions', userId, page } as const,
    { kind: 'emotions', userId, from: 0, page } as const,
    { kind: 'userAlerts', userId, page } as const,
    { kind: 'alertHistory', alertId, page } as const,
  ]),
  { kind: 'conversation', userId, id: 'c' },
  { kind: 'emotion', userId, id: 'c' },
  { kind: 'userTopics', userId },
  { kind: 'alert', alertId },
]

export function views(open: Open): void {
  test('a counselor sees whom they are assigned to, whose alert is theirs or was escalated to them, and unassigned people with an alert that nobody else has', async () => {
    const { it, alerts } = await filled(open)
    for (const user of SEEN) {
      const asked = ofOne(user, alerts.get(user))
      expect(await it.read(asked, NOW, LI), user).toEqual(await it.read(asked))
      expect((await it.read(asked, NOW, LI))[0]).not.toBeNull()
    }
  })

  test('nobody else can be told from somebody who does not exist, by any question', async () => {
    const { it, alerts } = await filled(open)
    const nothing = await it.read(ofOne('nobody', 'nothing'))
    for (const user of UNSEEN) expect(await it.read(ofOne(user, alerts.get(user)), NOW, LI), user).toEqual(nothing)
  })

  test('lists, their totals and counts are those of a world in which nobody else is', async () => {
    const [{ it }, model] = [await filled(open), new Model()]
    await fill(new Origin(), async (event) => (await model.append([event])).outcomes[0] ?? { type: 'stale' })
    const [found, { answers }] = [await it.read(OF_MANY, NOW, LI), await model.read(OF_MANY, NOW, LI)]
    OF_MANY.forEach((request, i) => {
      expect(found[i], JSON.stringify(request)).toEqual(answers[i])
    })
    const everyone = { kind: 'users', order: 'USER_ID_ASC', filter: {}, page: ALL } as const
    expect(await it.read([everyone, { kind: 'topic', name: 'of calm' }, { kind: 'topic', name: 'sleep' }], NOW, LI)).toMatchObject([
      { total: SEEN.length, hasNext: false },
      null,
      { userCount: SEEN.length },
    ])
  })

  test('a walk through what a counselor may see meets each once, whatever the page size and direction', async () => {
    const { it } = await filled(open)
    const read = async <R extends ReadRequest>(request: R) => (await it.read<readonly [R]>([request], NOW, LI))[0]
    for (const limit of [1, 2, 5]) {
      for (const take of ['first', 'last'] as const) {
        for (const order of USER_ORDERS) {
          const users = await walk((page) => read({ kind: 'users', order, filter: {}, page }), limit, take)
          expect(users.map(({ userId }) => userId).sort()).toEqual(SEEN.toSorted())
        }
        const alerts = await walk((page) => read({ kind: 'alerts', page }), limit, take)
        expect(alerts).toHaveLength(SEEN.length - 1)
        const topics = await walk((page) => read({ kind: 'topics', page }), limit, take)
        expect(topics).toHaveLength(SEEN.length + 1)
        const holders = await walk((page) => read({ kind: 'topicUsers', name: 'sleep', page }), limit, take)
        expect(holders).toHaveLength(SEEN.length)
      }
    }
  })

  test('what happens moves people into a view and out of it', async () => {
    const it = await given(open)
    const sees = async (counselor = 'li') =>
      (await it.read([{ kind: 'overview' }, { kind: 'user', userId: 'u' }], NOW, { counselor })).map((answer) =>
        answer && 'users' in answer ? answer.users : answer !== null,
      )
    const raise = async (at: number) => {
      const outcome = await it.apply(it.origin.recorded({ riskLevel: 'HIGH', acceptedAt: at }))
      return outcome.alertId ?? ''
    }
    await it.record({ acceptedAt: NOW - HOUR })
    expect(await sees()).toEqual([0, false])
    const alertId = await raise(NOW)
    expect([await sees(), await sees('wang')]).toEqual([
      [1, true],
      [1, true],
    ])
    await it.apply(it.origin.acted('u', { alertId, action: 'ACKNOWLEDGE', actor: 'wang' }, NOW + 1))
    expect([await sees(), await sees('wang')]).toEqual([
      [0, false],
      [1, true],
    ])
    await it.apply(it.origin.acted('u', { alertId, action: 'RESOLVE', actor: 'wang', resolution: 'talked' }, NOW + 2))
    expect(await sees('wang')).toEqual([0, false])
    await raise(NOW + 3)
    expect([await sees(), await sees('wang')]).toEqual([
      [1, true],
      [1, true],
    ])
    await it.apply(it.origin.assigned('u', 'li', NOW + 4))
    expect([await sees(), await sees('wang')]).toEqual([
      [1, true],
      [0, false],
    ])
    await it.apply(it.origin.erased('u', NOW + 5))
    expect(await sees()).toEqual([0, false])
  })

  test('no view is another because of the name of its counselor', async () => {
    const it = await given(open)
    const subs = ['', '-', 'li', 'l', '2:li', 'li:u', 'li\0', '\u{10000}', '%', 'a:b']
    await it.recordAll(subs.map((sub) => ({ user: `u ${sub}`, riskLevel: 'HIGH' })))
    for (const sub of subs) await it.apply(it.origin.assigned(`u ${sub}`, sub))
    for (const counselor of subs) {
      const [users] = await it.read([{ kind: 'users', order: 'USER_ID_ASC', filter: {}, page: ALL }], NOW, { counselor })
      expect(idsOf(users), counselor).toEqual([`u ${counselor}`])
    }
  })
}
