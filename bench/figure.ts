import type { Measured } from './job.ts'

export interface Figure {
  what: string
  value: number
  unit: string
  target: number
  /** Otherwise the target is the most that it may be. */
  atLeast?: true
  more?: string
}

export const ms = (value: number): string => `${value.toFixed(1)} ms`
export const durations = (requests: Measured['requests']): number[] => requests.map(([, took]) => took)
export const failures = (requests: Measured['requests']): number => requests.filter(([, , ok]) => !ok).length
