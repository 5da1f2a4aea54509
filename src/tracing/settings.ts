import * as z from 'zod'

/** Where spans are sent, and of which requests; the rest of OTEL_… is the SDK's own. */
export interface TracingConfig {
  /** Of OTLP over HTTP. May hold a password: never print it. */
  readonly url: string
  readonly serviceName: string
  readonly sampler: (typeof SAMPLERS)[number]
  /** Of the requests that begin here, for the samplers that take one. */
  readonly ratio: number
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const
const DEFAULT_ENDPOINT = 'http://localhost:4318'

const Url = z.url({ protocol: /^https?$/ })
const Sampler = z.enum(SAMPLERS)
const Ratio = z.coerce.number().min(0).max(1)

/** Null where tracing is off: it is unless an endpoint, or the exporter, is named. Adds a line for every mistake. */
export function tracingOf(env: Readonly<Record<string, string | undefined>>, mistakes: string[]): TracingConfig | null {
  const given = (name: string): string => env[`OTEL_${name}`]?.trim() ?? ''
  const endpoint = given('EXPORTER_OTLP_ENDPOINT')
  const own = given('EXPORTER_OTLP_TRACES_ENDPOINT')
  const exporter = given('TRACES_EXPORTER').toLowerCase()
  if (given('SDK_DISABLED').toLowerCase() === 'true' || exporter === 'none') return null
  if (exporter === '' && endpoint === '' && own === '') return null
  if (exporter !== '' && exporter !== 'otlp') mistakes.push('OTEL_TRACES_EXPORTER has to be otlp, or none; others are not built in.')
  const protocol = given('EXPORTER_OTLP_TRACES_PROTOCOL') || given('EXPORTER_OTLP_PROTOCOL')
  if (protocol !== '' && !protocol.startsWith('http/'))
    mistakes.push('OTEL_EXPORTER_OTLP_PROTOCOL has to be http/json, or left out: traces are sent over HTTP.')
  const url = own || `${(endpoint || DEFAULT_ENDPOINT).replace(/\/+$/, '')}/v1/traces`
  if (!Url.safeParse(url).success) mistakes.push('OTEL_EXPORTER_OTLP_ENDPOINT has to be a URL such as http://localhost:4318.')
  const sampler = Sampler.safeParse(given('TRACES_SAMPLER') || 'parentbased_always_on')
  if (!sampler.success) mistakes.push(`OTEL_TRACES_SAMPLER has to be one of ${SAMPLERS.join(', ')}.`)
  const ratio = Ratio.safeParse(given('TRACES_SAMPLER_ARG') || '1')
  if (!ratio.success) mistakes.push('OTEL_TRACES_SAMPLER_ARG has to be a number from 0 to 1.')
  return Object.freeze({
    url,
    serviceName: given('SERVICE_NAME') || 'xinyi',
    sampler: sampler.data ?? 'parentbased_always_on',
    ratio: ratio.data ?? 1,
  })
}
