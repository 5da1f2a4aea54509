import { setTimeout } from 'node:timers/promises'
import type { Client, Failure } from '../commands/client.ts'
import { StartError, XinyiError } from '../errors.ts'
import { ImportConversationsDocument } from '../gql/graphql.ts'
import type { Row } from './row.ts'

export interface Item {
  line: number
  /** The row as it stands in the file. */
  text: string
  input: Omit<Row, 'timestamp'> & { idempotencyKey: string; raiseAlert?: boolean }
}

/** What became of an item. */
export type Fate = { type: 'recorded'; kept: boolean } | { type: 'known' } | { type: 'refused'; reason: string }

/** Pauses before another attempt while the store does not answer: 8 s in all. */
const PAUSES_MS = [100, 300, 600, 1_000, 2_000, 4_000]

/** Records a batch and says what became of each item, in their order. Trying again doubles nothing: the items carry keys. */
export async function recordBatch(client: Client, items: readonly Item[]): Promise<[Item, Fate][]> {
  const fates = new Map<Item, Fate>()
  let left = items
  for (const pause of [0, ...PAUSES_MS]) {
    await setTimeout(pause)
    for (const [item, fate] of await attempt(client, left)) fates.set(item, fate)
    left = left.filter((item) => !fates.has(item))
    if (left.length === 0) return [...fates].sort(([a], [b]) => a.line - b.line)
  }
  throw new StartError(
    'The store does not answer any more, so the import stopped. Run the same command again when it does: what was recorded is known, and not counted twice.',
  )
}

/** One request. Its answer lacks what the store could not take just now. */
async function attempt(client: Client, items: readonly Item[]): Promise<[Item, Fate][]> {
  try {
    const { data, errors } = await client.request(ImportConversationsDocument, { input: items.map(({ input }) => input) })
    const general = errors.find(({ path }) => typeof path?.at(-1) !== 'number')
    if (general) return await refusedWhole(client, items, general)
    return items.flatMap((item, i): [Item, Fate][] => {
      const payload = data?.recordConversations[i]
      const failure = errors.find(({ path }) => path?.at(-1) === i)
      if (payload) return [[item, payload.duplicate ? { type: 'known' } : { type: 'recorded', kept: payload.conversation !== null }]]
      return failure && !isPassing(failure) ? [[item, { type: 'refused', reason: sentence(failure) }]] : []
    })
  } catch (error) {
    if (error instanceof XinyiError && error.code === 'STORE_UNAVAILABLE') return []
    throw error
  }
}

/** A server that takes less at once gets it in halves. */
async function refusedWhole(client: Client, items: readonly Item[], failure: Failure): Promise<[Item, Fate][]> {
  if (isPassing(failure)) return []
  if (failure.extensions?.code !== 'PAYLOAD_TOO_LARGE') throw new StartError(`The import stopped: ${sentence(failure)}`)
  const [only] = items
  if (only && items.length === 1) return [[only, { type: 'refused', reason: sentence(failure) }]]
  const middle = Math.ceil(items.length / 2)
  return [...(await attempt(client, items.slice(0, middle))), ...(await attempt(client, items.slice(middle)))]
}

const isPassing = ({ extensions }: Failure): boolean => extensions?.code === 'STORE_UNAVAILABLE' || extensions?.code === 'RATE_LIMITED'

function sentence({ message, extensions }: Failure): string {
  if (extensions?.code === 'CONFLICT' && extensions.field?.endsWith('idempotencyKey'))
    return 'This exchange is recorded already, with another risk, emotionScore, topic or time zone.'
  return [message, extensions?.hint].filter(Boolean).join(' ')
}
