import type { IncomingMessage } from 'node:http'
import type { Caller } from '../model.ts'

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/
const LONGEST_NAME = 200

/**
 * Who asks. There are no tokens yet: whoever comes from this machine is the supervisor that they say they are in the header `x-actor`
 * (URL-encoded, where the name is not plain ASCII), or in the same field of a WebSocket's connectionParams. Everybody else is nobody.
 */
export function callerOf(req: IncomingMessage, params: Readonly<Record<string, unknown>> = {}): Caller | null {
  const { remoteAddress } = req.socket
  // A connection over the socket in DATA_DIR has no address.
  if (remoteAddress !== undefined && !LOOPBACK.test(remoteAddress)) return null
  const sub = decoded(params['x-actor'] ?? req.headers['x-actor'])
  return sub === null ? null : { sub, name: sub, roles: ['SUPERVISOR'] }
}

function decoded(given: unknown): string | null {
  if (typeof given !== 'string') return null
  try {
    const name = decodeURIComponent(given).normalize('NFC').trim()
    return name === '' || [...name].length > LONGEST_NAME || !name.isWellFormed() ? null : name
  } catch {
    return null
  }
}
