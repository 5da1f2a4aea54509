import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Attention, DAY_MS, DEFAULT_TRIAGE, type RiskLevel, STAFF_ROLES } from '../../src/model.ts'
import type { AlertAction, Event, Outcome, Store, View } from '../../src/store/store.ts'
import { HOUR, NOW, Origin } from '../helpers/events.ts'
import { type OpenedStore, stores } from '../helpers/stores.ts'
import { ALL, snapshot } from './contract/harness.ts'
import { Model } from './model.ts'

// Few of everything, so that events collide; the two strange names differ in the order of their UTF-8 and UTF-16 forms.
const user = fc.constantFrom('a', '\uff61', '\u{10000}')
const id = fc.constantFrom('1', '2', '\uff61', '\u{10000}')
/** The clock steps forward and back, within less than the 30 days of the log. */
const clock = fc.constantFrom(0, 0, 1, HOUR, DAY_MS, DAY_MS + 1, 2 * DAY_MS, 5 * DAY_MS, 12 * DAY_MS, 20 * DAY_MS).map((step) => NOW + step)
const late = fc.constantFrom(0, 0, 0, 1, HOUR, DAY_MS, DAY_MS + 1, 3 * DAY_MS, 10 * DAY_MS, -30_000)
const few = fc.constantFrom(0, 1, 2, 3, 5)
const limits = fc.record({
  conversations: few,
  conversationsDays: few,
  emotions: few,
  emotionsDays: few,
  profileDays: fc.constantFrom(0, 1, 1, 2, 5),
  alertsDays: fc.constantFrom(0, 1, 3),
  triage: fc.constantFrom(DEFAULT_TRIAGE, {
    escalateAfterMinutes: { MEDIUM: [], HIGH: [0, 60], IMMINENT: [60] },
    acknowledgedForMinutes: { MEDIUM: 60, HIGH: 1, IMMINENT: 60 },
  }),
})
const plain = { query: 'one', riskLevel: 'LOW', emotionScore: null, topics: ['t'] } as const
const said = fc.constantFrom(
  plain,
  plain,
  { ...plain, query: 'two\0' },
  { ...plain, riskLevel: 'MEDIUM', emotionScore: 0.1 + 0.2 } as const,
  { ...plain, riskLevel: 'HIGH', topics: ['\uff61', '\u{10000}'] } as const,
  { ...plain, riskLevel: 'HIGH', emotionScore: -0, topics: [] } as const,
  { ...plain, riskLevel: 'IMMINENT', topics: ['t', '\u{10000}'] } as const,
  { ...plain, riskLevel: 'UNKNOWN', topics: [] } as const,
  { ...plain, riskLevel: 'HIGH', raisesLate: true } as const,
  { ...plain, source: 'sqlite' } as const,
  { ...plain, countsOnly: true } as const,
  { ...plain, riskLevel: 'HIGH', raisesLate: true, countsOnly: true } as const,
  { ...plain, riskLevel: 'MEDIUM', source: 'redis', countsOnly: true } as const,
  { ...plain, riskLevel: 'MEDIUM', source: 'redis' } as const,
)
const count = fc.constantFrom(0, 1, 2, 7)
const past = fc.constantFrom(0, 1, HOUR, DAY_MS, 3 * DAY_MS, 10 * DAY_MS).map((age) => NOW - age)
const had = fc.record({
  source: fc.constantFrom('sqlite', 'sqlite', 'redis'),
  totalChats: count,
  totalRiskAlerts: count,
  createdAt: fc.option(past),
  lastActiveAt: fc.option(past),
  topics: fc.uniqueArray(fc.constantFrom('t', '\uff61', '\u{10000}')),
  points: fc.uniqueArray(
    fc.record({ id, occurredAt: past, score: fc.constantFrom(null, -0.5), riskLevel: fc.constantFrom<RiskLevel>('LOW', 'HIGH') }),
    { selector: (point) => point.id, maxLength: 4 },
  ),
})

