import { z } from 'zod'
import { type AlertLevel, DAY_MS, DEFAULT_TRIAGE, type Limits, MINUTE_MS, type RiskAlert, type RiskLevel, type Triage } from '../model.ts'
import type { AlertAction } from './store.ts'

/** What follows from the time that an alert waits for somebody, or that somebody has it. */

const minutes = z.number().min(0)
const steps = z.array(minutes).max(100).readonly()
const byLevel = <T extends z.ZodType>(value: T) => z.object({ MEDIUM: value, HIGH: value, IMMINENT: value })
/** A table that can't be read is the one that holds where there is none. */
export const TriageSchema: z.ZodType<Triage> = z
  .object({ escalateAfterMinutes: byLevel(steps), acknowledgedForMinutes: byLevel(minutes) })
  .catch(DEFAULT_TRIAGE)

const text = z.string().nullable()

export const AlertActionSchema: z.ZodType<AlertAction> = z.object({
  alertId: z.string(),
  action: z.enum(['ACKNOWLEDGE', 'RESOLVE', 'ESCALATE', 'NOTE', 'LAPSE', 'EXPIRE']),
  version: z.int().nullable(),
  actor: text,
  note: text,
  resolution: text,
  to: z.array(z.string()),
  due: z.int().nullable(),
})
export const AssignmentSchema = z.object({ counselor: text, actor: text, note: text })

/** What an alert notes that no single conversation raised. */
export const TREND = 'attention has turned to NEEDS_ATTENTION'

const alertLevel = (level: RiskLevel): AlertLevel => (level === 'IMMINENT' || level === 'HIGH' ? level : 'MEDIUM')

/** When the next step of an escalation is due; null after the last. */
export function nextEscalation(
  { escalateAfterMinutes }: Triage,
  level: RiskLevel,
  { since, step }: { since: number; step: number },
): number | null {
  const after = escalateAfterMinutes[alertLevel(level)][step]
  return after === undefined ? null : since + after * MINUTE_MS
}

/** Until when an acknowledgement holds. */
export const acknowledgedUntil = ({ acknowledgedForMinutes }: Triage, level: RiskLevel, at: number): number =>
  at + acknowledgedForMinutes[alertLevel(level)] * MINUTE_MS

/** An alert that begins to wait for somebody. Whom it was escalated to until then (`to`) goes on to be asked. */
export const waiting = (
  triage: Triage,
  level: RiskLevel,
  since: number,
  to: readonly string[] = [],
): Pick<RiskAlert, 'status' | 'acknowledged' | 'resolved' | 'escalation'> => ({
  status: 'OPEN',
  acknowledged: null,
  resolved: null,
  escalation: { since, step: 0, to, next: nextEscalation(triage, level, { since, step: 0 }) },
})

/** Until when an alert is kept that is resolved at this time; null: for ever. */
export const resolvedUntil = ({ alertsDays }: Limits, at: number): number | null => (alertsDays === 0 ? null : at + alertsDays * DAY_MS)

/** When something follows from the passing of time alone: a step of the escalation, the lapse of the acknowledgement, or the end of the alert. */
export const dueAt = ({
  status,
  acknowledged,
  resolved,
  escalation,
}: Pick<RiskAlert, 'status' | 'acknowledged' | 'resolved' | 'escalation'>): number | null => {
  if (status === 'OPEN') return escalation.next
  return (status === 'ACKNOWLEDGED' ? acknowledged?.until : resolved?.until) ?? null
}
