/** What a span says. Names of this service, and codes; never what a caller sent, nor whom it is about. */
export type Attributes = Readonly<Record<string, string | number>>

export interface Traced {
  name: string
  attributes?: Attributes
  /** A request from outside: it is traced on its own, or as part of what its header `traceparent` names. Everything else is only as part of one. */
  request?: { traceparent: string | undefined; tracestate: string | undefined }
  /** One that did not come by such a request, as over a WebSocket, is traced on its own all the same. */
  isRoot?: boolean
}

/** Adds to what a span says once that is known. */
export type Tell = (attributes: Attributes) => void

/** What traces, where tracing is on. */
export interface Tracer {
  run<T>(traced: Traced, work: (tell: Tell) => T | Promise<T>): Promise<T>
  /** Answers what runs something later as part of what is under way now. */
  capture(): <T>(work: () => T) => T
}

let tracer: Tracer | null = null

export function useTracer(next: Tracer | null): void {
  tracer = next
}

export const isTracing = (): boolean => tracer !== null

/** Does the work, in a span where tracing is on. */
export async function traced<T>(what: Traced, work: (tell: Tell) => T | Promise<T>): Promise<T> {
  return tracer ? tracer.run(what, work) : work(silent)
}

/** For what is done later, by somebody else, as part of what is under way now. */
export const captured = (): (<T>(work: () => T) => T) => tracer?.capture() ?? atOnce

const silent: Tell = () => {}
const atOnce = <T>(work: () => T): T => work()
