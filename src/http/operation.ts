import type { IncomingMessage } from 'node:http'
import { isAsyncIterable, processRegularResult } from 'graphql-yoga'
import * as z from 'zod'
import type { RequestInfo } from '../graphql/context.ts'
import type { TrustedDocuments } from '../graphql/documents.ts'
import type { GraphQLServer } from '../graphql/yoga.ts'
import type { Caller } from '../model.ts'

/** What nearly every client sends: nothing to refuse, and nothing to negotiate about. */
const Params = z.strictObject({
  query: z.string().exactOptional(),
  documentId: z.string().exactOptional(),
  operationName: z.string().exactOptional(),
  variables: z.record(z.string(), z.unknown()).exactOptional(),
})
type Params = z.output<typeof Params>

/** By what a client accepts. */
const TYPES = new Map([
  ['*/*', 'application/json'],
  ['application/json', 'application/json'],
  ['application/graphql-response+json', 'application/graphql-response+json'],
])

/** All that the plugins ask of it is its method. */
const POST = new Request('http://localhost/graphql', { method: 'POST' })

export interface PlainOperation {
  params: Params
  type: string
}

/** The query or mutation in a plain POST of JSON; null for whatever else it is, which yoga has to find out. */
export function plainOperation(req: IncomingMessage, body: string, documents: TrustedDocuments, caller: Caller): PlainOperation | null {
  const type = TYPES.get(req.headers.accept ?? '*/*')
  if (type === undefined) return null
  try {
    const params = Params.parse(JSON.parse(body))
    const text = documents.textOf(params, caller)
    // Whatever has the word may be a subscription.
    return text === '' || text.includes('subscription') ? null : { params, type }
  } catch {
    return null
  }
}

/** Executes it, past the requests and responses of fetch: these cost several times as much as what is done for it. */
export async function executePlain(
  yoga: GraphQLServer,
  { params, type }: PlainOperation,
  info: RequestInfo,
): Promise<{ status: number; headers: Record<string, string>; text: string }> {
  const result = await yoga.getResultForParams({ params, request: POST }, info)
  if (!result || isAsyncIterable(result)) throw new Error('A query or mutation has one result.')
  if (!result.errors) return { status: 200, headers: { 'content-type': `${type}; charset=utf-8` }, text: JSON.stringify(result) }
  // What an error means for the status, and which part of it is shown, yoga knows.
  const response = processRegularResult(result, yoga.fetchAPI, type)
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
}
