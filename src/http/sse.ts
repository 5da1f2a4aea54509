import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type DocumentNode, GraphQLError, getOperationAST, OperationTypeNode } from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import * as z from 'zod'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Line } from '../graphql/context.ts'
import type { TrustedDocuments } from '../graphql/documents.ts'
import type { GraphQLServer } from '../graphql/yoga.ts'
import type { Caller } from '../model.ts'
import { requestIdOf } from './respond.ts'

/** Something is sent at least so often, so that neither end takes the other for gone. */
const SILENCE_MS = 12_000
/** After so long without taking anything a client is taken for gone. */
const STALLED_MS = 60_000

const Params = z.object({
  query: z.string().nullish(),
  documentId: z.string().nullish(),
  operationName: z.string().nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
})
type Params = z.output<typeof Params>

/** What a request for a stream of events asks for; null where it is nothing that could be a subscription. */
export function paramsOf(req: IncomingMessage, body: string | null): Params | null {
  try {
    if (body !== null) return Params.parse(JSON.parse(body))
    const { searchParams } = new URL(req.url ?? '', 'http://localhost')
    const { query, documentId, operationName, variables } = Object.fromEntries(searchParams)
    return Params.parse({ query, documentId, operationName, variables: variables ? JSON.parse(variables) : undefined })
  } catch {
    return null
  }
}

export const wantsEvents = (req: IncomingMessage): boolean => req.headers.accept?.includes('text/event-stream') ?? false

/**
 * Serves a subscription as server-sent events, in the way of graphql-sse with a connection for each, and for plain EventSource too: `next`
 * with a result, `complete` at the end. Events of the feed of alerts have their cursor as `id`, and while nothing comes a frame with nothing
 * but the present one: whoever sends it back as `Last-Event-ID`, as browsers do, goes on behind it. False where it is no valid subscription.
 */
export async function serveEvents(
  {
    yoga,
    authenticator,
    documents,
    streams,
  }: { yoga: GraphQLServer; authenticator: Pick<Authenticator, 'onEnd'>; documents: TrustedDocuments; streams: Set<ServerResponse> },
  { params, req, res, caller }: { params: Params; req: IncomingMessage; res: ServerResponse; caller: Caller },
): Promise<boolean> {
  const send = async (text: string): Promise<void> => {
    if (!res.write(text) && !res.destroyed) await Promise.race([once(res, 'drain'), once(res, 'close')])
  }
  const sendNext = (result: unknown): Promise<void> => send(`event: next\ndata: ${JSON.stringify(result)}\n\n`)
  const line: Line = {
    lastEventId: textOf(req.headers['last-event-id']),
    next: (json, cursor) => send(`event: next\n${cursor === null ? '' : `id: ${cursor}\n`}data: ${json}\n\n`),
    idle: (cursor) => void res.write(`id: ${cursor}\n\n`),
    tooSlow: () => {},
  }
  const { schema, parse, validate, contextFactory, subscribe } = yoga.getEnveloped({ params, caller, requestId: requestIdOf(res), line })
  const document = subscriptionIn(params.operationName, () => parse(documents.textOf(params, caller)))
  if (!document || validate(schema, document).length > 0) return false
  const { operationName, variables: variableValues } = params
  const result: unknown = await subscribe({ schema, document, operationName, variableValues, contextValue: await contextFactory() })

  streams.add(res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' }))
  res.flushHeaders()
  res.setTimeout(STALLED_MS, () => res.destroy())
  const beat = setInterval(() => res.write(':\n\n'), SILENCE_MS)
  try {
    if (isAsyncIterable(result)) {
      const iterator = result[Symbol.asyncIterator]()
      const end = () => void iterator.return?.()
      // Ends it at once; also where the client left while it began.
      if (res.destroyed) end()
      else {
        res.once('close', end)
        const stop = authenticator.onEnd(caller, () => {
          sendNext({ errors: [ENDED] }).catch(() => {})
          end()
        })
        res.once('close', stop)
        // Results go to the line; what comes of this is the end.
        await iterator.next()
      }
    } else await sendNext(result)
    if (!res.destroyed) res.end('event: complete\ndata: \n\n')
  } finally {
    clearInterval(beat)
    streams.delete(res)
  }
  return true
}

function subscriptionIn(operationName: Params['operationName'], parse: () => DocumentNode): DocumentNode | null {
  try {
    const document = parse()
    return getOperationAST(document, operationName)?.operation === OperationTypeNode.SUBSCRIPTION ? document : null
  } catch {
    return null
  }
}

const ENDED = new GraphQLError('The token or session has ended.', {
  extensions: { code: 'UNAUTHENTICATED', hint: 'Subscribe again behind the last cursor, with a new token.' },
})

const textOf = (header: string | string[] | undefined): string | null => (typeof header === 'string' && header !== '' ? header : null)
