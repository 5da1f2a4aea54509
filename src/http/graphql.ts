import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Authenticator } from '../auth/authenticator.ts'
import type { TrustedDocuments } from '../graphql/documents.ts'
import type { GraphQLServer } from '../graphql/yoga.ts'
import type { Caller } from '../model.ts'
import { readBody, refuseBody } from './body.ts'
import { executePlain, plainOperation } from './operation.ts'
import { type HttpError, requestIdOf, sendError } from './respond.ts'
import { paramsOf, serveEvents, wantsEvents } from './sse.ts'

/** After so long without taking anything (a stream sends something every 12 s) a client is taken for gone. */
const STALLED_MS = 60_000

export interface GraphQLEndpoint {
  yoga: GraphQLServer
  authenticator: Pick<Authenticator, 'onEnd'>
  documents: TrustedDocuments
  maxBodyBytes: number
  /** Answers that go on until somebody ends them. */
  streams: Set<ServerResponse>
}

/** GraphQL over HTTP: queries by GET, everything by POST of JSON (never of a form, which pages of other sites can send); subscriptions as server-sent events. */
export async function serveGraphQL(
  { yoga, authenticator, documents, maxBodyBytes, streams }: GraphQLEndpoint,
  { req, res, caller }: { req: IncomingMessage; res: ServerResponse; caller: Caller },
): Promise<void> {
  const requestId = requestIdOf(res)
  // What they came with can end while they are being answered.
  const untilEnd = () => {
    // Of a client that is gone already nothing would ever end the watch.
    if (res.destroyed) return
    res.once(
      'close',
      authenticator.onEnd(caller, () => res.destroy()),
    )
  }
  const answer = async (response: Response) => {
    untilEnd()
    await send(response, res, streams)
  }
  const servesEvents = async (body: string | null): Promise<boolean> => {
    const params = wantsEvents(req) ? paramsOf(req, body) : null
    return params !== null && (await serveEvents({ yoga, authenticator, documents, streams }, { params, req, res, caller }))
  }
  if (req.method === 'GET' && (await servesEvents(null))) return
  if (req.method === 'GET') return answer(await yoga.fetch(urlOf(req), initOf(req), { caller, requestId }))
  if (req.method !== 'POST') return sendError(res, METHOD)
  if (!takesJson(req)) return sendError(res, MEDIA_TYPE)
  // A body can take its time, and what they came with can end meanwhile.
  let hasEnded = false
  const stop = authenticator.onEnd(caller, () => {
    hasEnded = true
  })
  const body = await readBody(req, maxBodyBytes).finally(stop)
  if (typeof body !== 'string') return refuseBody(req, res, body)
  if (hasEnded) return sendError(res, ENDED)
  if (await servesEvents(body)) return
  const plain = plainOperation(req, body, documents, caller)
  if (plain) {
    const { status, headers, text } = await executePlain(yoga, plain, { caller, requestId })
    untilEnd()
    return void res.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) }).end(text)
  }
  return answer(await yoga.fetch(urlOf(req), { ...initOf(req), body }, { caller, requestId }))
}

/** Whether the body is said to be JSON, as no form of a page of another site can say. */
export const takesJson = ({ headers }: IncomingMessage): boolean => /^application\/json *(;|$)/i.test(headers['content-type'] ?? '')

const urlOf = ({ url = '/' }: IncomingMessage): string => new URL(url, 'http://localhost').href

const initOf = ({ method = 'GET', headers }: IncomingMessage) => ({
  method,
  headers: Object.entries(headers).filter((header): header is [string, string] => typeof header[1] === 'string'),
})

async function send(response: Response, res: ServerResponse, streams: Set<ServerResponse>): Promise<void> {
  const { status, headers, body } = response
  const head = Object.fromEntries(headers)
  if (!body || headers.has('content-length')) return void res.writeHead(status, head).end(await response.text())

  // Cancelling the body ends a subscription at once; leaving the loop over it would wait for the next event first.
  const cancel = () => body.cancel().catch(() => {})
  res.once('close', cancel)
  streams.add(res.writeHead(status, head))
  res.setTimeout(STALLED_MS, () => res.destroy())
  try {
    for await (const chunk of body) {
      if (res.destroyed) break
      if (!res.write(chunk)) await Promise.race([once(res, 'drain'), once(res, 'close')])
    }
    res.end()
  } catch (error) {
    if (!res.destroyed) throw error
  } finally {
    streams.delete(res)
  }
}

const ENDED: HttpError = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'The token or session ended before the request had come.',
  hint: 'Send it again with a new token, or sign in again at /graphql.',
  headers: { 'www-authenticate': 'Bearer' },
}

const METHOD: HttpError = {
  status: 405,
  code: 'BAD_USER_INPUT',
  message: 'GraphQL is served to GET and POST only.',
  hint: 'Send a POST with content-type: application/json.',
  headers: { allow: 'GET, POST' },
}

export const MEDIA_TYPE: HttpError = {
  status: 415,
  code: 'BAD_USER_INPUT',
  message: 'The body of a POST has to be JSON.',
  hint: 'Send it with content-type: application/json.',
}
