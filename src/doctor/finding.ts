export type Level = 'ok' | 'warning' | 'problem'

/** What one check came to: a sentence that says what it is, and what to do where something is to be done. */
export interface Finding {
  check: string
  level: Level
  says: string
}

export const ok = (check: string, says: string): Finding => ({ check, level: 'ok', says })
export const warning = (check: string, says: string): Finding => ({ check, level: 'warning', says })
export const problem = (check: string, says: string): Finding => ({ check, level: 'problem', says })

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
