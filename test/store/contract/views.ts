import { expect, test } from 'vitest'
import type { ReadRequest } from '../../../src/store/store.ts'
import { HOUR, MINUTE, NOW } from '../../helpers/events.ts'
import { ALL, first, given, last, type Open, type Subject } from './harness.ts'

const LI = { counselor: 'li' }

/** People in every relation to the counselor li; who of them are hers to see. */
const SEEN = ['hers', 'hers with an alert of another', 'alert of hers', 'acknowledged by her', 'waiting', 'lapsed', 'given back']
const UNSEEN = ['nobody', 'calm', 'his', 'his with an alert', 'acknowledged by him', 'resolved', 'handed on']

async function filled(open: Open): Promise<{ it: Subject; alerts: ReadonlyMap<string, string> }> {
  const it = await given(open)
  const alerts = new Map<string, string>()
  const say = async (user: string, riskLevel: 'LOW' | 'HIGH') => {
    const outcome = await it.apply(it.origin.recorded({ user, id: 'c', riskLevel, topics: ['sleep', `of ${user}`] }))
    if (outcome.alertId) alerts.set(user, outcome.alertId)
  }
  const assign = (user: string, counselor: string | null, at = NOW) => it.apply(it.origin.assigned(user, counselor, at))
  const act = (user: string, action: 'ACKNOWLEDGE' | 'RESOLVE', actor: string) =>
    it.apply(it.origin.acted(user, { alertId: alerts.get(user) ?? '', action, actor, resolution: 'talked' }, NOW + MINUTE))
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
  await it.apply(it.origin.acted('lapsed', { alertId: alerts.get('lapsed') ?? '', action: 'LAPSE', due: lapse }, lapse))
  await act('given back', 'ACKNOWLEDGE', 'li')
  await assign('given back', null, NOW + HOUR)
  await assign('handed on', 'li')
  await assign('handed on', 'wang', NOW + HOUR)
  return { it, alerts }
}

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
  test('a counselor sees whom they are assigned to, whose alert is theirs, and unassigned people with an alert that nobody else has', async () => {
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
}
