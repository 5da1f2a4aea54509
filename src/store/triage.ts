import { z } from 'zod'
import { type AlertLevel, DEFAULT_TRIAGE, MINUTE_MS, type RiskAlert, type RiskLevel, type Triage } from '../model.ts'
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
  action: z.enum(['ACKNOWLEDGE', 'RESOLVE', 'ESCALATE', 'NOTE', 'LAPSE']),
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

/** An alert that begins to wait for somebody. */
export const waiting = (
  triage: Triage,
  level: RiskLevel,
  since: number,
): Pick<RiskAlert, 'status' | 'acknowledged' | 'resolved' | 'escalation'> => ({
  status: 'OPEN',
  acknowledged: null,
  resolved: null,
  escalation: { since, step: 0, to: [], next: nextEscalation(triage, level, { since, step: 0 }) },
})

/** When something follows from the passing of time alone: a step of the escalation, or the lapse of the acknowledgement. */
export const dueAt = ({ status, acknowledged, escalation }: Pick<RiskAlert, 'status' | 'acknowledged' | 'escalation'>): number | null => {
  if (status === 'OPEN') return escalation.next
  return status === 'ACKNOWLEDGED' ? (acknowledged?.until ?? null) : null
}
