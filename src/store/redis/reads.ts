import { z } from 'zod'
import { ALERT_LEVELS, ALERT_STATUSES, type RiskAlert, type User } from '../../model.ts'
import { sliceOf } from '../rules.ts'
import type { Key, ReadKind, ReadRequest, Reads, Slice } from '../store.ts'
import { decodeAlert, decodeAlertEvent, decodeConversation, decodePoint, decodeTally, decodeUser, pairs, texts } from './decode.ts'

/** How each kind of read is made from what read.lua answers (its shapes are described there). `undefined`: ask again, `checked`. */
type Decoders = {
  [K in ReadKind]: (request: Extract<ReadRequest, { kind: K }>, reply: unknown, checked: boolean) => Reads[K]['answer'] | undefined
}

const text = z.coerce.string()
const number = z.coerce.number()
const places = z.tuple([z.number(), z.number(), z.number()]).rest(z.string())
const placesAndRows = z.tuple([z.number(), z.number(), z.number(), texts])
const topicsPage = z.tuple([z.number(), z.number(), z.number(), texts])
const checkedPage = z.tuple([z.number(), z.number()]).rest(z.string())
const oneText = z.tuple([text])
const overview = z.tuple([number, number, number, number, text])
const alertCounts = z.array(number).length(ALERT_LEVELS.length * ALERT_STATUSES.length)
const textsAndRows = z.array(z.union([z.string(), texts]))

/** Pages of a list. An element that can't be read has no key, and a page that ended in such ones could not be continued: so the store is asked again, and leaves them out. */
function page<T extends { id: string; occurredAt: number }>(
  reply: unknown,
  checked: boolean,
  filtered: boolean,
  decode: (element: string) => T | null,
): Slice<T> | undefined {
  const items = (elements: readonly string[]) =>
    elements.flatMap((element) => {
      const value = decode(element)
      return value ? [{ key: [value.occurredAt, value.id] satisfies Key, value }] : []
    })
  if (checked) {
    const [previous, next, ...elements] = checkedPage.parse(reply)
    return { items: items(elements), hasPrevious: previous === 1, hasNext: next === 1, total: null, resume: null }
  }
  const [low, high, length, ...elements] = places.parse(reply)
  const found = items(elements)
  if (found.length < elements.length) return undefined
  return { items: found, hasPrevious: low > 0, hasNext: high < length, total: filtered ? null : length, resume: null }
}

function rowsOfUsers(rows: readonly (string | number)[]): Slice<User>['items'] {
  return Array.from({ length: rows.length / 3 }, (_, i) => i * 3).flatMap((i) => {
    const userId = String(rows[i])
    const user = decodeUser(userId, String(rows[i + 2]))
    return user ? [{ key: [Number(rows[i + 1]), userId] satisfies Key, value: user }] : []
  })
}

/** What pages.lua answers. */
const pageOf = <T extends z.ZodType>(row: T) => z.tuple([z.number(), z.number(), z.string(), number, z.number()]).rest(row)
const usersRows = pageOf(z.union([z.string(), z.number()]))
const alertsRows = pageOf(z.union([z.string(), z.number(), texts]))

/** Rows come in threes. One of them that can't be read is passed over, but the page goes on from it. */
function slice<T>(
  [previous, next, resume, score, total]: readonly [number, number, string, number, number, ...unknown[]],
  rows: readonly unknown[],
  items: Slice<T>['items'],
): Slice<T> {
  const isUnreadable = items.length < rows.length / 3
  const last: Key | null = isUnreadable ? [Number(rows.at(-2)), String(rows.at(-3))] : null
  return {
    items,
    hasPrevious: previous === 1,
    hasNext: next === 1,
    total: total < 0 ? null : total,
    resume: resume ? [score, resume] : last,
  }
}

function usersPage(reply: unknown): Slice<User> {
  const [previous, next, resume, score, total, ...rows] = usersRows.parse(reply)
  return slice([previous, next, resume, score, total], rows, rowsOfUsers(rows))
}

function alertsPage(reply: unknown, filtered: boolean): Slice<RiskAlert> {
  const [previous, next, resume, score, total, ...rows] = alertsRows.parse(reply)
  const items = Array.from({ length: rows.length / 3 }, (_, i) => i * 3).flatMap((i) => {
    const alert = decodeAlert(String(rows[i]), texts.parse(rows[i + 2]))
    return alert ? [{ key: [Number(rows[i + 1]), alert.id] satisfies Key, value: alert }] : []
  })
  return slice([previous, next, resume, score, filtered ? -1 : total], rows, items)
}

