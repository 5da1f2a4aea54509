import { setTimeout } from 'node:timers/promises'
import type { Client, Failure } from '../commands/client.ts'
import { StartError, XinyiError } from '../errors.ts'
import { type MigratedUserInput, MigrateUsersDocument, type MigrateUsersMutation } from '../gql/graphql.ts'

export type Taken = NonNullable<MigrateUsersMutation['migrateUsers'][number]>

/** Pauses before another attempt while the store does not answer: 15 s in all. */
const PAUSES_MS = [100, 300, 600, 1_000, 2_000, 4_000, 7_000]

/** Has users taken over, and says what became of each. Trying again doubles nothing. */
export async function sendAll(client: Client, users: readonly MigratedUserInput[]): Promise<[MigratedUserInput, Taken][]> {
  const done: [MigratedUserInput, Taken][] = []
  let left = users
  for (const pause of [0, ...PAUSES_MS]) {
    await setTimeout(pause)
    const taken = await attempt(client, left)
    done.push(...taken)
    const known = new Set(taken.map(([user]) => user))
    left = left.filter((user) => !known.has(user))
    if (left.length === 0) return done
  }
  throw new StartError(
    'The store does not answer any more, so the migration stopped. Run the same command again when it does: what was taken over is known, and not counted twice.',
  )
}

async function attempt(client: Client, input: readonly MigratedUserInput[]): Promise<[MigratedUserInput, Taken][]> {
  try {
    const { data, errors } = await client.request(MigrateUsersDocument, { input: [...input] })
    const general = errors.find(({ path }) => typeof path?.at(-1) !== 'number' && !path?.includes('migrateUsers'))
    if (general && !data) return isPassing(general) ? [] : fail(general)
    return input.flatMap((user, i): [MigratedUserInput, Taken][] => {
      const taken = data?.migrateUsers[i]
      if (taken) return [[user, taken]]
      const failure = errors.find(({ path }) => path?.at(-1) === i)
      if (!failure || isPassing(failure)) return []
      const refused = [null, ...user.conversations.map(({ id }) => id)].map((id) => ({ id, reason: failure.message }))
      return [[user, { recorded: 0, beyondRetention: 0, alreadyKnown: 0, refused }]]
    })
  } catch (error) {
    if (error instanceof XinyiError && error.code === 'STORE_UNAVAILABLE') return []
    throw error
  }
}

const isPassing = ({ extensions }: Failure): boolean => extensions?.code === 'STORE_UNAVAILABLE' || extensions?.code === 'RATE_LIMITED'

function fail({ message, extensions }: Failure): never {
  throw new StartError(`The migration stopped: ${[message, extensions?.hint].filter(Boolean).join(' ')}`)
}
