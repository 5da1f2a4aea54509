import type { Limits } from '../../model.ts'
import type { RedisStore } from '../redis/store.ts'
import type { Joined } from '../store.ts'
import { wordOf } from './faults.ts'
import type { Link } from './link.ts'
import type { Local } from './local.ts'
import type { RemoteReplica } from './replica.ts'

/** A fact about the data set: as Redis tells it, or where that fails, as the replica does. */
async function fact<T>(
  link: Link,
  local: Local,
  { there, here }: { there(primary: RedisStore): Promise<T>; here(replica: RemoteReplica): Promise<T> },
): Promise<T> {
  const { state } = link
  try {
    if (state.mode === 'PRIMARY') return await there(state.primary)
  } catch (error) {
    link.leave(state, wordOf(error))
  }
  await local.whole()
  return here(local.replica)
}

export const policyOf = (link: Link, local: Local): Promise<Limits | null> =>
  fact(link, local, {
    there: (primary) => primary.policy(),
    here: async (replica) => (await replica.policies()).at(-1)?.limits ?? null,
  })

export const staffOf = (link: Link, local: Local): Promise<Joined[]> =>
  fact(link, local, { there: (primary) => primary.staff(), here: (replica) => replica.staff() })

export async function compactBoth({ state }: Link, { replica }: Local, options: { mayHoldUp: boolean }): Promise<number | null> {
  if (state.mode === 'PRIMARY') await state.primary.compact()
  return replica.compact(options)
}

const SNAPSHOT_PATIENCE_MS = 2_000

/** What Redis had from other instances when it was asked for is in it too, unless that does not come in time. */
export async function snapshotOf({ state }: Link, { replica }: Local, file: string): Promise<void> {
  if (state.mode === 'PRIMARY') await state.tail.reached((await state.primary.status()).n, SNAPSHOT_PATIENCE_MS)
  await replica.snapshot(file)
}