function alertsOfUser(request: Extract<ReadRequest, { kind: 'userAlerts' }>, reply: unknown): Slice<RiskAlert> {
  const rows = textsAndRows.parse(reply)
  const alerts = pairs(rows).flatMap(([id, fields]) => {
    const alert = decodeAlert(String(id), texts.parse(fields))
    return alert && (!request.status || request.status.includes(alert.status)) ? [alert] : []
  })
  const { take, after, before } = request.page
  // The order is descending: a slice of the ascending one, taken from the other end.
  const slice = sliceOf(alerts, (alert) => [alert.raisedAt, alert.id], {
    limit: request.page.limit,
    take: take === 'first' ? 'last' : 'first',
    after: before,
    before: after,
  })
  return {
    ...slice,
    items: slice.items.toReversed(),
    hasPrevious: slice.hasNext,
    hasNext: slice.hasPrevious,
    total: request.status ? null : slice.total,
  }
}

const DECODERS: Decoders = {
  user: ({ userId }, reply) => decodeUser(userId, texts.parse(reply)[0] ?? ''),
  users: (_, reply) => usersPage(reply),
  conversations: ({ userId, minRisk }, reply, checked) =>
    page(reply, checked || minRisk !== undefined, minRisk !== undefined, (element) => decodeConversation(userId, element)),
  conversation: ({ userId }, reply) => decodeConversation(userId, texts.parse(reply)[0] ?? ''),
  emotions: ({ userId, from, to }, reply, checked) =>
    page(reply, checked, from !== undefined || to !== undefined, (element) => decodePoint(userId, element)),
  emotion: ({ userId }, reply) => decodePoint(userId, texts.parse(reply)[0] ?? ''),
  userTopics: (_, reply) => pairs(texts.parse(reply)).flatMap(([name, value]) => decodeTally(name, value) ?? []),
  topic: ({ name }, reply) => {
    const [score] = oneText.parse(reply)
    return score === '' ? null : { name, userCount: -Number(score) }
  },
  topics: (_, reply) => {
    const [previous, next, total, rows] = topicsPage.parse(reply)
    const items = pairs(rows).map(([name, score]) => ({
      key: [Number(score), name] satisfies Key,
      value: { name, userCount: -Number(score) },
    }))
    return { items, hasPrevious: previous === 1, hasNext: next === 1, total: total < 0 ? null : total, resume: null }
  },
  topicUsers: (_, reply) => usersPage(reply),
  alert: ({ alertId }, reply) => decodeAlert(alertId, texts.parse(reply)),
  alerts: ({ kind: _, page: __, ...filter }, reply) =>
    alertsPage(
      reply,
      Object.values(filter).some((value) => value !== undefined),
    ),
  userAlerts: alertsOfUser,
  alertHistory: (_, reply) => {
    const [low, high, length, rows] = placesAndRows.parse(reply)
    const items = rows.flatMap((row, i) => {
      const value = decodeAlertEvent(row)
      return value ? [{ key: [low + i, value.id] satisfies Key, value }] : []
    })
    return { items, hasPrevious: low > 0, hasNext: high < length, total: length, resume: null }
  },
  dueAlerts: (_, reply) => pairs(textsAndRows.parse(reply)).flatMap(([id, fields]) => decodeAlert(String(id), texts.parse(fields)) ?? []),
  overview: (_, reply) => {
    const [users, activeUsers, openAlerts, unassignedHigh, oldest] = overview.parse(reply)
    return { users, activeUsers, openAlerts, unassignedHigh, oldestOpenRaisedAt: oldest === '' ? null : Number(oldest) }
  },
  alertCounts: (_, reply) => {
    const counts = alertCounts.parse(reply)
    const kinds = ALERT_LEVELS.flatMap((level) => ALERT_STATUSES.map((status) => ({ level, status })))
    return kinds.map((kind, i) => ({ ...kind, count: counts[i] ?? 0 }))
  },
}

export function decodeAs<K extends ReadKind>(kind: K, request: Extract<ReadRequest, { kind: K }>, reply: unknown, checked: boolean) {
  return DECODERS[kind](request, reply, checked)
}
