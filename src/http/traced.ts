import type { IncomingMessage, ServerResponse } from 'node:http'
import { traced } from '../tracing/span.ts'
import { routeOf } from './metrics.ts'

const METHODS = new Set(['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'])

/**
 * A request in a span of its own, or as part of the trace that its caller names, if they are known: a stranger decides neither what is
 * sampled nor whose trace it is in. The span has its route, method and status, and nothing else of it.
 */
export async function tracedRequest(
  req: IncomingMessage,
  res: ServerResponse,
  { isKnown, work }: { isKnown(): Promise<boolean>; work(): Promise<void> },
): Promise<void> {
  const { method = '', url = '' } = req
  const said = METHODS.has(method) ? method : '_OTHER'
  const route = routeOf(url)
  const named = { traceparent: headerOf(req, 'traceparent'), tracestate: headerOf(req, 'tracestate') }
  const request = named.traceparent !== undefined && (await isKnown()) ? named : NONE
  return traced({ name: `${said} ${route}`, attributes: { 'http.request.method': said, 'http.route': route }, request }, async (tell) => {
    await work()
    tell({ 'http.response.status_code': res.statusCode })
  })
}

const NONE = { traceparent: undefined, tracestate: undefined }

function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}
