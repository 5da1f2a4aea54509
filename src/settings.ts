import * as z from 'zod'
import { type About, about } from './settings/about.ts'
import { ALERTS } from './settings/alerts.ts'
import { RETENTION, STORES } from './settings/data.ts'
import { CALLERS, LISTENING } from './settings/network.ts'
import { CONVERSATIONS, LIMITS, LOG } from './settings/requests.ts'

/** Every environment variable that means something here. */
export const Settings = z.object({ ...LISTENING, ...CALLERS, ...STORES, ...RETENTION, ...ALERTS, ...CONVERSATIONS, ...LIMITS, ...LOG })

export interface Setting extends About {
  readonly name: string
  /** Completes "it has to be …". */
  readonly expected: string
}

export const settingsOf = (shape: Readonly<Record<string, z.ZodType>>): readonly Setting[] =>
  Object.entries(shape).map(([name, schema]) => ({
    name,
    expected: schema.description ?? '',
    ...(about.get(schema) ?? { default: '', description: '' }),
  }))

export const SETTINGS = settingsOf(Settings.shape)
