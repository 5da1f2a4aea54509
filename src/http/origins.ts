import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpError } from './respond.ts'

/** How long a browser may remember that it may ask. */
const PREFLIGHT_SECONDS = 600

/**
 * From which pages requests are taken: from the server's own, and from those of listed origins. Browsers name the origin in every request that
 * could change something or be read by another site's page, and say of the others that another site caused them. Who is no browser says neither.
 */
export class Origins {
  readonly #listed: ReadonlySet<string>

  constructor(listed: Iterable<string>) {
    this.#listed = new Set(listed)
  }

  admits({ method, headers }: IncomingMessage): boolean {
    const { origin, host } = headers
    if (origin !== undefined) return this.#listed.has(origin) || URL.parse(origin)?.host === host
    const site = headers['sec-fetch-site']
    if (site === undefined || site === 'same-origin' || site === 'none') return true
    // Somebody follows a link to here: what is shown, no other page can read.
    return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  }

  /** Tells a browser that a page of a listed origin may read the answer. */
  allowReading({ headers: { origin } }: IncomingMessage, res: ServerResponse): void {
    if (this.#listed.size === 0) return
    res.setHeader('vary', 'origin')
    if (origin === undefined || !this.#listed.has(origin)) return
    res.setHeader('access-control-allow-origin', origin)
    res.setHeader('access-control-allow-credentials', 'true')
    res.setHeader('access-control-expose-headers', 'retry-after, x-request-id')
  }

  /** Answers a browser that asks whether a page of a listed origin may send a request; false where that is not what is asked. */
  answerPreflight({ method, headers }: IncomingMessage, res: ServerResponse): boolean {
    const { origin } = headers
    if (method !== 'OPTIONS' || origin === undefined || !this.#listed.has(origin)) return false
    if (headers['access-control-request-method'] === undefined) return false
    res.writeHead(204, {
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization, content-type, last-event-id',
      'access-control-max-age': String(PREFLIGHT_SECONDS),
    })
    res.end()
    return true
  }
}

export const ANOTHER_ORIGIN: HttpError = {
  status: 403,
  code: 'FORBIDDEN',
  message: 'A page of another origin sent this request.',
  hint: 'List the origin in ALLOWED_ORIGINS, or, where a proxy changes the Host header, set PUBLIC_URL.',
}
