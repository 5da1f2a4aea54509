import type { RiskLevel } from '../model.ts'

export type Phrases = readonly [string, ...string[]]
/** How somebody feels while talking about a theme. */
export type Band = 'low' | 'middle' | 'high'

/** What the invented people of one language say, and what they are answered. Nothing here was said by anybody. */
export interface Language {
  /** Between two sentences. */
  space: string
  openings: Record<Band, Phrases>
  themes: readonly [Record<Band, Phrases>, ...Record<Band, Phrases>[]]
  endings: Record<Band, Phrases>
  reflections: Record<Band, Phrases>
  suggestions: Record<Band, Phrases>
  crises: Record<Extract<RiskLevel, 'MEDIUM' | 'HIGH' | 'IMMINENT'>, { said: Phrases; answered: Phrases }>
}