type Step = { clock: number; origin: 'A' | 'B'; numbering: 'next' | 'again' | 'ahead'; act: Act }
type Act =
  | { kind: 'recorded'; user: string; id: string; late: number; said: typeof said extends fc.Arbitrary<infer T> ? T : never }
  | { kind: 'cleared' | 'expired' | 'erased'; user: string }
  | {
      kind: 'acted'
      user: string
      id: string
      action: AlertAction['action']
      actor: string | null
      version: number | null
      due: boolean
      newest: boolean
    }
  | { kind: 'assigned'; user: string; counselor: string | null }
  | { kind: 'adopted'; user: string; id: string; had: typeof had extends fc.Arbitrary<infer T> ? T : never }
  | { kind: 'policy'; limits: typeof limits extends fc.Arbitrary<infer T> ? T : never }
  | { kind: 'joined'; sub: string; name: string; role: (typeof STAFF_ROLES)[number] }
  | { kind: 'void' | 'sweep' | 'restart' }

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('recorded' as const), user, id, late, said }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('cleared', 'expired', 'expired', 'erased') as fc.Arbitrary<'cleared' | 'expired' | 'erased'>,
      user,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('acted' as const),
      user,
      id: fc.constantFrom('x', 'y', 'z', '1'),
      action: fc.constantFrom('ACKNOWLEDGE', 'ACKNOWLEDGE', 'RESOLVE', 'RESOLVE', 'ESCALATE', 'NOTE', 'LAPSE', 'EXPIRE') as fc.Arbitrary<
        AlertAction['action']
      >,
      actor: fc.constantFrom('li', 'wang', '\uff61', null),
      version: fc.constantFrom(null, null, null, 1, 2),
      due: fc.boolean(),
      newest: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('assigned' as const), user, counselor: fc.constantFrom('li', 'wang', null) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('adopted' as const), user, id: fc.constantFrom('x', '1', 'm', 'n'), had }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('policy' as const), limits }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('joined' as const),
      sub: fc.constantFrom('li', '\uff61'),
      name: fc.constantFrom('a', '"\u0000\u{10000}'),
      role: fc.constantFrom(...STAFF_ROLES),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('void' as const, 'sweep' as const, 'sweep' as const, 'restart' as const) }) },
)
const numbering = fc.constantFrom('next', 'next', 'next', 'next', 'next', 'next', 'next', 'next', 'next', 'again', 'ahead') as fc.Arbitrary<
  Step['numbering']
>
const step = fc.record({ clock, origin: fc.constantFrom('A', 'B'), numbering, act }) as fc.Arbitrary<Step>

function eventOf({ clock, numbering, act }: Step, origin: Origin, model: Model): Event | null {
  const before = origin.seq
  // `again` sends other content under a number that is taken; `ahead` skips one.
  if (numbering === 'again') origin.seq = Math.max(0, before - 1)
  if (numbering === 'ahead') origin.seq = before + 1
  const event = made(act, clock, origin, model)
  if (numbering !== 'next') origin.seq = before

  return event
}

/** About an alert that is there, as often as not at the time that something is due. */
function action(
  { kind: _, user, id, newest, due, ...act }: Extract<Act, { kind: 'acted' }>,
  clock: number,
  origin: Origin,
  model: Model,
): Event {
  const alerts = model.people.get(user)?.alerts ?? []
  const alert = alerts.at(newest ? -1 : 0)?.alert
  const isTimely = act.action === 'LAPSE' || act.action === 'EXPIRE' || (act.action === 'ESCALATE' && due)
  const deadlines = { LAPSE: alert?.acknowledged?.until, EXPIRE: alert?.resolved?.until, ESCALATE: alert?.escalation.next }
  const deadline = isTimely ? deadlines[act.action as keyof typeof deadlines] : null
  const what = { ...act, alertId: alert?.id ?? 'ab', note: due ? 'n\u0000 ü' : null, to: newest ? ['li', '\uff61'] : [] }
  const resolution = act.action === 'RESOLVE' ? 'better' : null
  if (!isTimely) return origin.acted(user, { ...what, resolution }, clock, id)
  return origin.acted(user, { ...what, actor: null, version: null, due: deadline ?? clock }, deadline ?? clock, id)
}

function made(act: Act, clock: number, origin: Origin, model: Model): Event | null {
  switch (act.kind) {
    case 'acted':
      return action(act, clock, origin, model)
    case 'assigned':
      return origin.assigned(act.user, act.counselor, clock)
    case 'adopted':
      return origin.adopted(act.user, act.had, clock, act.id)
    case 'recorded':
      return origin.recorded({ user: act.user, id: act.id, acceptedAt: clock, occurredAt: clock - act.late, ...act.said })
    case 'policy':
      return origin.policy(act.limits, clock)
    case 'joined':
      return origin.joined({ sub: act.sub, name: act.name, role: act.role }, clock)
    case 'cleared':
    case 'expired':
    case 'erased':
      return origin[act.kind](act.user, clock)
    case 'void':
      return origin.voided(clock)
    default:
      return null
  }
}

/** What a store deleted physically is its own affair. */
const comparable = (outcome: Outcome): Outcome =>
  outcome.type === 'applied' && outcome.removed ? { ...outcome, removed: { ...outcome.removed, redisKeys: null, sqliteRows: 0 } } : outcome

const COUNSELORS = ['li', 'wang', '\uff61']

/** What each of them may see, of everybody. */
const seen = (store: Pick<Store, 'read'>, now: number) =>
  Promise.all(
    COUNSELORS.map(async (counselor) => {
      const of = (userId: string) =>
        [
          { kind: 'user', userId },
          { kind: 'conversations', userId, page: ALL },
          { kind: 'userAlerts', userId, page: ALL },
        ] as const
      const { answers } = await store.read(['a', '\uff61', '\u{10000}'].flatMap(of), now, { counselor })
      return [answers, await asked(store, now, { counselor })]
    }),
  )

