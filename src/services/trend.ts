import { badInput } from '../errors.ts'
import { type Attention, DAY_MS } from '../model.ts'

export interface EmotionTrend {
  count: number
  mean: number | null
  /** Means of every `window` points in a row: count - window + 1 of them. */
  movingAverage: number[]
  /** Sample standard deviation; null below two points. */
  volatility: number | null
  /** Least squares over occurredAt; null below two distinct times. */
  slopePerDay: number | null
  attention: Attention
}

/** What the scores of points, oldest to newest, say together. A number that is beyond what a double holds is null. */
export function emotionTrend(points: readonly { occurredAt: number; score: number }[], window: number, attention: Attention): EmotionTrend {
  if (!Number.isInteger(window) || window < 1) throw badInput(`window is ${window}.`, 'Give a whole number from 1.', 'window')
  const scores = points.map(({ score }) => score)
  const mean = scores.length > 0 ? meanOf(scores) : null
  return {
    count: points.length,
    mean,
    movingAverage: scores.slice(window - 1).map((_, i) => meanOf(scores.slice(i, i + window))),
    volatility: mean === null ? null : volatility(scores, mean),
    slopePerDay: mean === null ? null : slopePerDay(points, mean),
    attention,
  }
}

/** Always within the values' range: a sum that overflows is taken of the values' shares instead. */
function meanOf(values: readonly number[]): number {
  const mean = sum(values) / values.length
  return Number.isFinite(mean) ? mean : sum(values.map((value) => value / values.length))
}

function volatility(values: readonly number[], mean: number): number | null {
  if (values.length < 2) return null
  return finite(Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1)))
}

function slopePerDay(points: readonly { occurredAt: number; score: number }[], mean: number): number | null {
  const first = points[0]?.occurredAt ?? 0
  const days = points.map(({ occurredAt }) => (occurredAt - first) / DAY_MS)
  const middle = meanOf(days)
  const spread = sum(days.map((day) => (day - middle) ** 2))
  if (spread === 0) return null
  return finite(sum(points.map(({ score }, i) => ((days[i] ?? 0) - middle) * (score - mean))) / spread)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)
