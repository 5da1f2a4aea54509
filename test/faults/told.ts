import { storeUnavailable } from '../../src/errors.ts'
import type { AlertFeed } from '../../src/services/feed.ts'
import { newDataFile } from '../helpers/joined.ts'
import { replicaHere } from '../helpers/this-thread.ts'
import { startFeed } from '../services/services.ts'
import type { Site } from './several.ts'

export const feedOf = ({ store }: Site): Promise<AlertFeed> => startFeed(store, { heartbeatMs: 2 })

/** The next alerts that are told behind a cursor: whom they are about, and the last cursor. */
export async function told(feed: AlertFeed, count: number, after?: string, act = async (): Promise<void> => {}) {
  const messages = await feed.subscribe({ after, minLevel: 'MEDIUM' })
  const first = messages.next()
  // Whoever waits for it hears of it.
  first.catch(() => {})
  await act()
  const users: string[] = []
  let cursor = ''
  for (let next = await first; !next.done; next = await messages.next()) {
    users.push(next.value.alert.userId)
    cursor = next.value.cursor
    if (users.length === count) break
  }
  await messages.return?.()
  return { users, cursor }
}

/** A replica that, while its disk is full, does not take over what Redis has. */
export function fullReplica(path = newDataFile()) {
  const replica = replicaHere(path)
  const it = {
    path,
    isFull: false,
    replica: new Proxy(replica, {
      get: (_, method) =>
        method === 'applyEntries' && it.isFull ? () => Promise.reject(storeUnavailable(new Error('full'))) : Reflect.get(replica, method),
    }),
  }
  return it
}

export const raise = async (by: Site, ...users: string[]): Promise<void> => {
  for (const user of users) await by.record(user, [`of ${user}`], { riskLevel: 'HIGH' })
}
