import type { IncomingMessage } from 'node:http'
import type { Credentials } from '../auth/authenticator.ts'
import { isLoopback } from '../loopback.ts'

const LONGEST_NAME = 200

/**
 * What a request shows of whoever makes it; a WebSocket can show it in its connectionParams instead, under the same names. `isSocket`: it
 * came in over the socket in DATA_DIR. That its connection has no address would not tell: one that was cut off has none either.
 */
export function credentialsOf(
  req: IncomingMessage,
  { isSocket, cookie }: { isSocket: boolean; cookie: string },
  params: Readonly<Record<string, unknown>> = {},
): Credentials {
  const { authorization } = params
  return {
    from: isSocket ? 'SOCKET' : isLoopback(req.socket.remoteAddress ?? '') ? 'LOOPBACK' : 'NETWORK',
    authorization: typeof authorization === 'string' ? authorization : (req.headers.authorization ?? null),
    session: cookieIn(cookie, req.headers.cookie ?? ''),
    actor: decoded(params['x-actor'] ?? req.headers['x-actor']),
  }
}

/** The name of the cookie that a session is known by. Over TLS its prefix has browsers refuse one that another host, or a page without TLS, would set. */
export const cookieName = (behindTls: boolean): string => (behindTls ? '__Host-xinyi_session' : 'xinyi_session')

function cookieIn(cookie: string, header: string): string | null {
  const pair = header
    .split(';')
    .map((each) => each.trim())
    .find((each) => each.startsWith(`${cookie}=`))
  return pair?.slice(cookie.length + 1) || null
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
