import { type AlertEvent, type AlertStatus, isHeldBy, type RiskAlert, type User } from '../model.ts'
import type { View } from '../store/store.ts'

/** How much somebody hears of news of an alert: all of it; that it is not theirs any more, for the last time; or nothing. */
export type Heard = 'WHOLE' | 'WITHDRAWN' | null

/** What is heard of an event in a view, when an alert and its person are like this. */
export function heardIn({ counselor: sub }: View, { before }: AlertEvent, alert: RiskAlert, user: User | null): Heard {
  if (user && isSeen(sub, alert, user)) return 'WHOLE'
  return before && isHeldBy(sub, before) ? 'WITHDRAWN' : null
}

function isSeen(sub: string, { status, assignee, acknowledged, escalation }: RiskAlert, { counselor }: User): boolean {
  if (status === 'RESOLVED') return counselor === sub
  const acknowledgedBy = status === 'ACKNOWLEDGED' ? (acknowledged?.by ?? null) : null
  return isHeldBy(sub, { counselor, assignee, acknowledgedBy, escalatedTo: escalation.to })
}

/** An alert of which no more is told than that it is not theirs any more who are told: nothing of what became of it, and nobody's words. */
export function withdrawnAlert({ id, userId, raisedAt }: RiskAlert, { kind, level, before }: AlertEvent): RiskAlert {
  const status: AlertStatus = kind === 'ASSIGNED' ? (before?.acknowledgedBy == null ? 'OPEN' : 'ACKNOWLEDGED') : statusAfter(kind)
  return {
    // Told after a cursor, its version would count what became of it since.
    ...{ id, userId, level, status, version: 0, raisedAt, lastSeenAt: raisedAt, occurrences: 1, conversationId: '', trigger: null },
    ...{ assignee: null, acknowledged: null, resolved: null, escalation: { since: raisedAt, step: 0, to: [], next: null } },
  }
}

const statusAfter = (kind: AlertEvent['kind']): AlertStatus => (kind === 'RESOLVED' ? 'RESOLVED' : 'ACKNOWLEDGED')

/** The person of such an alert: only who they are. */
export const withdrawnUser = ({ userId, raisedAt }: RiskAlert): User => ({
  ...{ userId, createdAt: raisedAt, lastActiveAt: null, totalChats: 0, totalRiskAlerts: 0, currentRisk: 'UNKNOWN', attention: 'NONE' },
  counselor: null,
})
