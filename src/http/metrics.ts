import type { IncomingMessage, ServerResponse } from 'node:http'
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import { XinyiError } from '../errors.ts'
import type { OperationReport } from '../graphql/measured.ts'
import type { Caller } from '../model.ts'
import type { StoreCall } from '../store/measured.ts'
import { Gauges, type Sources } from './gauges.ts'
import { permit } from './permit.ts'
import { httpErrorOf, sendError } from './respond.ts'

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const ROUTES = new Set(['/graphql', '/session', '/metrics', '/health/live', '/health/ready'])
const PREDECESSORS = '/api/memory/'

/** What is told to Prometheus. The values of labels are names of this service, never what a caller sent. docs/monitoring.md lists them. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #operations: Counter<'operation' | 'field' | 'code'>
  readonly #operationSeconds: Histogram<'operation' | 'field'>
  readonly #storeSeconds: Histogram<'store' | 'call'>
  readonly #storeFailures: Counter<'store' | 'call'>
  readonly #requests: Counter<'route' | 'status'>
  #gauges: Gauges | undefined

  constructor() {
    const registers = [this.#registry]
    this.#operations = new Counter({
      name: 'xinyi_graphql_operations_total',
      help: 'GraphQL operations, by kind, field of the root, and OK or the code of the first error.',
      labelNames: ['operation', 'field', 'code'],
      registers,
    })
    this.#operationSeconds = new Histogram({
      name: 'xinyi_graphql_operation_duration_seconds',
      help: 'Time until a GraphQL operation is answered; until it begins, of a subscription.',
      labelNames: ['operation', 'field'],
      buckets: BUCKETS_SECONDS,
      registers,
    })
    this.#storeSeconds = new Histogram({
      name: 'xinyi_store_call_duration_seconds',
      help: 'Time of a call of the store, by the store that did it.',
      labelNames: ['store', 'call'],
      buckets: BUCKETS_SECONDS,
      registers,
    })
    this.#storeFailures = new Counter({
      name: 'xinyi_store_failures_total',
      help: 'Calls of the store that failed.',
      labelNames: ['store', 'call'],
      registers,
    })
    this.#requests = new Counter({
      name: 'xinyi_http_requests_total',
      help: 'HTTP requests, by route and status; none where the client left before the answer.',
      labelNames: ['route', 'status'],
      registers,
    })
  }

  readonly operation = ({ kind, field, code, seconds }: OperationReport): void => {
    this.#operations.inc({ operation: kind, field, code })
    if (kind !== 'none') this.#operationSeconds.observe({ operation: kind, field }, seconds)
  }

  readonly storeCall = ({ store, call, seconds, failed }: StoreCall): void => {
    if (failed) this.#storeFailures.inc({ store, call })
    else this.#storeSeconds.observe({ store, call }, seconds)
  }

  request({ url = '' }: IncomingMessage, { headersSent, statusCode }: ServerResponse): void {
    this.#requests.inc({ route: routeOf(url), status: headersSent ? statusCode : 'none' })
  }

  /** From now on also what is read when it is asked for, and what the process is doing. */
  watch(sources: Sources): void {
    this.#gauges = new Gauges(this.#registry, sources)
    collectDefaultMetrics({ register: this.#registry })
  }

  async serve(caller: Caller, res: ServerResponse): Promise<void> {
    try {
      permit(caller, ['SUPERVISOR', 'ADMIN'])
    } catch (error) {
      if (error instanceof XinyiError) return sendError(res, httpErrorOf(error))
      throw error
    }
    await this.#gauges?.refresh()
    const text = await this.#registry.metrics()
    res.writeHead(200, { 'content-type': this.#registry.contentType, 'content-length': Buffer.byteLength(text) }).end(text)
  }
}

/** One of a few: whatever else is asked for is `other`. */
export function routeOf(url: string): string {
  const end = url.indexOf('?')
  const path = end < 0 ? url : url.slice(0, end)
  if (ROUTES.has(path)) return path
  return path.startsWith(PREDECESSORS) ? PREDECESSORS : 'other'
}
