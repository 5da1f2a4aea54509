import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, type TextMapGetter, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { XinyiError } from '../errors.ts'
import type { TracingConfig } from './settings.ts'
import type { Traced, Tracer } from './span.ts'

/** Nobody waits longer for a collector that does not answer when the service ends. */
const END_MS = 2_000

const SAMPLERS: Record<TracingConfig['sampler'], (ratio: number) => Sampler> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (ratio) => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
}

/** Sends spans to a collector, by OTLP over HTTP. Headers, time-outs, certificates and batches are what the SDK reads of OTEL_… itself. */
export function openTracer({ url, serviceName, sampler, ratio }: TracingConfig): Tracer & { close(): Promise<void> } {
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': serviceName })),
    sampler: SAMPLERS[sampler](ratio),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }) })],
  })
  const spans = provider.getTracer('xinyi')
  const contexts = new AsyncLocalStorage<Context>()

  const parentOf = ({ request, isRoot }: Traced): Context | undefined => {
    const present = contexts.getStore()
    if (!request) return present ?? (isRoot ? ROOT_CONTEXT : undefined)
    return new W3CTraceContextPropagator().extract(ROOT_CONTEXT, request, HEADERS)
  }

  return {
    async run(traced, work) {
      const parent = parentOf(traced)
      // What the service does of itself belongs to nobody's request.
      if (!parent) return work(() => {})
      const { name, attributes, request } = traced
      const span = spans.startSpan(name, { kind: request ? SpanKind.SERVER : SpanKind.INTERNAL, ...(attributes && { attributes }) }, parent)
      try {
        return await contexts.run(trace.setSpan(parent, span), () => work((more) => span.setAttributes(more)))
      } catch (error) {
        // Its message may be somebody's words.
        span.setAttribute('error.type', error instanceof XinyiError ? error.code : 'INTERNAL_SERVER_ERROR')
        span.setStatus({ code: SpanStatusCode.ERROR })
        throw error
      } finally {
        span.end()
      }
    },
    capture() {
      const present = contexts.getStore()
      return (work) => (present ? contexts.run(present, work) : contexts.exit(work))
    },
    async close() {
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, END_MS)
      await Promise.race([provider.shutdown().catch(() => {}), late.promise])
      clearTimeout(timer)
    },
  }
}

const HEADERS: TextMapGetter<NonNullable<Traced['request']>> = {
  keys: () => ['traceparent', 'tracestate'],
  get: (headers, key) => (key === 'traceparent' || key === 'tracestate' ? headers[key] : undefined),
}