/** Filters, and pages that begin and end in the middle. */
async function asked(store: Pick<Store, 'read'>, now: number, view?: View) {
  const page = { limit: 2, take: 'last' } as const
  const filters = [
    { minRisk: 'MEDIUM' as RiskLevel },
    { attention: 'WATCH' as Attention },
    { topics: ['t', '\u{10000}'] },
    { activeSince: NOW },
    { search: '\uff61' },
    { hasOpenAlert: true },
    { counselor: 'li' },
    { unassigned: false },
  ]
  const { answers } = await store.read(
    [
      ...filters.map((filter) => ({ kind: 'users', order: 'RISK_DESC', filter, page: ALL }) as const),
      { kind: 'users', order: 'LAST_ACTIVE_DESC', filter: {}, page },
      { kind: 'users', order: 'CREATED_DESC', filter: {}, page: { limit: 2, take: 'first', after: [NOW, '\uff61'] } },
      { kind: 'conversations', userId: 'a', page: { limit: 2, take: 'first', after: [NOW + DAY_MS, '\uff61'] } },
      { kind: 'conversations', userId: 'a', minRisk: 'MEDIUM', page: ALL },
      { kind: 'conversation', userId: 'a', id: '1' },
      { kind: 'emotions', userId: 'a', page },
      { kind: 'emotions', userId: 'a', from: NOW, to: NOW + DAY_MS, page: ALL },
      { kind: 'emotion', userId: 'a', id: '\u{10000}' },
      { kind: 'topic', name: '\uff61' },
      { kind: 'alerts', minLevel: 'HIGH', status: ['OPEN'], page: ALL },
      { kind: 'alerts', status: ['ACKNOWLEDGED', 'RESOLVED'], page: ALL },
      { kind: 'alerts', assignee: 'li', page: { limit: 1, take: 'last' } },
      { kind: 'alerts', unassigned: true, status: ['OPEN', 'RESOLVED'], page: { limit: 1, take: 'first' } },
      { kind: 'topicUsers', name: 't', page },
      { kind: 'topics', page },
      { kind: 'overview' },
      ...(view ? [] : [{ kind: 'alertCounts' } as const]),
    ],
    now,
    view,
  )
  return answers
}

const runs = Number(process.env.XINYI_PROPERTY_RUNS ?? 40)

test(
  'any sequence of events gives equal outcomes and equal answers in Redis, in SQLite and in the model',
  async () => {
    const sequence = fc.array(step, { minLength: 1, maxLength: 60, size: 'max' })
    const agree = async (steps: Step[], batch: number) => {
      const model = new Model()
      const opened = await Promise.all(stores.map(({ open }) => open()))
      const origins = { A: new Origin('A'), B: new Origin('B') }
      let pending: Event[] = []
      const flush = async () => {
        const expected = (await model.append(pending)).outcomes.map(comparable)
        for (const { store } of opened) {
          const { outcomes } = await store.append(pending)
          expect(outcomes.map(comparable), store.backend).toEqual(expected)
        }
        pending = []
      }
      for (const [i, step] of steps.entries()) {
        const event = eventOf(step, origins[step.origin], model)
        if (event) pending.push(event)
        if (!event || pending.length === batch) await flush()
        if (step.act.kind === 'restart') await Promise.all(opened.map((each) => each.reopen()))
        // A sweep at a time that no later event is before: what it removes, nobody can ask for any more.
        if (step.act.kind === 'sweep') await sweep(model, opened, Math.min(...steps.slice(i).map(({ clock }) => clock)))
      }
      await flush()
      for (const now of [Math.max(...steps.map(({ clock }) => clock)), NOW + 22 * DAY_MS]) {
        const [expected, answers, views] = [await snapshot(model, now), await asked(model, now), await seen(model, now)]
        for (const { store } of opened) {
          expect(await snapshot(store, now), store.backend).toEqual(expected)
          expect(await asked(store, now), store.backend).toEqual(answers)
          expect(await seen(store, now), store.backend).toEqual(views)
        }
      }
    }
    await fc.assert(fc.asyncProperty(sequence, fc.integer({ min: 1, max: 8 }), agree), { numRuns: runs })
  },
  runs * 5_000,
)

async function sweep(model: Model, opened: readonly OpenedStore[], now: number): Promise<void> {
  const byUser = (a: { userId: string }, b: { userId: string }) => (a.userId < b.userId ? -1 : 1)
  for (const { store } of opened) {
    const { expiredUsers } = await store.sweep(now)
    expect([...expiredUsers].sort(byUser), store.backend).toEqual(model.due(now).sort(byUser))
  }
}
