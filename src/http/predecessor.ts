import type { ServerResponse } from 'node:http'
import { XinyiError } from '../errors.ts'
import { naiveTime } from '../local-time.ts'
import type { Caller, StorageBackend } from '../model.ts'
import type { Store } from '../store/store.ts'
import { permit } from './permit.ts'
import { type HttpError, httpErrorOf, sendError, sendJson } from './respond.ts'

/** The routes of the predecessor, in its shapes, for what still asks them. Asking creates nobody. */

const PREFIX = '/api/memory/'

export const isPredecessors = (path: string | undefined): path is string => path?.startsWith(PREFIX) ?? false

interface Asked {
  store: Store
  caller: Caller
  /** Of the naive times in the answers. */
  localTimeZone: string
  now: number
}

export async function servePredecessor(path: string, asked: Asked, res: ServerResponse): Promise<void> {
  const rest = path.slice(PREFIX.length)
  try {
    if (rest === 'backend') return sendJson(res, 200, backend(asked.store.backend))
    if (rest === 'stats/all') return sendJson(res, 200, await statistics(asked))
    const userId = decoded(rest)
    if (userId === null) return sendError(res, NO_ID)
    const found = await user(userId, asked)
    return found ? sendJson(res, 200, { status: 'success', data: found }) : sendError(res, UNKNOWN)
  } catch (error) {
    if (error instanceof XinyiError) return sendError(res, httpErrorOf(error))
    throw error
  }
}

const NAMES: Record<StorageBackend, string> = { REDIS: 'Redis', SQLITE: 'SQLite' }

const backend = (serving: StorageBackend): object => ({
  current_backend: NAMES[serving],
  available_backends: ['SQLite', 'Redis'],
  status: 'active',
})

async function statistics({ store, caller, now }: Asked): Promise<object> {
  permit(caller, ['SUPERVISOR'])
  const { answers, served } = await store.read([{ kind: 'overview' }], now)
  const [{ users, activeUsers, openAlerts }] = answers
  return {
    storage_backend: NAMES[served],
    message: `${users} users, ${activeUsers} active within 24 hours, ${openAlerts} open alerts`,
    total_users: users,
    active_users: activeUsers,
    open_alerts: openAlerts,
  }
}

/** The counts of either store's answer; what the person talks about, only for whoever may know. */
async function user(userId: string, { store, caller, localTimeZone, now }: Asked): Promise<object | null> {
  permit(caller, ['SUPERVISOR', 'SERVICE'])
  const page = { limit: 0, take: 'first' } as const
  const { answers } = await store.read(
    [
      { kind: 'user', userId },
      { kind: 'userTopics', userId },
      { kind: 'conversations', userId, page },
      { kind: 'emotions', userId, page },
    ],
    now,
  )
  const [found, topics, conversations, emotions] = answers
  if (!found) return null
  return {
    user_id: userId,
    created_at: naiveTime(found.createdAt, localTimeZone),
    total_chats: found.totalChats,
    total_risk_alerts: found.totalRiskAlerts,
    common_topics_count: topics.length,
    ...(caller.roles.includes('SUPERVISOR') && { common_topics: topics.map(({ name }) => name) }),
    last_active: found.lastActiveAt === null ? null : naiveTime(found.lastActiveAt, localTimeZone),
    stored_conversations: conversations.total,
    emotion_records: emotions.total,
  }
}

function decoded(text: string): string | null {
  try {
    const id = decodeURIComponent(text)
    return id === '' || !id.isWellFormed() ? null : id
  } catch {
    return null
  }
}

const NO_ID: HttpError = {
  status: 400,
  code: 'BAD_USER_INPUT',
  message: 'The address names no user.',
  hint: 'Write the id behind /api/memory/, URL-encoded.',
}

const UNKNOWN: HttpError = {
  status: 404,
  code: 'NOT_FOUND',
  message: 'This user is not known here.',
  hint: 'Check the id; asking creates nobody.',
}
