import { ALERT_LEVELS, ALERT_STATUSES, attentionOf, DAY_MS, type RiskLevel, riskRank, type TopicCount, type User } from '../../src/model.ts'
import { alertOrder, compareKeys, riskOrder, sliceOf } from '../../src/store/rules.ts'
import type { Key, Page, ReadKind, Reads, Slice, UserFilter, View } from '../../src/store/store.ts'
import { AlertBook } from './model.alerts.ts'
import type { Model, Person } from './model.ts'

type World = Pick<Model, 'people' | 'lists'>

const atLeast = (level: RiskLevel, least: RiskLevel = 'UNKNOWN'): boolean => riskRank(level) >= riskRank(least)
const byTime = (item: { occurredAt: number; id: string }): Key => [item.occurredAt, item.id]

function descending<T>(values: readonly T[], key: (value: T) => Key, { limit, take, after, before }: Page): Slice<T> {
  const { items, ...slice } = sliceOf(values, key, { limit, take: take === 'first' ? 'last' : 'first', after: before, before: after })
  return { ...slice, items: [...items].reverse(), hasPrevious: slice.hasNext, hasNext: slice.hasPrevious }
}

const filtered = <T>(slice: Slice<T>, ...criteria: unknown[]): Slice<T> =>
  criteria.some((criterion) => criterion !== undefined) ? { ...slice, total: null } : slice

const userOf = (userId: string, person: Person): User => {
  const { createdAt, lastActiveAt, totalChats, totalRiskAlerts, last3, counselor } = person
  const [newest, open] = [last3.at(-1)?.riskLevel ?? 'UNKNOWN', AlertBook.unresolved(person)?.alert.level ?? 'UNKNOWN']
  const counters = { userId, createdAt, lastActiveAt, totalChats, totalRiskAlerts }
  return {
    ...counters,
    counselor,
    currentRisk: atLeast(open, newest) ? open : newest,
    attention: attentionOf(last3.map(({ riskLevel }) => riskLevel)),
  }
}

const matches = (
  { minRisk, attention, topics, activeSince, search, hasOpenAlert, counselor, unassigned }: UserFilter,
  user: User,
  person: Person,
): boolean =>
  atLeast(user.currentRisk, minRisk) &&
  (attention === undefined || user.attention === attention) &&
  (topics === undefined || topics.some((name) => person.topics.has(name))) &&
  (activeSince === undefined || (user.lastActiveAt ?? 0) >= activeSince) &&
  user.userId.startsWith(search ?? '') &&
  (counselor === undefined || user.counselor === counselor) &&
  (unassigned === undefined || (user.counselor === null) === unassigned) &&
  (hasOpenAlert === undefined || (AlertBook.unresolved(person) !== undefined) === hasOpenAlert)

const usersOf = ({ people }: World, test: (user: User, person: Person) => boolean = () => true): User[] =>
  [...people].flatMap(([userId, person]) => {
    const user = userOf(userId, person)
    return test(user, person) ? [user] : []
  })

const alertsOf = ({ people }: World) => [...people.values()].flatMap(({ alerts }) => alerts)

function topicsOf({ people }: World): TopicCount[] {
  const names = [...people.values()].flatMap(({ topics }) => [...topics.keys()])
  return [...new Set(names)].map((name) => ({ name, userCount: names.filter((each) => each === name).length }))
}

function listsOf(model: World, userId: string, now: number) {
  const person = model.people.get(userId)
  return person ? model.lists(person, now) : { conversations: [], emotions: [] }
}

