import * as z from 'zod'

/** What is told about a setting besides its schema, whose own description completes "it has to be …". */
export interface About {
  /** As one would write it in the environment; '' where leaving it out has a meaning of its own. */
  readonly default: string
  /** A value that it could have instead; none where it is to be made with a command, which its schema tells. */
  readonly example?: string
  /** What its number counts. */
  readonly unit?: string
  readonly description: string
  /** Its value is never printed. */
  readonly secret?: boolean
}

export const about = z.registry<About>()
