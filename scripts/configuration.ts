import type * as z from 'zod'
import { ALERTS } from '../src/settings/alerts.ts'
import { RETENTION, STORES } from '../src/settings/data.ts'
import { CALLERS, LISTENING } from '../src/settings/network.ts'
import { CONVERSATIONS, LIMITS, LOG } from '../src/settings/requests.ts'
import { SETTINGS, type Setting, settingsOf } from '../src/settings.ts'
import { table } from './table.ts'

const HEAD = `# Configuration

Generated from the settings in \`src/settings/\` by \`npm run docs\`.

Settings are environment variables; an empty one counts as left out. What is wrong stops the start, with one line for every mistake; a name
that is nearly one of ours is logged as a warning. \`npx xinyi doctor\` reads them too.
`

/** By what they are about: the title, what is to be said beside the table, and the settings. */
const THEMES: readonly (readonly [title: string, text: string, shape: Readonly<Record<string, z.ZodType>>])[] = [
  [
    'Where it listens',
    'Behind a proxy see [deployment.md](deployment.md); for pages of other sites, [security.md](security.md#pages-of-other-sites).',
    LISTENING,
  ],
  ['Who is asking', 'What stands behind these is in [security.md](security.md#who-is-asking).', CALLERS],
  ['Where the data is', 'What the two stores do for each other, and how Redis is found, is in [storage.md](storage.md).', STORES],
  ['What is kept', 'These belong to the data set, not to a server: [retention.md](retention.md).', RETENTION],
  ['Alerts', 'How they escalate, to whom, and how a webhook hears of them, is in [alerts.md](alerts.md).', ALERTS],
  ['Conversations', 'How topics are found is in [topics.md](topics.md).', CONVERSATIONS],
  ['Limits', 'What is refused beyond them, and how, is in [security.md](security.md#limits).', LIMITS],
  ['Log', 'What its lines mean is in [messages.md](messages.md#how-the-stores-are-doing).', LOG],
]

/** Those that a newcomer asks for first. */
const SHORT = ['HOST', 'PORT', 'PUBLIC_URL', 'AUTH', 'MEMORY_STORAGE_BACKEND', 'REDIS_URL', 'DATA_DIR', 'LOCAL_TIME_ZONE']
SHORT.push('RETAIN_CONVERSATIONS', 'RETAIN_CONVERSATIONS_DAYS', 'STAFF_FILE', 'ALERT_WEBHOOK_URL', 'LOG_LEVEL')

const code = (text = ''): string => (text === '' ? '' : `\`${text}\``)
const full = ({ name, expected, unit = '', default: fallback, example, description }: Setting): readonly string[] => [
  code(name),
  description,
  expected,
  unit,
  code(fallback),
  code(example),
]

/** docs/configuration.md */
export function configuration(): string {
  const themes = THEMES.map(([title, text, shape]) => ({ title, text, settings: settingsOf(shape) }))
  const missing = SETTINGS.filter(({ name }) => !themes.some(({ settings }) => settings.some((setting) => setting.name === name)))
  if (missing.length > 0) throw new Error(`In no theme of scripts/configuration.ts: ${missing.map(({ name }) => name).join(', ')}`)
  const sections = themes.map(
    ({ title, text, settings }) =>
      `## ${title}\n\n${text}\n\n${table(['Setting', 'Meaning', 'It has to be', 'Unit', 'Default', 'Example'], ...settings.map(full))}\n`,
  )
  return [HEAD, ...sections].join('\n')
}

/** The table of the README. */
export const shortTable = (): string =>
  table(
    ['Setting', 'Default', 'Meaning'],
    ...SETTINGS.filter(({ name }) => SHORT.includes(name)).map(({ name, default: fallback, description }) => [
      code(name),
      code(fallback),
      description.replaceAll('](', '](docs/'),
    ]),
  )