const ANSWERS: { [K in ReadKind]: (model: World, ask: Reads[K]['ask'], now: number) => Reads[K]['answer'] } = {
  user: (model, { userId }) => usersOf(model, (user) => user.userId === userId)[0] ?? null,
  users: (model, { order, filter, page }) => {
    const found = usersOf(model, (user, person) => matches(filter, user, person))
    const keyOf = ({ userId, createdAt, lastActiveAt, currentRisk }: User): Key => {
      if (order === 'CREATED_DESC') return [createdAt, userId]
      return [order === 'RISK_DESC' ? riskOrder(currentRisk, lastActiveAt) : (lastActiveAt ?? 0), userId]
    }
    const slice = order === 'USER_ID_ASC' ? sliceOf(found, ({ userId }) => [0, userId], page) : descending(found, keyOf, page)
    return filtered(slice, ...Object.values(filter))
  },
  conversations: (model, { userId, minRisk, page }, now) => {
    const found = listsOf(model, userId, now).conversations.filter(({ riskLevel }) => atLeast(riskLevel, minRisk))
    return filtered(descending(found, byTime, page), minRisk)
  },
  conversation: (model, { userId, id }, now) => listsOf(model, userId, now).conversations.find((each) => each.id === id) ?? null,
  emotions: (model, { userId, from, to, page }, now) => {
    const found = listsOf(model, userId, now).emotions.filter(
      ({ occurredAt }) => occurredAt >= (from ?? 0) && occurredAt <= (to ?? Infinity),
    )
    return filtered(descending(found, byTime, page), from, to)
  },
  emotion: (model, { userId, id }, now) => listsOf(model, userId, now).emotions.find((each) => each.id === id) ?? null,
  userTopics: ({ people }, { userId }) => [...(people.get(userId)?.topics.values() ?? [])],
  topic: (model, { name }) => topicsOf(model).find((each) => each.name === name) ?? null,
  topics: (model, { page }) => sliceOf(topicsOf(model), ({ name, userCount }) => [-userCount, name], page),
  topicUsers: (model, { name, page }) =>
    sliceOf(
      usersOf(model, (_, { topics }) => topics.has(name)),
      ({ userId }) => [0, userId],
      page,
    ),
  alert: (model, { alertId }) => alertsOf(model).find(({ alert }) => alert.id === alertId)?.alert ?? null,
  alerts: (model, { page, status, minLevel, assignee, unassigned }) => {
    const found = alertsOf(model).map(({ alert }) => alert)
    const wanted = found.filter(
      (alert) =>
        (status?.includes(alert.status) ?? true) &&
        atLeast(alert.level, minLevel) &&
        (assignee === undefined || alert.assignee === assignee) &&
        (unassigned === undefined || (alert.assignee === null) === unassigned),
    )
    return filtered(
      sliceOf(wanted, ({ level, raisedAt, id }) => [alertOrder(level, raisedAt), id], page),
      ...[status, minLevel, assignee, unassigned],
    )
  },
  userAlerts: ({ people }, { userId, status, page }) => {
    const found = (people.get(userId)?.alerts ?? []).map(({ alert }) => alert)
    const wanted = found.filter((alert) => status?.includes(alert.status) ?? true)
    return filtered(
      descending(wanted, ({ raisedAt, id }) => [raisedAt, id], page),
      status,
    )
  },
  alertHistory: (model, { alertId, page }) => {
    const history = alertsOf(model).find(({ alert }) => alert.id === alertId)?.history ?? []
    return sliceOf(history, (event) => [history.indexOf(event), event.id], page)
  },
  dueAlerts: (model, { until, limit }) =>
    alertsOf(model)
      .flatMap(({ alert }) => {
        const { status, acknowledged, resolved, escalation } = alert
        const due = { OPEN: escalation.next, ACKNOWLEDGED: acknowledged?.until, RESOLVED: resolved?.until }[status]
        return due != null && due <= until ? [{ key: [due, alert.id] satisfies Key, alert }] : []
      })
      .sort((a, b) => compareKeys(a.key, b.key))
      .slice(0, limit)
      .map(({ alert }) => alert),
  overview: (model, _, now) => {
    const unresolved = alertsOf(model).flatMap(({ alert }) => (alert.status === 'RESOLVED' ? [] : [alert]))
    const open = unresolved.filter(({ status }) => status === 'OPEN')
    return {
      users: model.people.size,
      activeUsers: usersOf(model, ({ lastActiveAt }) => (lastActiveAt ?? 0) >= now - DAY_MS).length,
      openAlerts: open.length,
      unassignedHigh: unresolved.filter(({ level, assignee }) => atLeast(level, 'HIGH') && assignee === null).length,
      oldestOpenRaisedAt: open.length ? Math.min(...open.map(({ raisedAt }) => raisedAt)) : null,
    }
  },
  alertCounts: (model) => {
    const all = alertsOf(model)
    return ALERT_LEVELS.flatMap((level) =>
      ALERT_STATUSES.map((status) => ({
        level,
        status,
        count: all.filter(({ alert }) => alert.level === level && alert.status === status).length,
      })),
    )
  },
}

/** Whom a counselor may see: the one rule of views. */
const isSeen = ({ counselor }: View, person: Person): boolean => {
  const alert = AlertBook.unresolved(person)?.alert
  const isWaiting = alert !== undefined && (alert.status === 'OPEN' || alert.acknowledged?.by === counselor)
  if (alert?.escalation.to.includes(counselor)) return true
  return person.counselor === counselor || alert?.assignee === counselor || (person.counselor === null && isWaiting)
}

/** What would be there if nobody existed but those in the view. */
const within = (model: Model, view: View): World => ({
  people: new Map([...model.people].filter(([, person]) => isSeen(view, person))),
  lists: (person, now) => model.lists(person, now),
})

export const answer = <K extends ReadKind>(
  model: Model,
  request: { kind: K } & Reads[K]['ask'],
  now: number,
  view?: View,
): Reads[K]['answer'] => ANSWERS[request.kind](view ? within(model, view) : model, request, now)
