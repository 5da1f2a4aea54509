import { naiveTime } from '../../local-time.ts'
import { type AlertTrigger, attentionOf, RISK_LEVELS, type RiskLevel, riskRank } from '../../model.ts'
import type { UserState } from '../copy.ts'
import { alertOrder, riskOrder } from '../rules.ts'
import { dueAt } from '../triage.ts'
import { conversationElement, pointElement } from './encode.ts'

const levelOf = (rank: number): RiskLevel => RISK_LEVELS[rank] ?? 'UNKNOWN'

/** A user as put.lua takes them, text by text. */
export function putTexts(user: string, state: UserState, timeZone: string): string[] {
  const { conversations, emotions, topics, seen, alerts } = state
  const naive = new Map<number, string>()
  // Most times are met twice, and writing one out takes as long as the rest of a point.
  const localTime = (time: number): string => {
    const text = naive.get(time) ?? naiveTime(time, timeZone)
    naive.set(time, text)
    return text
  }
  const levels = state.lastPoints.map(([, , rank]) => levelOf(rank))
  const risk = levelOf(Math.max(state.lastPoints[0]?.[2] ?? 0, state.openAlertLevel ?? 0))
  const texts = [recordText(state), `${state.createdAt}`, `${state.lastActiveAt ?? 0}`, `${riskOrder(risk, state.lastActiveAt)}`]
  texts.push(
    attentionOf(levels),
    state.openAlertId === null ? '0' : '1',
    state.patched ? '1' : '0',
    state.counselor ?? '',
    unresolvedOf(state)?.assignee ?? '',
    JSON.stringify(calledOf(state)),
    localTime(state.createdAt),
  )
  texts.push(state.lastActiveAt === null ? '' : localTime(state.lastActiveAt), `${state.totalChats}`, `${state.totalRiskAlerts}`)
  texts.push(`${conversations.length}`, `${conversations[0]?.occurredAt ?? 0}`)
  for (const conversation of conversations) texts.push(conversationElement(conversation, localTime(conversation.occurredAt)))
  texts.push(`${emotions.length}`, `${emotions[0]?.occurredAt ?? 0}`)
  for (const point of emotions) texts.push(pointElement(point, localTime(point.occurredAt)))
  texts.push(`${topics.length}`)
  for (const { name } of topics) texts.push(name)
  for (const { name, count, firstSeenAt, lastSeenAt } of topics) texts.push(name, `${count} ${firstSeenAt} ${lastSeenAt}`)
  texts.push(`${seen.length}`)
  for (const { id, acceptedAt, fingerprint, alertId, source } of seen)
    texts.push(id, `${acceptedAt} ${fingerprint} ${alertId ?? ''} ${source}`)
  for (const { id, acceptedAt } of seen) texts.push(`${acceptedAt}`, id)
  texts.push(`${alerts.length}`)
  for (const alert of alerts) texts.push(...alertTexts(user, alert))
  return texts
}

const unresolvedOf = ({ openAlertId, alerts }: UserState): UserState['alerts'][number] | undefined =>
  alerts.find(({ id }) => id === openAlertId)

/** Whom the unresolved alert was escalated to. */
const calledOf = (state: UserState): readonly string[] => unresolvedOf(state)?.escalation.to ?? []

/** The record of users.lua, where what is null is absent; its deadlines, which come last, are left to put.lua. */
function recordText(state: UserState): string {
  const { conversations, emotions, topics, seen, alerts } = state
  return JSON.stringify({
    rev: state.rev,
    created: state.createdAt,
    active: state.lastActiveAt ?? undefined,
    chats: state.totalChats,
    risks: state.totalRiskAlerts,
    accepted: state.acceptedAt,
    since: state.oldestAt,
    raised: state.alertsRaised,
    last: state.lastPoints.length > 0 ? state.lastPoints : undefined,
    alert: state.openAlertId ?? undefined,
    level: state.openAlertId === null ? undefined : (state.openAlertLevel ?? 0),
    assignee: unresolvedOf(state)?.assignee ?? undefined,
    to: calledOf(state).length > 0 ? calledOf(state) : undefined,
    stripped: state.strippedAt ?? undefined,
    trend: state.trendDay ?? undefined,
    counselor: state.counselor ?? undefined,
    sources: Object.keys(state.sources).length > 0 ? state.sources : undefined,
    kept: [conversations.length, emotions.length, topics.length, seen.length, alerts.length],
    deadlines: [0, 0],
  })
}

function alertTexts(owner: string, alert: UserState['alerts'][number]): string[] {
  const { id, level, status, trigger, history, acknowledged, resolved, escalation } = alert
  const fields = Object.entries({
    user: owner,
    level: riskRank(level),
    status,
    occurrences: alert.occurrences,
    raised: alert.raisedAt,
    seen: alert.lastSeenAt,
    conversation: alert.conversationId,
    version: alert.version,
    trigger: trigger && triggerText(trigger),
    assignee: alert.assignee,
    ackBy: acknowledged?.by,
    ackAt: acknowledged?.at,
    ackUntil: acknowledged?.until,
    resolvedBy: resolved?.by,
    resolvedAt: resolved?.at,
    resolvedUntil: resolved?.until,
    resolution: resolved?.resolution,
    since: escalation.since,
    step: escalation.step,
    to: JSON.stringify(escalation.to),
    next: escalation.next,
  }).flatMap(([name, value]) => (value == null ? [] : [name, String(value)]))
  const sort = String(alertOrder(level, alert.raisedAt))
  const events = history.map((event) => JSON.stringify(event))
  const due = String(dueAt(alert) ?? '+inf')
  return [id, status, sort, String(fields.length), ...fields, String(events.length), ...events, due]
}

const triggerText = ({ occurredAt, query, response, riskLevel }: AlertTrigger): string =>
  JSON.stringify({ at: occurredAt, rank: riskRank(riskLevel), query, response })
