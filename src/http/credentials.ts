import type { IncomingMessage } from 'node:http'
import type { Credentials } from '../auth/authenticator.ts'
import { isLoopback } from '../loopback.ts'

const LONGEST_NAME = 200

/**
 * What a request shows of whoever makes it; a WebSocket can show it in its connectionParams instead, under the same names. `isSocket`: it
 * came in over the socket in DATA_DIR. That its connection has no address would not tell: one that was cut off has none either.
 */
export function credentialsOf(req: IncomingMessage, isSocket: boolean, params: Readonly<Record<string, unknown>> = {}): Credentials {
  const { authorization } = params
  return {
    from: isSocket ? 'SOCKET' : isLoopback(req.socket.remoteAddress ?? '') ? 'LOOPBACK' : 'NETWORK',
    authorization: typeof authorization === 'string' ? authorization : (req.headers.authorization ?? null),
    actor: decoded(params['x-actor'] ?? req.headers['x-actor']),
  }
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
