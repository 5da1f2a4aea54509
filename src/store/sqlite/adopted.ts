import { DAY_MS, riskRank } from '../../model.ts'
import { adoptedTopic, withTally } from '../rules.ts'
import { addPoint, cameBefore, meetPolicies, remember, remembered } from './recorded.ts'
import { type EventOf, type Judged, newestLimits, type Step } from './state.ts'
import { addTopic, hasTopic } from './topics.ts'
import { loadUser, newUser, saveUser, touched, type UserRecord, withPoint } from './users.ts'

/** What another system had of the user: counters, topics and points. Each topic and each point is taken once, however often it comes. */
export function adopted(step: Step, event: EventOf<'adopted'>): Judged {
  const { sql, n } = step
  const { acceptedAt, occurredAt, payload } = event
  const found = loadUser(sql, event.user)
  const known = found && remembered(sql, event)
  if (known) return cameBefore(step, event, known)
  if (found) meetPolicies(step, found, acceptedAt)
  const user = touched(
    found ?? { ...newUser(event.user, n, payload.createdAt ?? occurredAt, acceptedAt), lastActiveAt: null },
    n,
    acceptedAt,
  )
  user.oldestAt = Math.min(user.oldestAt, acceptedAt, occurredAt)
  user.createdAt = Math.min(user.createdAt, payload.createdAt ?? occurredAt)
  if (payload.lastActiveAt !== null) user.lastActiveAt = Math.max(user.lastActiveAt ?? 0, payload.lastActiveAt)
  const [, , importedChats, importedRiskAlerts] = user.sources[payload.source] ?? [0, 0, 0, 0]
  const tally = [payload.totalChats, payload.totalRiskAlerts, importedChats, importedRiskAlerts] as const
  const after = withTally(user, payload.source, tally)
  // Other rows refer to the user's; it is completed below.
  if (!found) saveUser(sql, after)
  for (const name of payload.topics)
    if (isNew(step, event, adoptedTopic(payload.source, name)) && !hasTopic(sql, event.user, name))
      addTopic(sql, event.user, name, payload.lastActiveAt ?? occurredAt)
  saveUser(sql, { ...after, lastPoints: withPoints(step, event, after.lastPoints) })
  remember(sql, event, '0', null)
  return applied(n)
}

function withPoints(step: Step, event: EventOf<'adopted'>, lastPoints: UserRecord['lastPoints']): UserRecord['lastPoints'] {
  const { emotions: cap, emotionsDays: days } = newestLimits(step.policies)
  return event.payload.points.reduce((points, point) => {
    if (!isNew(step, event, point.id)) return points
    if (days === 0 || point.occurredAt >= event.acceptedAt - days * DAY_MS) addPoint(step, { ...point, userId: event.user }, cap)
    return withPoint(points, [point.occurredAt, point.id, riskRank(point.riskLevel)])
  }, lastPoints)
}

/** Whether this part of an event has not come before; it is remembered from now on. */
function isNew({ sql }: Step, event: EventOf<'adopted'>, id: string): boolean {
  const part = { ...event, id }
  if (remembered(sql, part)) return false
  remember(sql, part, '0', null)
  return true
}

const applied = (n: number): Judged => ({ type: 'applied', n, kept: true, alertId: null, removed: null })
