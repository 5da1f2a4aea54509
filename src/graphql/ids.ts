import { encodeGlobalID } from '@pothos/plugin-relay'
import * as z from 'zod'
import { badInput } from '../errors.ts'
import { checkText, MAX_USER_ID } from '../services/text.ts'

/** What a global id stands for. An item of a user's list is known by its user and its own id. */
export type NodeKey =
  | { type: 'User' | 'Topic' | 'RiskAlert' | 'Counselor'; id: string }
  | { type: 'Conversation' | 'EmotionPoint'; userId: string; id: string }

export const globalId = (key: NodeKey): string => encodeGlobalID(key.type, 'userId' in key ? JSON.stringify([key.userId, key.id]) : key.id)

const Owned = z.tuple([z.string().min(1), z.string().min(1)])
const MAX_ID = 4_096

function parse(globalID: string): NodeKey | null {
  const text = Buffer.from(globalID, 'base64').toString()
  const colon = text.indexOf(':')
  const type = text.slice(0, colon)
  const id = text.slice(colon + 1)
  switch (type) {
    case 'User':
    case 'Topic':
    case 'RiskAlert':
    case 'Counselor':
      return { type, id: checkText('id', id, { max: type === 'User' ? MAX_USER_ID : MAX_ID }) }
    case 'Conversation':
    case 'EmotionPoint': {
      const [userId, own] = Owned.parse(JSON.parse(id))
      return { type, userId: checkText('id', userId, { max: MAX_USER_ID }), id: checkText('id', own, { max: MAX_ID }) }
    }
    default:
      return null
  }
}

/** Takes a global id apart; only one that this very module could have made. */
export function parseGlobalId(globalID: string, field: string): NodeKey {
  try {
    const key = parse(globalID)
    if (key && globalId(key) === globalID) return key
  } catch {
    // Whatever is wrong inside an opaque id, the caller can only do one thing about it.
  }
  throw badInput(`${field} is not an id of this service.`, 'Ids are opaque: hand them back just as an answer had them.', field)
}

/** What the global id of one type stands for. */
export function idOf(type: 'RiskAlert' | 'Counselor', globalID: string, field: string): string {
  const key = parseGlobalId(globalID, field)
  if (key.type === type) return key.id
  throw badInput(`${field} is the id of something else.`, `Hand back the id of a ${type}.`, field)
}
